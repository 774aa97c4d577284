#include "paceline/metrics/seat_reader.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "paceline/metrics.h"

namespace paceline {
namespace {

constexpr MetricInfo kJobs{.name = "jobs_total", .help = "Test.", .labels = {"kind"}};
constexpr MetricInfo kLevel{.name = "level", .kind = MetricKind::gauge, .help = "Test."};
constexpr MetricInfo kTook{.name = "took_seconds", .kind = MetricKind::histogram, .help = "Test."};

class SeatReaderTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> memory_ = std::vector<std::uint64_t>(metrics_block_bytes() / 8 + 1);
  std::span<std::byte> bytes_ = std::as_writable_bytes(std::span(memory_));
  SeatReader reader_{bytes_};
};

TEST_F(SeatReaderTest, ReadsTheSameAsReadMetrics) {
  MetricsBlock block = *MetricsBlock::create(bytes_);
  block.counter(kJobs, {{"kind", "a"}}).add(3);
  block.gauge(kLevel).set(-7);
  block.histogram(kTook).record(5ms, 2);
  ASSERT_TRUE(reader_.read());
  const Result<MetricsSnapshot> once = read_metrics(bytes_);
  ASSERT_TRUE(once);
  ASSERT_EQ(reader_.series().size(), once->series.size());
  for (const SeatReader::Series& series : reader_.series()) {
    const auto found = once->series.find(series.key);
    ASSERT_NE(found, once->series.end()) << series.key.name;
    EXPECT_EQ(found->second.count, series.value.count);
    EXPECT_EQ(found->second.level, series.value.level);
    EXPECT_EQ(found->second.histogram.buckets(), series.value.histogram.buckets());
  }
  EXPECT_EQ(reader_.incarnation(), once->incarnation);
}

TEST_F(SeatReaderTest, SeesNewValuesAndNewSeries) {
  MetricsBlock block = *MetricsBlock::create(bytes_);
  Counter jobs = block.counter(kJobs, {{"kind", "a"}});
  ASSERT_TRUE(reader_.read());
  ASSERT_EQ(reader_.series().size(), 2U);
  jobs.add(5);
  block.gauge(kLevel).set(1);
  ASSERT_TRUE(reader_.read());
  ASSERT_EQ(reader_.series().size(), 3U);
  EXPECT_EQ(reader_.series()[1].value.count, 5U);
  EXPECT_EQ(reader_.series()[2].value.level, 1);
  EXPECT_TRUE(reader_.take_former().empty());
}

TEST_F(SeatReaderTest, HandsOverWhatABlockHeldBeforeItWasFormattedAnew) {
  MetricsBlock::create(bytes_)->counter(kJobs, {{"kind", "a"}}).add(5);
  ASSERT_TRUE(reader_.read());
  MetricsBlock::create(bytes_)->counter(kJobs, {{"kind", "b"}}).add(1);
  ASSERT_TRUE(reader_.read());
  const std::vector<SeatReader::Series> former = reader_.take_former();
  ASSERT_EQ(former.size(), 2U);
  EXPECT_EQ(former[1].value.count, 5U);
  EXPECT_EQ(reader_.series()[1].key.labels, "kind=\"b\"");
  EXPECT_TRUE(reader_.take_former().empty());
}

TEST_F(SeatReaderTest, WhatCannotBeReadLeavesWhatWasRead) {
  EXPECT_FALSE(reader_.read());
  MetricsBlock::create(bytes_)->counter(kJobs, {{"kind", "a"}}).add(5);
  ASSERT_TRUE(reader_.read());
  memory_[0] = 0;
  EXPECT_FALSE(reader_.read());
  ASSERT_EQ(reader_.series().size(), 2U);
  EXPECT_EQ(reader_.series()[1].value.count, 5U);
}

}  // namespace
}  // namespace paceline
