#include "paceline/monitor/exposition.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

constexpr MetricInfo kJobs{.name = "jobs_total", .help = "Jobs that ended."};
constexpr MetricInfo kTook{.name = "job_seconds",
                           .kind = MetricKind::histogram,
                           .help = "How long a job took.",
                           .bounds = kLoopBounds};

MetricCatalogue catalogue() {
  static constexpr MetricInfo kAll[] = {kJobs, kTook};
  MetricCatalogue result;
  result.add(kAll);
  return result;
}

HistogramTotals histogram(std::initializer_list<Duration> records) {
  std::vector<std::uint64_t> buckets(HistogramScale::buckets);
  std::uint64_t sum = 0;
  for (const Duration record : records) {
    ++buckets[HistogramScale::bucket(static_cast<std::uint64_t>(record.count()))];
    sum += static_cast<std::uint64_t>(record.count());
  }
  return {std::move(buckets), sum};
}

TEST(Exposition, WritesNumbersAsPrometheusDoes) {
  const auto text = [](double value) {
    std::string out;
    append_number(out, value);
    return out;
  };
  EXPECT_EQ(text(0.0005), "0.0005");
  EXPECT_EQ(text(0.00001), "1e-05");
  EXPECT_EQ(text(2.5), "2.5");
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(12345678901), "12345678901");
  EXPECT_EQ(text(1e21), "1e+21");
}

TEST(Exposition, APlainTextFamilyHasHelpTypeAndSamples) {
  const MetricCatalogue known = catalogue();
  Exposition text(MetricsFormat::prometheus, known, 10);
  text.add({"jobs_total", "kind=\"a\"", MetricKind::counter}, {.count = 3});
  text.add({"jobs_total", "kind=\"b\"", MetricKind::counter}, {.count = 4}, "worker=\"1\"");
  text.add({"other", "", MetricKind::gauge}, {.level = -2});
  EXPECT_EQ(text.take(),
            "# HELP jobs_total Jobs that ended.\n"
            "# TYPE jobs_total counter\n"
            "jobs_total{kind=\"a\"} 3\n"
            "jobs_total{worker=\"1\",kind=\"b\"} 4\n"
            "# TYPE other gauge\n"
            "other -2\n");
}

TEST(Exposition, OpenMetricsNamesACountersFamilyWithoutItsSuffixAndEnds) {
  const MetricCatalogue known = catalogue();
  Exposition text(MetricsFormat::openmetrics, known, 10);
  text.add({"jobs_total", "", MetricKind::counter}, {.count = 3});
  EXPECT_EQ(text.take(),
            "# HELP jobs Jobs that ended.\n# TYPE jobs counter\njobs_total 3\n# EOF\n");
}

TEST(Exposition, OpenMetricsSaysSinceWhenItCounts) {
  const MetricCatalogue known = catalogue();
  for (const auto format : {MetricsFormat::prometheus, MetricsFormat::openmetrics}) {
    Exposition text(format, known, 10, 1795472311.25);
    text.add({"job_seconds", "a=\"b\"", MetricKind::histogram}, {.histogram = histogram({5us})});
    text.add({"jobs_total", "a=\"b\"", MetricKind::counter}, {.count = 3}, "worker=\"1\"");
    text.add({"other", "", MetricKind::gauge}, {.level = 2});
    const std::string shown = text.take();
    const bool open = format == MetricsFormat::openmetrics;
    EXPECT_EQ(shown.contains("job_seconds_count{a=\"b\"} 1\n"
                             "job_seconds_created{a=\"b\"} 1795472311.25\n"),
              open)
        << shown;
    EXPECT_EQ(shown.contains("jobs_total{worker=\"1\",a=\"b\"} 3\n"
                             "jobs_created{worker=\"1\",a=\"b\"} 1795472311.25\n"),
              open);
    EXPECT_FALSE(shown.contains("other_created"));
    EXPECT_EQ(shown.contains("_created"), open);
  }
}

TEST(Exposition, TimesAndRatiosAreStoredInBillionths) {
  const MetricCatalogue known;
  Exposition text(MetricsFormat::prometheus, known, 10);
  text.add({"busy_seconds_total", "", MetricKind::counter}, {.count = 1'500'000'000});
  text.add({"used_ratio", "", MetricKind::gauge}, {.level = 700'000'000});
  EXPECT_EQ(text.take(),
            "# TYPE busy_seconds_total counter\nbusy_seconds_total 1.5\n"
            "# TYPE used_ratio gauge\nused_ratio 0.7\n");
}

TEST(Exposition, AHistogramsBucketsRiseToItsCount) {
  const MetricCatalogue known = catalogue();
  Exposition text(MetricsFormat::prometheus, known, 10);
  text.add({"job_seconds", "", MetricKind::histogram},
           {.histogram = histogram({5us, 20ms, 20ms, 30s})});
  const std::string shown = text.take();
  EXPECT_TRUE(shown.contains("job_seconds_bucket{le=\"1e-05\"} 1\n")) << shown;
  EXPECT_TRUE(shown.contains("job_seconds_bucket{le=\"0.01\"} 1\n")) << shown;
  EXPECT_TRUE(shown.contains("job_seconds_bucket{le=\"0.025\"} 3\n")) << shown;
  EXPECT_TRUE(shown.contains("job_seconds_bucket{le=\"5\"} 3\n")) << shown;
  EXPECT_TRUE(shown.contains("job_seconds_bucket{le=\"+Inf\"} 4\n")) << shown;
  EXPECT_TRUE(shown.contains("job_seconds_count 4\n")) << shown;
}

TEST(Exposition, AnExampleStandsBehindItsBucketInOpenMetricsOnly) {
  const MetricCatalogue known = catalogue();
  const MetricValue value{.histogram = histogram({20ms}),
                          .examples = {{.duration = 20ms,
                                        .time = std::chrono::system_clock::time_point(1795472311s),
                                        .id = "abc"}}};
  for (const auto format : {MetricsFormat::prometheus, MetricsFormat::openmetrics}) {
    Exposition text(format, known, 10);
    text.add({"job_seconds", "", MetricKind::histogram}, value);
    const bool shown = text.take().contains(
        "job_seconds_bucket{le=\"0.025\"} 1 # {request_id=\"abc\"} 0.02 1795472311\n");
    EXPECT_EQ(shown, format == MetricsFormat::openmetrics);
  }
}

TEST(Exposition, ABoundOfAGoalIsABucket) {
  MetricCatalogue known = catalogue();
  const std::array<Duration, 1> goal = {300ms};
  known.add_bounds("job_seconds", goal);
  Exposition text(MetricsFormat::prometheus, known, 10);
  text.add({"job_seconds", "", MetricKind::histogram}, {.histogram = histogram({290ms})});
  EXPECT_TRUE(text.take().contains("{le=\"0.25\"} 0\njob_seconds_bucket{le=\"0.3\"} 1\n"));
}

TEST(Exposition, MoreSeriesThanTheLimitAreLeftOutAndCounted) {
  const MetricCatalogue known;
  Exposition text(MetricsFormat::prometheus, known, 3);
  for (int i = 0; i < 5; ++i) {
    text.add({"a", "n=\"" + std::to_string(i) + "\"", MetricKind::gauge}, {.level = i});
  }
  EXPECT_EQ(text.series(), 3U);
  EXPECT_EQ(text.left_out(), 2U);
  EXPECT_FALSE(text.take().contains("n=\"3\""));
}

TEST(Exposition, AcceptDecidesTheFormat) {
  using enum MetricsFormat;
  EXPECT_EQ(negotiate_format(""), prometheus);
  EXPECT_EQ(negotiate_format("*/*"), prometheus);
  EXPECT_EQ(negotiate_format("application/openmetrics-text; version=1.0.0"), openmetrics);
  EXPECT_EQ(negotiate_format("application/openmetrics-text;version=1.0.0,"
                             "application/openmetrics-text;version=0.0.1;q=0.75,"
                             "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            openmetrics);
  EXPECT_EQ(negotiate_format("text/plain, application/openmetrics-text;q=0.5"), prometheus);
  EXPECT_EQ(negotiate_format("application/openmetrics-text;q=0"), prometheus);
}

}  // namespace
}  // namespace paceline
