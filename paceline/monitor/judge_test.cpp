#include "paceline/monitor/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace paceline {
namespace {

MetricKey counter(const std::string& name, const std::string& labels) {
  return {.name = name, .labels = labels, .kind = MetricKind::counter};
}

HistogramTotals durations(std::uint64_t count) {
  std::vector<std::uint64_t> buckets(HistogramScale::buckets);
  buckets[HistogramScale::bucket(10'000'000)] = count;
  return {std::move(buckets), count * 10'000'000};
}

/// One judge with a ledger in a folder of its own, stepped second by second.
class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    std::string name = testing::TempDir() + "judgeXXXXXX";
    folder_ = ::mkdtemp(name.data());
    options_.goals.slo.period = 30min;
    options_.goals.hold = 5s;
    for (const char* text : {"p95 < 200ms", "availability >= 99.9%", "cpu < 70%"}) {
      options_.goals.list.push_back(*parse_goal(text));
    }
  }
  ~JudgeTest() override { std::filesystem::remove_all(folder_); }

  void start() {
    Result<std::unique_ptr<Judge>> judge =
        Judge::create(options_, {.log = log_,
                                 .ledger = folder_ + "/ledger",
                                 .run = {.id = 1, .began = next_.wall},
                                 .now = next_.wall});
    check(judge.has_value(), "a judge starts");
    judge_ = std::move(*judge);
    next_.run = 1;
  }
  void pass(int seconds, std::uint64_t requests, std::uint64_t failed) {
    for (int i = 0; i < seconds; ++i) {
      next_.now += 1s;
      next_.wall += 1s;
      next_.requests.total += requests;
      next_.requests.failed += failed;
      next_.sample.total = requests * 60;
      next_.sample.failed = failed * 60;
      next_.sample.latency = durations(requests * 60);
      next_.sample.elapsed = 60s;
      judge_->step(next_);
    }
  }
  AlertState state(std::string_view name) const {
    for (const AlertNotice& notice : judge_->alerts()) {
      if (notice.name == name) return notice.state;
    }
    return AlertState::inactive;
  }

  Log log_{LogOptions{.level = LogLevel::off}};
  std::string folder_;
  AlertOptions options_;
  std::unique_ptr<Judge> judge_;
  JudgeReading next_{.now = Time(1000s), .wall = WallTime(1'764'000'000s)};
};

TEST_F(JudgeTest, AFastBurnPagesAndResolves) {
  start();
  pass(20, 50, 0);
  EXPECT_TRUE(judge_->alerts().empty());
  pass(4, 50, 50);
  EXPECT_EQ(state("ErrorBudgetBurnPage"), AlertState::firing);
  EXPECT_EQ(judge_->burns()[0].state, BurnState::firing);
  EXPECT_LT(judge_->availability().budget_left, 1);
  pass(8, 50, 0);
  EXPECT_EQ(state("ErrorBudgetBurnPage"), AlertState::resolved);
}

TEST_F(JudgeTest, AMissedGoalFiresAfterItsHold) {
  start();
  next_.sample.cpu = 0.9;
  pass(5, 50, 0);
  EXPECT_EQ(state("CpuAboveGoal"), AlertState::pending);
  pass(1, 50, 0);
  EXPECT_EQ(state("CpuAboveGoal"), AlertState::firing);
  ASSERT_EQ(judge_->results().size(), 3U);
  EXPECT_EQ(judge_->results()[0].state, GoalState::met);
  EXPECT_EQ(judge_->results()[2].state, GoalState::missed);
}

TEST_F(JudgeTest, LoopsWorkersAndCrashesHaveAlerts) {
  start();
  next_.loop_lag = 150ms;
  next_.worker_memory = 0.85;
  pass(61, 50, 0);
  EXPECT_EQ(state("EventLoopLagHigh"), AlertState::firing);
  EXPECT_EQ(state("WorkerMemoryHigh"), AlertState::firing);
  next_.crashes = 3;
  pass(1, 50, 0);
  EXPECT_EQ(state("WorkerCrashLoop"), AlertState::inactive);
  next_.crashes = 4;
  pass(1, 50, 0);
  EXPECT_EQ(state("WorkerCrashLoop"), AlertState::firing);
  pass(700, 50, 0);
  EXPECT_EQ(state("WorkerCrashLoop"), AlertState::resolved);
}

TEST_F(JudgeTest, NobodyServingIsAPageAndAStopIsNot) {
  start();
  pass(5, 50, 0);
  next_.state = ServiceState::down;
  pass(6, 0, 0);
  EXPECT_EQ(state("ServiceDown"), AlertState::firing);
  next_.state = ServiceState::planned;
  pass(7, 0, 0);
  EXPECT_EQ(state("ServiceDown"), AlertState::resolved);
}

TEST_F(JudgeTest, WithoutItsFileTheLedgerIsInMemory) {
  std::filesystem::remove_all(folder_);
  start();
  pass(5, 50, 50);
  EXPECT_EQ(judge_->availability().failed, 250U);
}

TEST_F(JudgeTest, ItsSeriesAreDeclared) {
  SinkConfig sink{.name = "a\"b", .kind = SinkKind::command};
  sink.command = {"/bin/true"};
  options_.sinks = {sink};
  start();
  next_.sample.cpu = 0.9;
  pass(5, 50, 1);
  const MetricsTotals series = judge_->series();
  for (const auto& [key, value] : series) {
    const auto known = [&](const MetricInfo& info) {
      return info.name == key.name && info.kind == key.kind;
    };
    EXPECT_TRUE(std::ranges::any_of(judge_metrics(), known)) << key.name;
  }
  const auto level = [&](const std::string& name, const std::string& labels) {
    return series.at({.name = name, .labels = labels, .kind = MetricKind::gauge}).level;
  };
  EXPECT_EQ(level("paceline_goal_met", "goal=\"cpu\""), 0);
  EXPECT_EQ(level("paceline_goal_met", "goal=\"p95\""), 1);
  EXPECT_EQ(level("paceline_cpu_used_ratio", ""), 900'000'000);
  EXPECT_EQ(
      level("paceline_alerts", "alert=\"CpuAboveGoal\",severity=\"ticket\",state=\"pending\""), 1);
  EXPECT_EQ(series.at(counter("paceline_slo_requests_failed_total", "")).count, 5U);
  EXPECT_TRUE(series.contains(
      counter("paceline_alert_deliveries_total", "result=\"sent\",sink=\"a\\\"b\"")));
}

TEST(AlertRules, EveryGoalHasAnAlert) {
  AlertOptions options;
  for (const char* text :
       {"p95 < 200ms", "p99.9 < 1s", "mean < 50ms", "error_rate < 0.1%", "availability >= 99.9%",
        "cpu < 70%", "memory < 80%", "headroom >= 50%", "throughput >= 10/s"}) {
    options.goals.list.push_back(*parse_goal(text));
  }
  std::vector<std::string> names;
  for (const DefaultRule& rule : default_rules(options)) names.push_back(rule.rule.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"ServiceDown", "ErrorBudgetBurnPage", "ErrorBudgetBurnTicket",
                                      "LatencyP95AboveGoal", "LatencyP99_9AboveGoal",
                                      "LatencyMeanAboveGoal", "ErrorRateAboveGoal", "CpuAboveGoal",
                                      "MemoryAboveGoal", "HeadroomBelowGoal", "ThroughputBelowGoal",
                                      "EventLoopLagHigh", "WorkerMemoryHigh", "WorkerCrashLoop"}));
  const std::string yaml = prometheus_rules(options);
  for (const std::string& name : names) {
    EXPECT_NE(yaml.find("  - alert: " + name + "\n"), std::string::npos) << name;
  }
  EXPECT_NE(yaml.find("_bucket{le=\"0.2\"}"), std::string::npos);
  EXPECT_NE(yaml.find("_bucket{le=~\"1([.]0)?\"}"), std::string::npos);
}

}  // namespace
}  // namespace paceline
