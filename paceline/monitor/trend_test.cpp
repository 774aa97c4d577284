#include "paceline/monitor/trend.h"

#include <gtest/gtest.h>

#include "paceline/monitor/collector.h"
#include "paceline/monitor/host.h"

namespace paceline {
namespace {

constexpr MetricInfo kRequests{
    .name = "http_server_request_duration_seconds",
    .kind = MetricKind::histogram,
    .help = "Test.",
    .labels = {"http_request_method", "http_route", "http_response_status_code"}};
constexpr MetricInfo kLevel{.name = "level", .kind = MetricKind::gauge, .help = "Test."};
constexpr MetricInfo kSent{.name = "paceline_network_bytes_total", .labels = {"direction"}};

/// Two seats of one worker, and the supervisor's.
class Seats {
 public:
  Seats() {
    const std::array<SharedRegion::Part, 3> parts = {
        {{.name = "seat0", .bytes = metrics_block_bytes()},
         {.name = "seat1", .bytes = metrics_block_bytes()},
         {.name = "supervisor", .bytes = metrics_block_bytes()}}};
    region = std::move(*SharedRegion::create("metrics", parts));
  }
  MetricsBlock block(std::size_t seat) {
    const std::span<std::byte> bytes = region.part("seat" + std::to_string(seat));
    Result<MetricsBlock> old = MetricsBlock::attach(bytes);
    return old ? *old : *MetricsBlock::create(bytes);
  }
  static Roster roster(std::optional<std::size_t> live) {
    Roster roster;
    roster.slots.push_back({.role = "worker", .slot = 0, .seat_first = 0, .seat = live});
    return roster;
  }
  SharedRegion region;
};

void record(MetricsBlock& block, std::string_view status, Duration took, std::uint64_t times) {
  block
      .histogram(kRequests, {{"http_request_method", "GET"},
                             {"http_route", "/"},
                             {"http_response_status_code", status}})
      .record(took, times);
}

TEST(Collector, CountersOfBothSeatsCountAndGaugesOfTheLiveOneOnly) {
  Seats seats;
  MetricsBlock old = seats.block(0);
  MetricsBlock now = seats.block(1);
  old.gauge(kLevel).set(5);
  now.gauge(kLevel).set(7);
  record(old, "200", 1ms, 2);
  record(now, "200", 1ms, 3);
  Collector collector(seats.region);
  const Roster roster = Seats::roster(1);
  collector.read(&roster);
  EXPECT_EQ(sum_of_gauges(collector.totals(), "level"), 7);
  EXPECT_EQ(sum_of_histograms(collector.totals(), kRequests.name).count(), 5U);
  ASSERT_EQ(collector.processes().size(), 2U);
  EXPECT_EQ(collector.processes()[0].role, "worker");
  const Roster nobody = Seats::roster({});
  collector.read(&nobody);
  EXPECT_EQ(sum_of_gauges(collector.totals(), "level"), 0);
  EXPECT_EQ(sum_of_histograms(collector.totals(), kRequests.name).count(), 5U);
}

TEST(Collector, ABlockThatIsFormattedAnewKeepsWhatWasSeen) {
  Seats seats;
  MetricsBlock block = seats.block(0);
  record(block, "200", 1ms, 2);
  Collector collector(seats.region);
  const Roster roster = Seats::roster(0);
  collector.read(&roster);
  block = *MetricsBlock::create(seats.region.part("seat0"));
  record(block, "200", 1ms, 1);
  collector.read(&roster);
  EXPECT_EQ(sum_of_histograms(collector.totals(), kRequests.name).count(), 3U);
  EXPECT_EQ(collector.unreadable(), 0U);
}

TEST(Collector, ABlockThatCannotBeReadKeepsItsLastValues) {
  Seats seats;
  MetricsBlock block = seats.block(0);
  record(block, "200", 1ms, 2);
  Collector collector(seats.region);
  const Roster roster = Seats::roster(0);
  collector.read(&roster);
  std::ranges::fill(seats.region.part("seat0").first(8), std::byte{0});
  collector.read(&roster);
  EXPECT_EQ(sum_of_histograms(collector.totals(), kRequests.name).count(), 2U);
  EXPECT_EQ(collector.unreadable(), 1U);
}

TEST(Labels, AreFoundByNameWhateverTheirValues) {
  constexpr std::string_view kLabels = R"(a="x\",b=\"y",b="z",long_b="w")";
  EXPECT_EQ(label_value(kLabels, "b"), "z");
  EXPECT_EQ(label_value(kLabels, "a"), R"(x\",b=\"y)");
  EXPECT_EQ(label_value(kLabels, "long_b"), "w");
  EXPECT_EQ(label_value(kLabels, "c"), "");
  EXPECT_EQ(label_value("a=\"never ends", "a"), "");
}

TEST(Reading, SeparatesWhatFailed) {
  Seats seats;
  MetricsBlock block = seats.block(0);
  record(block, "200", 1ms, 10);
  record(block, "404", 1ms, 5);
  record(block, "503", 1ms, 2);
  block.counter(kSent, {{"direction", "sent"}}).add(99);
  Collector collector(seats.region);
  collector.read(nullptr);
  const Reading reading = reading_of(collector.totals(), Time(1s));
  EXPECT_EQ(reading.requests(), 17U);
  EXPECT_EQ(reading.failed(), 2U);
  EXPECT_EQ(reading.status, (std::array<std::uint64_t, 5>{0, 10, 0, 5, 2}));
  EXPECT_EQ(reading.sent, 99U);
}

Reading at(int second, std::uint64_t sent) {
  Reading reading;
  reading.at = Time(std::chrono::seconds(second));
  reading.sent = sent;
  return reading;
}

TEST(Trend, RatesAreDifferencesOverTheWindow) {
  Trend trend;
  EXPECT_FALSE(trend.rate(1s, &Reading::sent));
  trend.add(at(0, 0));
  EXPECT_FALSE(trend.rate(1s, &Reading::sent));
  for (int i = 1; i <= 20; ++i) trend.add(at(i, static_cast<std::uint64_t>(i < 15 ? i : 10 * i)));
  EXPECT_EQ(trend.rate(1s, &Reading::sent), 10);
  EXPECT_EQ(trend.rate(10s, &Reading::sent), 19);
  EXPECT_EQ(trend.elapsed(10s), 10s);
  EXPECT_EQ(trend.elapsed(60s), 20s);
}

TEST(Trend, KeepsFiveMinutes) {
  Trend trend;
  for (int i = 0; i <= 1000; ++i) trend.add(at(i, 0));
  EXPECT_GE(trend.elapsed(1h), Trend::kKept);
  EXPECT_LE(trend.elapsed(1h), Trend::kKept + 1s);
}

TEST(Trend, WhatIsBetweenTwoHistogramsIsWhatCameLater) {
  std::vector<std::uint64_t> before(HistogramScale::buckets);
  std::vector<std::uint64_t> now(HistogramScale::buckets);
  before[3] = 5;
  now[3] = 7;
  now[9] = 1;
  const HistogramTotals recent = between({before, 100}, {now, 130});
  EXPECT_EQ(recent.count(), 3U);
  EXPECT_EQ(recent.sum_ns(), 30U);
  EXPECT_EQ(between({}, {now, 130}).count(), 8U);
  EXPECT_EQ(between({now, 130}, {}).count(), 0U);
}

TEST(Host, PressureIsTheShareOfTheLastTenSeconds) {
  EXPECT_EQ(parse_pressure("some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00"),
            0.015);
  EXPECT_FALSE(parse_pressure("full avg10=1.50"));
  EXPECT_FALSE(parse_pressure("some avg10=x"));
  EXPECT_FALSE(parse_pressure(""));
}

TEST(Host, WithoutACgroupsLimitTheRamCounts) {
  const HostUse use = Host().read();
  ASSERT_TRUE(use.memory_ratio());
  EXPECT_GT(*use.memory_ratio(), 0);
  EXPECT_LT(*use.memory_ratio(), 1);
  EXPECT_GE(use.cpus, 0.01);
}

}  // namespace
}  // namespace paceline
