#include "paceline/metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace paceline {
namespace {

constexpr std::uint64_t ns_of(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9 + 0.5);
}

TEST(MetricsHistogram, EveryBoundStartsItsOwnBucket) {
  for (std::size_t i = 1; i < HistogramScale::buckets; ++i) {
    const std::uint64_t bound = HistogramScale::lower_ns(i);
    EXPECT_EQ(HistogramScale::bucket(bound), i) << bound;
    EXPECT_EQ(HistogramScale::bucket(bound - 1), i - 1) << bound;
  }
  EXPECT_EQ(HistogramScale::bucket(0), 0u);
  EXPECT_EQ(HistogramScale::bucket(UINT64_MAX), HistogramScale::buckets - 1);
}

TEST(MetricsHistogram, TheGoalsAndTheDefaultsOfOpenTelemetryAreExactBounds) {
  for (double seconds :
       {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0}) {
    const std::uint64_t ns = ns_of(seconds);
    EXPECT_EQ(HistogramScale::lower_ns(HistogramScale::bucket(ns)), ns) << seconds;
  }
}

TEST(MetricsHistogram, NoBucketIsWiderThanAnEighth) {
  for (std::size_t i = 1; i + 1 < HistogramScale::buckets; ++i) {
    const std::uint64_t lower = HistogramScale::lower_ns(i);
    EXPECT_LE((HistogramScale::upper_ns(i) - lower) * 8, lower) << i;
  }
}

TEST(MetricsHistogram, AnyValueLiesBetweenTheBoundsOfItsBucket) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t ns = random() >> (random() % 64);
    const std::size_t bucket = HistogramScale::bucket(ns);
    ASSERT_GE(ns, HistogramScale::lower_ns(bucket));
    ASSERT_LT(ns, HistogramScale::upper_ns(bucket)) << bucket;
  }
}

HistogramTotals totals_of(const std::vector<std::uint64_t>& values) {
  std::vector<std::uint64_t> buckets(HistogramScale::buckets);
  std::uint64_t sum = 0;
  for (std::uint64_t ns : values) {
    ++buckets[HistogramScale::bucket(ns)];
    sum += ns;
  }
  return {std::move(buckets), sum};
}

TEST(MetricsHistogram, CountsBelowTheGoalsAreExact) {
  const HistogramTotals totals =
      totals_of({199'999'999, 200'000'000, 200'000'001, 499'999'999, 500'000'000});
  EXPECT_EQ(totals.count_below(200ms), 1u);
  EXPECT_EQ(totals.count_below(500ms), 4u);
  EXPECT_EQ(totals.count_below(0ms), 0u);
  EXPECT_EQ(totals.count_below(200s), 5u);
  EXPECT_EQ(totals.count(), 5u);
}

TEST(MetricsHistogram, QuantilesKeepTheDocumentedError) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> shape(std::log(3e6), 2.0);
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(std::clamp<std::uint64_t>(static_cast<std::uint64_t>(shape(random)), 1000,
                                               HistogramScale::overflow_ns - 1));
  }
  const HistogramTotals totals = totals_of(values);
  std::sort(values.begin(), values.end());
  for (double q : {0.0, 0.1, 0.5, 0.95, 0.99, 0.999, 1.0}) {
    const std::size_t rank = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size()))));
    const double exact = static_cast<double>(values[rank - 1]);
    const double estimate = static_cast<double>(totals.quantile(q).count());
    EXPECT_LE(std::abs(estimate - exact), exact * 0.0625 + 1) << q;
  }
}

TEST(MetricsHistogram, MergingIsTheSameAsRecordingTogether) {
  HistogramTotals merged;
  EXPECT_EQ(merged.quantile(0.5), 0ns);
  merged.merge(totals_of({1'000, 5'000'000}));
  merged.merge(HistogramTotals{});
  merged.merge(totals_of({7, 300'000'000'000}));
  const HistogramTotals together = totals_of({1'000, 5'000'000, 7, 300'000'000'000});
  EXPECT_EQ(merged.buckets(), together.buckets());
  EXPECT_EQ(merged.sum_ns(), together.sum_ns());
  EXPECT_EQ(merged.quantile(1.0), 100s);
}

}  // namespace
}  // namespace paceline
