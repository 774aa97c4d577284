#include "paceline/load/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace paceline {
namespace {

ArrivalPlan plan(std::string_view text) {
  Result<ArrivalPlan> parsed = ArrivalPlan::parse(text);
  EXPECT_TRUE(parsed) << text;
  return *parsed;
}

std::vector<Duration> all(const ArrivalPlan& plan, ArrivalKind kind = ArrivalKind::uniform,
                          Arrivals::Part part = {}, std::uint64_t seed = 1) {
  std::vector<Duration> times;
  for (Arrivals arrivals(plan, kind, seed, part); arrivals.next() != Duration::max();
       arrivals.advance()) {
    times.push_back(arrivals.next());
  }
  return times;
}

TEST(ArrivalPlan, ReadsStepsAndRamps) {
  const ArrivalPlan read = plan("10s@50,30s@50..500, 1m@0.5");
  ASSERT_EQ(read.steps().size(), 3u);
  EXPECT_EQ(read.steps()[1].length, 30s);
  EXPECT_EQ(read.steps()[1].from, 50);
  EXPECT_EQ(read.steps()[1].to, 500);
  EXPECT_EQ(read.steps()[2].from, 0.5);
  EXPECT_EQ(read.length(), 100s);
  EXPECT_DOUBLE_EQ(read.count(), 500 + 8250 + 30);
  EXPECT_DOUBLE_EQ(read.rate_max(), 500);
}

TEST(ArrivalPlan, WhatIsNoPlanIsRefused) {
  for (const char* text : {"", "10s", "10s@", "@5", "10@5", "10s@x", "10s@-1", "10s@5..", "0s@5",
                           "10s@5,", "10s@0", "10s@1e3", "10s@nan", "9999h@1", "1s@20000000"}) {
    EXPECT_FALSE(ArrivalPlan::parse(text)) << text;
  }
}

TEST(Arrivals, OfAConstantRateNeverDrift) {
  const std::vector<Duration> times = all(plan("10s@3"));
  ASSERT_EQ(times.size(), 30u);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i].count(), static_cast<std::int64_t>(i) * 1'000'000'000 / 3);
  }
  EXPECT_EQ(all(plan("10s@0.3")).size(), 3u);
}

TEST(Arrivals, TakeTurnsOnThreads) {
  const ArrivalPlan steady = plan("1s@100,1s@0,1s@10..110");
  const std::vector<Duration> whole = all(steady);
  EXPECT_EQ(whole.size(), 160u);
  std::vector<Duration> merged;
  for (unsigned thread = 0; thread < 3; ++thread) {
    const std::vector<Duration> part =
        all(steady, ArrivalKind::uniform, {.thread = thread, .threads = 3});
    merged.insert(merged.end(), part.begin(), part.end());
  }
  std::ranges::sort(merged);
  EXPECT_EQ(merged, whole);
}

TEST(Arrivals, ARampHasTheRightCountByEachMoment) {
  const std::vector<Duration> times = all(plan("10s@0..100"));
  ASSERT_EQ(times.size(), 500u);
  EXPECT_EQ(times.front(), 0s);
  const auto by = [&](Duration moment) {
    return std::ranges::lower_bound(times, moment) - times.begin();
  };
  EXPECT_NEAR(static_cast<double>(by(5s)), 125, 1);
  EXPECT_NEAR(static_cast<double>(by(9s)), 405, 1);
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_TRUE(std::ranges::is_sorted(all(plan("10s@100..0"))));
}

TEST(Arrivals, OfPoissonAreSeededAndHaveTheRate) {
  const ArrivalPlan steady = plan("100s@100");
  const std::vector<Duration> times = all(steady, ArrivalKind::poisson);
  EXPECT_EQ(times, all(steady, ArrivalKind::poisson));
  EXPECT_NE(times, all(steady, ArrivalKind::poisson, {}, 2));
  EXPECT_NEAR(static_cast<double>(times.size()), 10'000, 400);  // four deviations
  EXPECT_TRUE(std::ranges::is_sorted(times));
  const auto half = all(steady, ArrivalKind::poisson, {.thread = 1, .threads = 2}).size();
  EXPECT_NEAR(static_cast<double>(half), 5000, 283);
}

TEST(Arrivals, AWarmUpComesFirstAtTheFirstRate) {
  const std::vector<Duration> times = all(plan("1s@10..20").after(2s));
  EXPECT_EQ(std::ranges::count_if(times, [](Duration at) { return at < 2s; }), 20);
  EXPECT_EQ(times.size(), 35u);
}

}  // namespace
}  // namespace paceline
