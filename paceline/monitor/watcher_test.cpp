#include "paceline/monitor/watcher.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

constexpr MetricInfo kRequests{
    .name = "http_server_request_duration_seconds",
    .kind = MetricKind::histogram,
    .help = "Test.",
    .labels = {"http_request_method", "http_route", "http_response_status_code"}};
constexpr MetricInfo kStalls{.name = "paceline_loop_stalls_total", .labels = {"site"}};
constexpr MetricInfo kAborted{.name = "paceline_requests_aborted_total", .labels = {"by"}};
constexpr MetricInfo kCache{.name = "paceline_cache_requests_total", .labels = {"level", "result"}};
constexpr MetricInfo kCpu{.name = "process_cpu_seconds_total"};
constexpr MetricInfo kBusy{.name = "paceline_loop_time_seconds_total", .labels = {"state"}};

SharedRegion region_of(std::string_view purpose, std::size_t bytes) {
  std::vector<SharedRegion::Part> parts;
  for (const char* name : {"seat0", "seat1", "seat2", "seat3", "seat4", "seat5", "supervisor"}) {
    parts.push_back({.name = name, .bytes = bytes});
  }
  return std::move(*SharedRegion::create(purpose, parts));
}

/// Two workers and a keeper, as they and the supervisor would publish.
class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    roster_.phase = ClusterPhase::running;
    roster_.started = now_;
    for (std::size_t i = 0; i < 3; ++i) {
      roster_.slots.push_back({.role = i == 2 ? "keeper" : "worker",
                               .slot = i % 2,
                               .seat_first = 2 * i,
                               .seat = 2 * i,
                               .pid = static_cast<pid_t>(100 + i),
                               .state = SlotState::ready,
                               .since = now_});
    }
    for (std::size_t i = 0; i < 3; ++i) blocks_.push_back(block("seat" + std::to_string(2 * i)));
    blocks_.push_back(block("supervisor"));
  }
  MetricsBlock block(const std::string& part) { return *MetricsBlock::create(metrics_.part(part)); }
  void requests(std::size_t worker, std::string_view route, std::uint64_t times,
                std::string_view status = "200") {
    blocks_[worker]
        .histogram(kRequests, {{"http_request_method", "GET"},
                               {"http_route", route},
                               {"http_response_status_code", status}})
        .record(10ms, times);
  }
  Watcher watcher() {
    return {{.metrics = metrics_, .control = control_, .stalls = stalls_, .supervisor = 99},
            options_};
  }
  View look(Watcher& watcher, Duration later = 1s) {
    now_ += later;
    wall_ += later;
    writer_.publish(roster_);
    for (SeatState& seat : control_seats(control_)) {
      if (!silent_) seat.alive_at = static_cast<std::uint64_t>(now_.time_since_epoch().count());
    }
    return watcher.look(now_, wall_);
  }
  StallRing ring(const std::string& part) { return *StallRing::attach(stalls_.part(part)); }

  SharedRegion metrics_ = region_of("metrics", metrics_block_bytes());
  SharedRegion stalls_ = region_of("stalls", StallRing::bytes());
  SharedRegion control_ = std::move(*create_control_region(6));
  RosterWriter writer_{control_roster(control_)};
  Roster roster_;
  std::vector<MetricsBlock> blocks_;
  WatcherOptions options_;
  Time now_ = Time(1000s);
  WallTime wall_ = WallTime(1'764'000'000s);
  bool silent_ = false;
};

TEST_F(WatcherTest, RoutesAreThereFromTheFirstLook) {
  requests(0, "/a", 30);
  requests(1, "/a", 10, "500");
  requests(1, "/b", 2);
  Watcher first = watcher();
  const View view = look(first, 2s);
  ASSERT_EQ(view.routes.size(), 2U);
  EXPECT_EQ(view.routes[0].route, "/a");
  EXPECT_EQ(view.routes[0].method, "GET");
  EXPECT_DOUBLE_EQ(view.routes[0].rate, 20);
  EXPECT_DOUBLE_EQ(view.routes[0].error_ratio, 0.25);
  EXPECT_NEAR(view.routes[0].p95, 0.01, 0.001);
  EXPECT_DOUBLE_EQ(view.routes[1].rate, 1);
}

TEST_F(WatcherTest, ARouteThatIsAskedNoMoreLeavesAfterTwentySeconds) {
  requests(0, "/a", 30);
  Watcher one = watcher();
  for (int second = 1; second < 20; ++second) {
    requests(0, "/b", 5);
    look(one);
  }
  requests(0, "/b", 5);
  const View view = look(one);
  ASSERT_EQ(view.routes.size(), 1U);
  EXPECT_EQ(view.routes[0].route, "/b");
  EXPECT_DOUBLE_EQ(view.routes[0].rate, 5);
}

TEST_F(WatcherTest, AMonitorThatIsReplacedForgetsThePastAtItsSecondLook) {
  requests(0, "/old", 3600);
  now_ += 1h;
  Watcher second = watcher();
  View view = look(second);
  ASSERT_EQ(view.routes.size(), 1U);
  EXPECT_NEAR(view.routes[0].rate, 1, 0.01);
  requests(0, "/new", 7);
  view = look(second);
  ASSERT_EQ(view.routes.size(), 1U);
  EXPECT_EQ(view.routes[0].route, "/new");
  EXPECT_DOUBLE_EQ(view.routes[0].rate, 7);
}

TEST_F(WatcherTest, EveryProcessHasItsNumberFromTheFirstLook) {
  Watcher one = watcher();
  View view = look(one);
  ASSERT_EQ(view.processes.size(), 2U);
  EXPECT_EQ(view.processes[0].role, "keeper");
  EXPECT_EQ(view.processes[0].pid, 102);
  EXPECT_EQ(view.processes[1].role, "supervisor");
  EXPECT_EQ(view.processes[1].pid, 99);
  EXPECT_EQ(view.supervisor, 99);
  EXPECT_FALSE(view.processes[1].cpu);
  blocks_[3].counter(kCpu).add(Duration(250ms));
  roster_.slots[2].pid = 0;
  roster_.slots[2].seat.reset();
  view = look(one);
  EXPECT_EQ(view.processes[0].pid, 0);
  EXPECT_DOUBLE_EQ(view.processes[1].cpu.value(), 0.25);
}

TEST_F(WatcherTest, EveryStallThatIsCountedIsListed) {
  const StallRecord stall{.pid = 99,
                          .began = wall_,
                          .duration = 150ms,
                          .site = "fork",
                          .stack = "fork\nmain main.cpp:1"};
  ring("supervisor").begin(stall);
  blocks_[3].counter(kStalls, {{"site", "fork"}}).add();
  Watcher one = watcher();
  View view = look(one);
  EXPECT_EQ(view.stalls_total, 1U);
  ASSERT_EQ(view.stalls.size(), 1U);
  EXPECT_EQ(view.stalls[0].role, "supervisor");
  EXPECT_TRUE(view.stalls[0].ongoing);
  EXPECT_DOUBLE_EQ(view.stalls[0].duration, 1);  // since it began
  EXPECT_EQ(view.stalls[0].stack, (std::vector<std::string>{"fork", "main main.cpp:1"}));
  ring("seat1").begin({.pid = 5, .began = wall_ + 1s, .route = "/slow", .site = {}, .stack = {}});
  view = look(one);
  ASSERT_EQ(view.stalls.size(), 2U);
  EXPECT_EQ(view.stalls[0].route, "/slow");  // the newest first
  EXPECT_FALSE(view.stalls[0].ongoing);      // its process is gone
}

TEST_F(WatcherTest, AWorkerInOneTurnForLongIsBlockedAndSaysWhere) {
  Watcher one = watcher();
  look(one);
  const Time begin = now_ - 1s;
  control_seats(control_)[0].busy_since =
      static_cast<std::uint64_t>(begin.time_since_epoch().count());
  ring("seat0").begin(
      {.pid = 100, .began = wall_ - 1s, .route = "/slow", .site = "work", .stack = {}});
  const View view = look(one);
  EXPECT_EQ(view.workers[0].state, WorkerState::blocked);
  EXPECT_DOUBLE_EQ(view.workers[0].blocked, 2);
  EXPECT_EQ(view.workers[0].doing, "/slow");
  EXPECT_DOUBLE_EQ(view.lag_max.value(), 2);
  EXPECT_DOUBLE_EQ(view.loop_max.value(), 1);
  EXPECT_EQ(view.workers[1].state, WorkerState::ready);
}

TEST_F(WatcherTest, AWorkerThatPublishesNothingIsSilent) {
  Watcher one = watcher();
  look(one);
  silent_ = true;
  EXPECT_EQ(look(one, 3s).workers[0].state, WorkerState::ready);
  EXPECT_EQ(look(one, 1ms).workers[0].state, WorkerState::silent);
}

TEST_F(WatcherTest, WorkersHaveTheirShareOfRequestsAndTime) {
  Watcher one = watcher();
  look(one);
  requests(0, "/", 30);
  requests(1, "/", 10);
  blocks_[0].counter(kBusy, {{"state", "busy"}}).add(Duration(400ms));
  blocks_[0].counter(kBusy, {{"state", "idle"}}).add(Duration(600ms));
  blocks_[1].counter(kCpu).add(Duration(100ms));
  const View view = look(one);
  EXPECT_DOUBLE_EQ(view.rate.value(), 40);
  EXPECT_DOUBLE_EQ(view.status[1].value(), 40);
  EXPECT_DOUBLE_EQ(view.workers[0].share.value(), 0.75);
  EXPECT_DOUBLE_EQ(view.workers[1].rate.value(), 10);
  EXPECT_DOUBLE_EQ(view.workers[0].utilization_recent.value(), 0.4);
  EXPECT_DOUBLE_EQ(view.loop_recent.value(), 0.4);
  EXPECT_DOUBLE_EQ(view.workers[1].cpu.value(), 0.1);
  EXPECT_NEAR(view.concurrency.value(), 0.4, 0.01);  // 40 a second, 10 ms each
  EXPECT_FALSE(view.workers[1].utilization_recent);  // it said nothing
}

TEST_F(WatcherTest, ErrorsAreAShareOfTheLastTenSecondsAndNeverTheClients) {
  requests(0, "/", 100, "500");
  Watcher one = watcher();
  look(one);
  for (int second = 0; second < 10; ++second) look(one);
  requests(0, "/", 70);
  requests(1, "/", 25, "404");
  requests(1, "/", 4, "503");
  blocks_[1].counter(kAborted, {{"by", "server"}}).add();
  blocks_[1].counter(kAborted, {{"by", "client"}}).add(9);
  const View view = look(one);
  EXPECT_EQ(view.failed, 105U);
  EXPECT_DOUBLE_EQ(view.error_ratio.value(), 0.05);
  EXPECT_DOUBLE_EQ(view.error_rate.value(), 0.5);
  EXPECT_DOUBLE_EQ(view.status[4].value(), 4);
  EXPECT_EQ(view.aborted, 1U);
}

TEST_F(WatcherTest, CachesHaveTheirRatioOfTheLastTenSeconds) {
  Watcher one = watcher();
  look(one);
  const auto cache = [this](std::size_t worker, std::string_view result) {
    return blocks_[worker].counter(kCache, {{"level", "l1"}, {"result", result}});
  };
  cache(0, "hit").add(60);
  cache(1, "hit").add(30);
  cache(1, "miss").add(10);
  const View view = look(one);
  ASSERT_EQ(view.cache.size(), 1U);
  EXPECT_EQ(view.cache[0].level, "l1");
  EXPECT_DOUBLE_EQ(view.cache[0].hit_ratio.value(), 0.9);
  EXPECT_DOUBLE_EQ(view.cache[0].hit_rate, 90);
}

TEST_F(WatcherTest, WithoutARosterOnlyTotalsAreKnown) {
  requests(0, "/", 3);
  Watcher one = watcher();
  const View view = one.look(now_, wall_);
  EXPECT_EQ(view.total, 3U);
  EXPECT_TRUE(view.workers.empty());
  EXPECT_TRUE(view.routes.empty());
  EXPECT_FALSE(view.rate);
}

}  // namespace
}  // namespace paceline
