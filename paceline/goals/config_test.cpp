#include "paceline/goals/config.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

using namespace std::chrono_literals;

Result<Goals> goals_of(const std::string& text) {
  ConfigRegistry registry;
  registry.add(goals_config_keys());
  PACELINE_TRY_VALUE(const Config config,
                     Config::load(registry, {.file_name = "app.toml", .file_text = text}));
  return read_goals(config.top());
}

std::string problem(const std::string& text) {
  const Result<Goals> goals = goals_of(text);
  return goals ? "none" : goals.error().message;
}

TEST(GoalsConfig, TheDefaultsAreTheGuides) {
  const Goals goals = *goals_of("");
  std::vector<std::string> texts;
  for (const Goal& goal : goals.list) texts.push_back(format_goal(goal));
  EXPECT_EQ(texts, (std::vector<std::string>{"p95 < 200ms", "p99 < 500ms", "error_rate < 0.1%",
                                             "availability >= 99.9%", "cpu < 70%", "memory < 80%",
                                             "headroom >= 50%"}));
  EXPECT_DOUBLE_EQ(goals.slo.target, 0.999);
  EXPECT_EQ(goals.slo.period, 720h);
  EXPECT_EQ(goals.find("p95")->window, 1min);
}

TEST(GoalsConfig, ZeroSwitchesAGoalOff) {
  const Goals goals = *goals_of("[goals]\np95 = 0\ncpu = \"0\"\navailability = \"0\"");
  EXPECT_EQ(goals.find("p95"), nullptr);
  EXPECT_EQ(goals.find("cpu"), nullptr);
  EXPECT_EQ(goals.find("availability"), nullptr);
  EXPECT_NE(goals.find("p99"), nullptr);
}

TEST(GoalsConfig, MoreGoalsAreText) {
  const Goals goals = *goals_of("goals.also = [\"p50 < 20ms\", \"throughput >= 10/s\"]");
  EXPECT_DOUBLE_EQ(goals.find("p50")->bound, 0.02);
  EXPECT_DOUBLE_EQ(goals.find("throughput")->bound, 10);
  EXPECT_EQ(problem("goals.also = [\"p95 < 20ms\"]"),
            "app.toml:1:14: goals.also: there is a goal \"p95\" already");
  EXPECT_EQ(problem("goals.also = [\"latancy < 20ms\"]").substr(0, 56),
            "app.toml:1:14: goals.also: unknown goal metric \"latancy\"");
}

TEST(GoalsConfig, AnAlertThatCanNeverFireIsAnError) {
  EXPECT_EQ(problem("[goals]\navailability = \"90%\""),
            "app.toml:2:16: goals.availability: 90% leaves a budget of 10%; the quickest "
            "burn-rate alert would need more than 144% failures and could never fire; expected "
            "at least 93.1%");
  EXPECT_EQ(problem("goals.availability = \"93.1%\""), "none");
  EXPECT_EQ(problem("goals.availability = \"100%\""),
            "app.toml:1:22: goals.availability: 100% leaves no error budget; expected less");
  for (const char* text : {"goals.cpu = \"100%\"", "goals.error_rate = \"100%\"",
                           "goals.p95 = \"101s\"", "goals.also = [\"headroom >= 0%\"]"}) {
    EXPECT_NE(problem(text), "none") << text;
  }
}

TEST(GoalsConfig, AllErrorsComeAtOnceWithTheirPlace) {
  EXPECT_EQ(problem("[goals]\ncpu = \"70\"\nmemory = \"lots\""),
            "app.toml:2:7: goals.cpu: \"70\" is not a share: expected 0% to 100% such as "
            "\"70%\"\napp.toml:3:10: goals.memory: \"lots\" is not a share: expected 0% to 100% "
            "such as \"70%\"");
}

TEST(GoalsConfig, ThePeriodHasBounds) {
  EXPECT_EQ(goals_of("slo.period = \"30m\"")->slo.period, 30min);
  EXPECT_EQ(problem("slo.period = \"1s\""),
            "app.toml:1:14: slo.period: expected 10m to 366d, got 1s");
}

TEST(GoalsConfig, EffectiveThresholdsArePrinted) {
  const std::vector<std::string> lines = effective_thresholds(*goals_of("goals.p95 = \"210ms\""));
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_EQ(lines[0], "page: more than 1.44% bad over 1h and over 5m");
  EXPECT_EQ(lines[1], "page: more than 0.6% bad over 6h and over 30m");
  EXPECT_EQ(lines[2], "ticket: more than 0.3% bad over 1d and over 2h");
  EXPECT_EQ(lines[3], "ticket: more than 0.1% bad over 3d and over 6h");
  EXPECT_EQ(lines[4],
            "ticket: not \"p95 < 210ms\" over 1m for 5m: more than 5% take 200ms or longer");
}

TEST(GoalsConfig, LatencyBoundsAreThoseOfTheHistogram) {
  EXPECT_EQ(goal_latency_bounds(*goals_of("goals.also = [\"p50 < 210ms\"]")),
            (std::vector<Duration>{200ms, 500ms}));
}

TEST(GoalsConfig, HeadroomIsWhatTheBusiestPartLeaves) {
  const Goals goals = *goals_of("");
  EXPECT_NEAR(*headroom(goals, 0.35, 0.1), 0.5, 1e-9);
  EXPECT_NEAR(*headroom(goals, 0.07, 0.6), 0.4, 1e-9);
  EXPECT_EQ(*headroom(goals, 0.9, {}), 0);
  EXPECT_FALSE(headroom(goals, {}, {}));
}

}  // namespace
}  // namespace paceline
