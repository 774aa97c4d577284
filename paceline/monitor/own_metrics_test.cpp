#include "paceline/monitor/own_metrics.h"

#include <gtest/gtest.h>

#include <set>

#include "paceline/monitor/collector.h"

namespace paceline {
namespace {

constexpr std::string_view kDropped = "paceline_monitor_frames_dropped_total";
constexpr std::string_view kUnreadable = "paceline_metrics_unreadable_total";
constexpr std::string_view kDeliveries = "paceline_alert_deliveries_total";

WorkerView worker(std::size_t slot, WorkerState state, std::optional<double> rate) {
  WorkerView view;
  view.slot = slot;
  view.state = state;
  view.rate = rate;
  view.restarts = slot;
  return view;
}

std::int64_t level(const MetricsTotals& totals, const char* name, const char* labels = "") {
  const auto found = totals.find({name, labels, MetricKind::gauge});
  return found == totals.end() ? -1 : found->second.level;
}

TEST(OwnSeries, TellWhatTheViewSays) {
  View view;
  view.workers = {worker(0, WorkerState::ready, 30), worker(1, WorkerState::blocked, 10),
                  worker(2, WorkerState::ready, 20)};
  view.workers[1].blocked = 1.5;
  view.host.pressure_cpu = 0.25;
  view.clients = 3;
  view.series = 400;
  const MetricsTotals totals = own_series(view, "1.2.3", "abcd");
  EXPECT_EQ(level(totals, "paceline_build_info", R"(version="1.2.3")"), 1);
  EXPECT_EQ(level(totals, "paceline_config_info", R"(hash="abcd")"), 1);
  EXPECT_EQ(level(totals, "paceline_workers", R"(state="ready")"), 2);
  EXPECT_EQ(level(totals, "paceline_workers", R"(state="blocked")"), 1);
  EXPECT_EQ(level(totals, "paceline_workers", R"(state="silent")"), 0);
  EXPECT_EQ(sum_of_counters(totals, "paceline_worker_restarts_total"), 3U);
  EXPECT_EQ(level(totals, "paceline_loop_blocked_seconds", R"(worker="1")"), 1'500'000'000);
  EXPECT_EQ(level(totals, "paceline_loop_blocked_seconds", R"(worker="0")"), 0);
  // 30 a second, where 20 is the mean.
  EXPECT_EQ(level(totals, "paceline_requests_imbalance_ratio"), 1'500'000'000);
  EXPECT_EQ(level(totals, "paceline_pressure_ratio", R"(resource="cpu")"), 250'000'000);
  EXPECT_EQ(level(totals, "paceline_pressure_ratio", R"(resource="io")"), -1);  // not known
  EXPECT_EQ(level(totals, "paceline_monitor_clients"), 3);
  EXPECT_EQ(level(totals, "paceline_metrics_series"), 400);
}

TEST(OwnSeries, WithoutTrafficNobodyHasMoreThanOthers) {
  View view;
  view.workers = {worker(0, WorkerState::ready, 0), worker(1, WorkerState::starting, {})};
  EXPECT_EQ(level(own_series(view, "", ""), "paceline_requests_imbalance_ratio"), -1);
}

TEST(OwnSeries, AQuoteInAVersionStaysInItsLabel) {
  const MetricsTotals totals = own_series({}, "1\"\n\\", "");
  EXPECT_EQ(level(totals, "paceline_build_info", R"(version="1\" \\")"), 1);
}

TEST(OwnSeries, AreAllDeclared) {
  View view;
  view.workers = {worker(0, WorkerState::ready, 1)};
  view.host.pressure_cpu = view.host.pressure_io = view.host.pressure_memory = 0;
  std::set<std::string_view> declared;
  for (const MetricInfo& info : monitor_metrics()) {
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_TRUE(declared.insert(info.name).second) << info.name;
  }
  for (const auto& [key, value] : own_series(view, "1", "2")) {
    EXPECT_TRUE(declared.contains(key.name)) << key.name;
  }
}

/// The block of one seat, in which monitors take turns.
class OwnCountersTest : public testing::Test {
 protected:
  MetricsBlock block() {
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(words_));
    Result<MetricsBlock> old = MetricsBlock::attach(bytes);
    return old ? *old : *MetricsBlock::create(bytes);
  }
  MetricsTotals read() const { return read_metrics(std::as_bytes(std::span(words_)))->series; }

 private:
  std::vector<std::uint64_t> words_ =
      std::vector<std::uint64_t>(metrics_block_bytes() / sizeof(std::uint64_t));
};

TEST_F(OwnCountersTest, GoOnWhenTheMonitorIsReplaced) {
  for (int monitor = 0; monitor < 2; ++monitor) {
    MetricsBlock mine = block();
    OwnCounters counters(mine);
    counters.publish(2, 1);
    counters.publish(5, 1);  // of this process, so far
    counters.count_scrape(1ms);
    counters.count_tick(2ms);
  }
  const MetricsTotals totals = read();
  EXPECT_EQ(sum_of_counters(totals, kDropped), 10U);
  EXPECT_EQ(sum_of_counters(totals, kUnreadable), 2U);
  EXPECT_EQ(sum_of_histograms(totals, "paceline_scrape_seconds").count(), 2U);
  EXPECT_EQ(sum_of_histograms(totals, "paceline_monitor_tick_seconds").sum_ns(), 4'000'000U);
}

TEST_F(OwnCountersTest, TakeOverTheJudgesDeliveries) {
  const MetricKey sent{std::string(kDeliveries), R"(result="sent",sink="hook")",
                       MetricKind::counter};
  const MetricKey failed{std::string(kDeliveries), R"(result="failed",sink="hook")",
                         MetricKind::counter};
  const MetricKey other{"paceline_alerts", "", MetricKind::gauge};
  EXPECT_TRUE(OwnCounters::takes_over(sent));
  EXPECT_FALSE(OwnCounters::takes_over(other));
  for (int monitor = 0; monitor < 2; ++monitor) {
    MetricsBlock mine = block();
    OwnCounters counters(mine);
    MetricsTotals judged;
    judged[other].level = 7;
    for (const std::uint64_t count : {1U, 4U}) {
      judged[sent].count = count;
      judged[failed].count = 1;
      counters.publish_deliveries(judged);
    }
  }
  const MetricsTotals totals = read();
  EXPECT_EQ(sum_of_counters(totals, kDeliveries, "result=\"sent\""), 8U);
  EXPECT_EQ(sum_of_counters(totals, kDeliveries, "result=\"failed\""), 2U);
  EXPECT_FALSE(totals.contains(other));
}

}  // namespace
}  // namespace paceline
