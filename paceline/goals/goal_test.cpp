#include "paceline/goals/goal.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

using namespace std::chrono_literals;

/// `slow` of `count` requests take 300 ms, the others 10 ms.
HistogramTotals latencies(std::uint64_t count, std::uint64_t slow) {
  std::vector<std::uint64_t> buckets(HistogramScale::buckets);
  buckets[HistogramScale::bucket(10'000'000)] = count - slow;
  buckets[HistogramScale::bucket(300'000'000)] = slow;
  return {std::move(buckets), (count - slow) * 10'000'000 + slow * 300'000'000};
}

GoalState state_of(const Goal& goal, const GoalSample& sample) {
  return evaluate(goal, sample).state;
}

TEST(Goal, TextIsReadAndWrittenBackTheSame) {
  for (const char* text : {"p95 < 200ms", "p99.9 < 1s", "p50 < 1500us", "mean < 50ms",
                           "error_rate < 0.1%", "cpu < 70%", "memory < 80%",
                           "availability >= 99.9%", "headroom >= 50%", "throughput >= 1000/s"}) {
    const Result<Goal> goal = parse_goal(text);
    ASSERT_TRUE(goal) << goal.error().message;
    EXPECT_EQ(format_goal(*goal), text);
  }
}

TEST(Goal, BoundsHaveTheUnitOfTheMetric) {
  const Goal latency = *parse_goal("p95<200ms");
  EXPECT_EQ(latency.metric, GoalMetric::latency);
  EXPECT_DOUBLE_EQ(latency.quantile, 0.95);
  EXPECT_DOUBLE_EQ(latency.bound, 0.2);
  EXPECT_NEAR(*latency.budget(), 0.05, 1e-12);
  EXPECT_DOUBLE_EQ(parse_goal("error_rate <= 0.1%")->bound, 0.001);
  EXPECT_DOUBLE_EQ(*parse_goal("error_rate <= 0.1%")->budget(), 0.001);
  EXPECT_DOUBLE_EQ(parse_goal("throughput > 1000")->bound, 1000);
  EXPECT_FALSE(parse_goal("cpu < 70%")->budget());
}

TEST(Goal, AWindowStandsInBrackets) {
  EXPECT_EQ(parse_goal("p95[10s] < 200ms")->window, 10s);
  EXPECT_EQ(parse_goal("p95[10s] < 200ms")->name, "p95");
  EXPECT_FALSE(parse_goal("p95[10s < 200ms"));
  EXPECT_FALSE(parse_goal("p95[0] < 200ms"));
}

TEST(Goal, AnUnknownMetricNamesTheNearest) {
  EXPECT_EQ(parse_goal("p9x < 1s").error().message,
            "unknown goal metric \"p9x\"; did you mean p95?");
  EXPECT_EQ(parse_goal("memroy < 80%").error().message,
            "unknown goal metric \"memroy\"; did you mean memory?");
  EXPECT_EQ(parse_goal("happiness > 1").error().message,
            "unknown goal metric \"happiness\"; there are p50 to p99.99, mean, error_rate, "
            "availability, cpu, memory, headroom, throughput");
}

TEST(Goal, WhatIsNoGoalIsRefused) {
  for (const char* text :
       {"", "p95", "p95 < ", "p95 < 200", "p100 < 1s", "p0 < 1s", "< 1s", "cpu < 70", "cpu < 101%",
        "cpu < -1%", "cpu < nan%", "p95 > 200ms", "availability < 99.9%", "throughput >= x/s"}) {
    EXPECT_FALSE(parse_goal(text)) << text;
  }
}

TEST(Goal, APercentileIsAShareOfSlowRequests) {
  const Goal goal = *parse_goal("p95 < 200ms");
  EXPECT_EQ(state_of(goal, {.latency = latencies(1000, 50)}), GoalState::met);
  const GoalResult missed = evaluate(goal, {.latency = latencies(1000, 60)});
  EXPECT_EQ(missed.state, GoalState::missed);
  EXPECT_NEAR(*missed.value, 0.3, 0.02);
  EXPECT_EQ(missed.reason, "p95 312.5ms, goal 200ms (6% of 1000 took longer)");
}

TEST(Goal, OneSlowRequestOfFewDecidesNothing) {
  const Goal goal = *parse_goal("p95 < 200ms");
  EXPECT_EQ(state_of(goal, {.latency = latencies(2, 1)}), GoalState::unknown);
  EXPECT_EQ(state_of(goal, {.latency = latencies(19, 3)}), GoalState::unknown);
  EXPECT_EQ(state_of(goal, {.latency = latencies(20, 3)}), GoalState::missed);
  EXPECT_EQ(evaluate(goal, {.latency = latencies(20, 2)}).reason,
            "insufficient traffic: 2 of 20 requests are bad; 3 of 20 decide");
  EXPECT_EQ(state_of(goal, {.latency = latencies(2, 0)}), GoalState::met);
  EXPECT_EQ(evaluate(goal, {}).reason, "no requests");
}

TEST(Goal, TheErrorRateNeedsEnoughRequests) {
  const Goal goal = *parse_goal("error_rate < 0.1%");
  EXPECT_EQ(state_of(goal, {.total = 100'000, .failed = 100}), GoalState::met);
  EXPECT_EQ(state_of(goal, {.total = 100'000, .failed = 101}), GoalState::missed);
  EXPECT_EQ(state_of(goal, {.total = 999, .failed = 5}), GoalState::unknown);
  EXPECT_EQ(state_of(goal, {.total = 1000, .failed = 2}), GoalState::unknown);
  EXPECT_EQ(state_of(goal, {.total = 1000, .failed = 3}), GoalState::missed);
}

TEST(Goal, UseCountsUpToTheExpectedRate) {
  const Goal goal = *parse_goal("cpu < 70%");
  const GoalSample sample{.total = 600, .elapsed = 60s, .cpu = 0.9};
  EXPECT_EQ(evaluate(goal, sample).state, GoalState::missed);
  EXPECT_EQ(evaluate(goal, sample).reason, "cpu 90%, goal 70%");
  EXPECT_EQ(evaluate(goal, sample, {.expected_rate = 10}).state, GoalState::missed);
  const GoalResult busy = evaluate(goal, sample, {.expected_rate = 9});
  EXPECT_EQ(busy.state, GoalState::unknown);
  EXPECT_EQ(busy.reason, "10/s is above the expected 9/s");
  EXPECT_EQ(evaluate(goal, {.elapsed = 60s}).state, GoalState::unknown);
}

TEST(Goal, LowerBoundsAreMetAtTheBound) {
  EXPECT_EQ(state_of(*parse_goal("availability >= 99.9%"), {.availability = 0.999}),
            GoalState::met);
  EXPECT_EQ(state_of(*parse_goal("availability >= 99.9%"), {.availability = 0.9989}),
            GoalState::missed);
  EXPECT_EQ(state_of(*parse_goal("headroom >= 50%"), {.headroom = 0.4}), GoalState::missed);
  EXPECT_EQ(state_of(*parse_goal("throughput >= 10/s"), {.total = 100, .elapsed = 10s}),
            GoalState::met);
  EXPECT_EQ(state_of(*parse_goal("mean < 20ms"), {.latency = latencies(100, 10)}),
            GoalState::missed);
}

TEST(Goal, PercentsNeedTheirSign) {
  EXPECT_DOUBLE_EQ(*parse_percent("99.95%"), 0.9995);
  EXPECT_DOUBLE_EQ(*parse_percent("0"), 0);
  EXPECT_FALSE(parse_percent("70"));
  EXPECT_FALSE(parse_percent("%"));
  EXPECT_EQ(format_percent(0.001), "0.1%");
  EXPECT_EQ(format_percent(0.0144), "1.44%");
}

}  // namespace
}  // namespace paceline
