#include "paceline/metrics.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace paceline {
namespace {

constexpr MetricsLimits small{.series_max = 8, .histograms_max = 2};

/// A seat's bytes in a real region, as the cluster hands them out.
class Seats {
 public:
  explicit Seats(std::size_t count, MetricsLimits limits = small) {
    std::vector<SharedRegion::Part> parts;
    for (std::size_t i = 0; i < count; ++i) {
      parts.push_back({.name = "seat" + std::to_string(i), .bytes = metrics_block_bytes(limits)});
    }
    Result<SharedRegion> region = SharedRegion::create("metrics", parts);
    check(region.has_value());
    region_ = std::move(*region);
  }
  std::span<std::byte> bytes(std::size_t i) const {
    return region_.part("seat" + std::to_string(i));
  }

 private:
  SharedRegion region_;
};

MetricsBlock block_at(std::span<std::byte> bytes, MetricsLimits limits = small) {
  Result<MetricsBlock> block = MetricsBlock::attach(bytes);
  if (!block) block = MetricsBlock::create(bytes, limits);
  check(block.has_value());
  return *block;
}

/// Declares and registers at once. Names of a program are literals; those of these tests may not
/// be.
MetricInfo info_of(MetricKind kind, std::string_view name,
                   std::initializer_list<MetricLabel> labels) {
  MetricInfo info{.name = name, .kind = kind};
  std::ranges::transform(labels, info.labels.begin(), &MetricLabel::name);
  return info;
}
Counter counter(MetricsBlock& block, std::string_view name,
                std::initializer_list<MetricLabel> labels = {}) {
  return block.counter(info_of(MetricKind::counter, name, labels), labels);
}
Gauge gauge(MetricsBlock& block, std::string_view name,
            std::initializer_list<MetricLabel> labels = {}) {
  return block.gauge(info_of(MetricKind::gauge, name, labels), labels);
}
Gauge gauge_max(MetricsBlock& block, std::string_view name) {
  return block.gauge(info_of(MetricKind::gauge_max, name, {}));
}
Histogram histogram(MetricsBlock& block, std::string_view name,
                    std::initializer_list<MetricLabel> labels = {}) {
  return block.histogram(info_of(MetricKind::histogram, name, labels), labels);
}

std::uint64_t count_of(const MetricsTotals& totals, std::string_view name,
                       std::string_view labels = "") {
  const auto at = totals.find({std::string(name), std::string(labels), MetricKind::counter});
  return at == totals.end() ? 0 : at->second.count;
}

TEST(MetricsBlock, WhatIsWrittenIsRead) {
  Seats seats(1);
  MetricsBlock block = block_at(seats.bytes(0));
  Counter requests = counter(block, "requests_total", {{"status", "200"}, {"route", "/data/{id}"}});
  Gauge connections = gauge(block, "connections");
  Histogram duration = histogram(block, "request_duration_seconds");
  requests.add();
  requests.add(4);
  connections.set(-3);
  connections.add(1);
  duration.record(199ms);
  duration.record(200ms);
  duration.record(-1ns);

  const Result<MetricsSnapshot> read = read_metrics(seats.bytes(0));
  ASSERT_TRUE(read);
  EXPECT_EQ(count_of(read->series, "requests_total", R"(route="/data/{id}",status="200")"), 5u);
  EXPECT_EQ(read->series.at({"connections", "", MetricKind::gauge}).level, -2);
  const HistogramTotals& times =
      read->series.at({"request_duration_seconds", "", MetricKind::histogram}).histogram;
  EXPECT_EQ(times.count(), 3u);
  EXPECT_EQ(times.count_below(200ms), 2u);
  EXPECT_EQ(times.sum_ns(), 399'000'000u);
}

TEST(MetricsBlock, EveryDeclaredBoundIsOneOfTheScale) {
  for (const auto bounds :
       {std::span<const Duration>(kRequestBounds), std::span<const Duration>(kLoopBounds)}) {
    EXPECT_TRUE(std::ranges::is_sorted(bounds, std::ranges::less_equal()));
    for (const Duration bound : bounds) {
      const auto ns = static_cast<std::uint64_t>(bound.count());
      EXPECT_EQ(HistogramScale::lower_ns(HistogramScale::bucket(ns)), ns) << ns;
    }
  }
}

TEST(MetricsBlock, AnotherKindOrOtherLabelsThanDeclaredAreABug) {
  Seats seats(1);
  MetricsBlock block = block_at(seats.bytes(0));
  const MetricInfo info{.name = "a_total", .labels = {"route"}};
  EXPECT_TRUE(block.counter(info, {{"route", "/"}}));
  EXPECT_DEATH(block.gauge(info, {{"route", "/"}}), "no gauge");
  EXPECT_DEATH(block.counter(info), "labels");
  EXPECT_DEATH(block.counter(info, {{"path", "/"}}), "labels");
}

TEST(MetricsBlock, TheNameSaysTheUnit) {
  EXPECT_EQ(metric_unit("process_cpu_seconds_total"), 1e-9);
  EXPECT_EQ(metric_unit("paceline_loop_lag_max_seconds"), 1e-9);
  EXPECT_EQ(metric_unit("paceline_loop_utilization_ratio"), 1e-9);
  EXPECT_EQ(metric_unit("paceline_cache_bytes"), 1.0);
  EXPECT_EQ(metric_unit("paceline_writes_total"), 1.0);
}

TEST(MetricsBlock, AHistogramKeepsOneExample) {
  using namespace std::chrono;
  Seats seats(1);
  MetricsBlock block = block_at(seats.bytes(0));
  Histogram times = histogram(block, "t_seconds");
  const auto examples = [&] {
    const Result<MetricsSnapshot> read = read_metrics(seats.bytes(0));
    return read->series.at({"t_seconds", "", MetricKind::histogram}).examples;
  };
  EXPECT_TRUE(examples().empty());
  times.example(3ms, system_clock::time_point(1s), "0123456789abcdef");
  times.example(7ms, system_clock::time_point(2s), "an-id-of-32-bytes-is-the-longest");
  ASSERT_EQ(examples().size(), 1u);
  EXPECT_EQ(examples()[0].duration, 7ms);
  EXPECT_EQ(examples()[0].time, system_clock::time_point(2s));
  EXPECT_EQ(examples()[0].id, "an-id-of-32-bytes-is-the-longest");
  times.example(9ms, system_clock::time_point(3s), "this-id-has-33-bytes-and-is-too-l");
  EXPECT_EQ(examples()[0].duration, 7ms);
  times.example(9ms, system_clock::time_point(3s), "quote\"");  // as only a wild process writes
  EXPECT_TRUE(examples().empty());
  Histogram{}.example(1ms, {}, "x");
}

TEST(MetricsBlock, TheSameNameAndLabelsAreTheSameSeries) {
  Seats seats(1);
  MetricsBlock block = block_at(seats.bytes(0));
  counter(block, "a_total", {{"x", "1"}, {"y", "2"}}).add(1);
  counter(block, "a_total", {{"y", "2"}, {"x", "1"}}).add(2);
  gauge(block, "a_total", {{"x", "1"}, {"y", "2"}}).set(9);
  EXPECT_EQ(block.series(), 2u);
  const Result<MetricsSnapshot> read = read_metrics(seats.bytes(0));
  ASSERT_TRUE(read);
  EXPECT_EQ(count_of(read->series, "a_total", R"(x="1",y="2")"), 3u);
}

TEST(MetricsBlock, LabelValuesCannotForgeALine) {
  Seats seats(1);
  MetricsBlock block = block_at(seats.bytes(0));
  counter(block, "a_total", {{"route", "q\"b\\n\nx\r"}}).add(1);
  const Result<MetricsSnapshot> read = read_metrics(seats.bytes(0));
  ASSERT_TRUE(read);
  EXPECT_EQ(count_of(read->series, "a_total", R"(route="q\"b\\n\nx ")"), 1u);
}

TEST(MetricsBlock, AFullBlockDropsAndCounts) {
  Seats seats(1);
  MetricsBlock block = block_at(seats.bytes(0));
  for (int i = 0; i < 8; ++i) {
    EXPECT_TRUE(counter(block, "c" + std::to_string(i)));
  }
  Counter none = counter(block, "c8");
  EXPECT_FALSE(none);
  none.add(7);
  EXPECT_FALSE(counter(block, "c" + std::string(240, 'x')));
  const Result<MetricsSnapshot> read = read_metrics(seats.bytes(0));
  ASSERT_TRUE(read);
  EXPECT_EQ(count_of(read->series, "paceline_metrics_series_dropped_total"), 2u);
}

TEST(MetricsBlock, HistogramsBeyondTheLimitAreDroppedAndHarmless) {
  Seats seats(1, {.series_max = 2, .histograms_max = 2});
  MetricsBlock block = block_at(seats.bytes(0), {.series_max = 2, .histograms_max = 2});
  EXPECT_TRUE(histogram(block, "a_seconds"));
  EXPECT_TRUE(histogram(block, "b_seconds"));
  Histogram none = histogram(block, "c_seconds");
  EXPECT_FALSE(none);
  none.record(1s);
  Histogram{}.record(1s);
  Gauge{}.set(1);
  Counter{}.add();
}

TEST(MetricsBlock, TooFewBytesAreRefused) {
  std::vector<std::byte> bytes(metrics_block_bytes(small) - 8);
  EXPECT_EQ(MetricsBlock::create(bytes, small).error().code, Code::invalid);
  EXPECT_EQ(MetricsBlock::attach(bytes).error().code, Code::corrupt);
}

TEST(MetricsReader, SeatsAreAddedByKind) {
  Seats seats(2);
  MetricsBlock first = block_at(seats.bytes(0));
  MetricsBlock second = block_at(seats.bytes(1));
  counter(first, "requests_total").add(10);
  counter(second, "only_second_total").add(1);
  counter(second, "requests_total").add(5);
  gauge(first, "connections").set(3);
  gauge(second, "connections").set(4);
  gauge_max(first, "lag_seconds").set(9ms);
  gauge_max(second, "lag_seconds").set(7ms);
  histogram(first, "t_seconds").record(1ms);
  histogram(second, "t_seconds").record(1ms);

  MetricsReader reader;
  MetricsSeat list[] = {{seats.bytes(0)}, {seats.bytes(1)}};
  MetricsTotals totals = reader.read(list);
  EXPECT_EQ(count_of(totals, "requests_total"), 15u);
  EXPECT_EQ(count_of(totals, "only_second_total"), 1u);
  EXPECT_EQ(totals.at({"connections", "", MetricKind::gauge}).level, 7);
  EXPECT_EQ(totals.at({"lag_seconds", "", MetricKind::gauge_max}).level, 9'000'000);
  EXPECT_EQ(totals.at({"t_seconds", "", MetricKind::histogram}).histogram.count(), 2u);

  list[0].state = SeatLife::retired;
  totals = reader.read(list);
  EXPECT_EQ(count_of(totals, "requests_total"), 15u);
  EXPECT_EQ(totals.at({"connections", "", MetricKind::gauge}).level, 4);
  EXPECT_EQ(totals.at({"lag_seconds", "", MetricKind::gauge_max}).level, 7'000'000);
  EXPECT_EQ(totals.at({"t_seconds", "", MetricKind::histogram}).histogram.count(), 2u);
}

TEST(MetricsReader, ASuccessorGoesOnWhereACrashedWriterStopped) {
  Seats seats(1);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    MetricsBlock block = block_at(seats.bytes(0));
    counter(block, "requests_total").add(41);
    gauge(block, "connections").set(5);
    histogram(block, "t_seconds").record(3ms);
    kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));

  MetricsReader reader;
  MetricsSeat list[] = {{seats.bytes(0), SeatLife::retired}};
  EXPECT_EQ(count_of(reader.read(list), "requests_total"), 41u);

  MetricsBlock next = block_at(seats.bytes(0));
  counter(next, "requests_total").add(1);
  histogram(next, "t_seconds").record(4ms);
  list[0].state = SeatLife::live;
  const MetricsTotals totals = reader.read(list);
  EXPECT_EQ(count_of(totals, "requests_total"), 42u);
  EXPECT_EQ(totals.at({"connections", "", MetricKind::gauge}).level, 0);
  EXPECT_EQ(totals.at({"t_seconds", "", MetricKind::histogram}).histogram.count(), 2u);
}

TEST(MetricsReader, CountersNeverGoBackWhenASeatIsFormattedAnew) {
  Seats seats(1);
  MetricsReader reader;
  MetricsSeat list[] = {{seats.bytes(0)}};
  {
    MetricsBlock block = block_at(seats.bytes(0));
    counter(block, "requests_total").add(10);
    gauge(block, "connections").set(2);
    histogram(block, "t_seconds").record(3ms);
  }
  EXPECT_EQ(count_of(reader.read(list), "requests_total"), 10u);

  // A wild process has broken the header: the last good reading stands in, and is not doubled.
  seats.bytes(0)[0] = std::byte{0};
  EXPECT_EQ(count_of(reader.read(list), "requests_total"), 10u);
  EXPECT_EQ(reader.unreadable(), 1u);
  MetricsBlock anew = block_at(seats.bytes(0));
  EXPECT_EQ(count_of(reader.read(list), "requests_total"), 10u);
  counter(anew, "requests_total").add(1);
  histogram(anew, "t_seconds").record(3ms);
  for (int i = 0; i < 3; ++i) {
    const MetricsTotals totals = reader.read(list);
    EXPECT_EQ(count_of(totals, "requests_total"), 11u);
    EXPECT_EQ(totals.at({"t_seconds", "", MetricKind::histogram}).histogram.count(), 2u);
    EXPECT_FALSE(totals.contains({"connections", "", MetricKind::gauge}));
  }
}

TEST(MetricsReader, RandomBytesNeverReachOutsideTheBlock) {
  std::mt19937_64 random(11);
  const std::size_t size = metrics_block_bytes(small);
  for (int round = 0; round < 3000; ++round) {
    // Exactly as large as the block, so that an address sanitizer sees a step outside.
    const std::unique_ptr<std::uint64_t[]> words(new std::uint64_t[size / 8]());
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(words.get(), size / 8));
    MetricsBlock block = block_at(bytes);
    counter(block, "a_total", {{"x", "1"}}).add(1);
    histogram(block, "b_seconds").record(1ms);
    for (int i = 0; i < 3; ++i) {
      bytes[8 + random() % (8 * 8 + 2 * 256 - 8)] = static_cast<std::byte>(random());
    }
    const Result<MetricsSnapshot> read = read_metrics(bytes);
    if (!read) EXPECT_EQ(read.error().code, Code::corrupt);
    MetricsBlock next = block_at(bytes);
    counter(next, "c_total").add(1);
  }
}

TEST(MetricsThreads, AReaderSeesWholeSeriesAndRisingCountersWhileWritersWork) {
  constexpr std::size_t writers = 3;
  const MetricsLimits limits{.series_max = 256, .histograms_max = 64};
  Seats seats(writers, limits);
  std::atomic<std::size_t> running = writers;
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      MetricsBlock block = block_at(seats.bytes(w), limits);
      for (int i = 0; i < 150; ++i) {
        Counter each = counter(block, "c_total", {{"i", std::to_string(i)}});
        for (int n = 0; n < 20; ++n) each.add();
        if (i % 3 == 0) histogram(block, "h_seconds", {{"i", std::to_string(i)}}).record(1ms);
      }
      --running;
    });
  }
  MetricsReader reader;
  std::vector<MetricsSeat> list;
  for (std::size_t w = 0; w < writers; ++w) list.push_back({seats.bytes(w), SeatLife::live});
  MetricsTotals before;
  bool more = true;
  while (more) {
    more = running > 0;
    MetricsTotals now = reader.read(list);
    for (const auto& [key, value] : before) {
      ASSERT_GE(now[key].count, value.count) << key.name << key.labels;
      ASSERT_GE(now[key].histogram.count(), value.histogram.count()) << key.name << key.labels;
    }
    before = std::move(now);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count_of(before, "c_total", R"(i="149")"), writers * 20);
  EXPECT_EQ(before.at({"h_seconds", R"(i="0")", MetricKind::histogram}).histogram.count(), writers);
}

}  // namespace
}  // namespace paceline
