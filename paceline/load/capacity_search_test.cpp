#include "paceline/load/capacity_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace paceline {
namespace {

using Server = std::function<bool(double rate)>;

std::vector<CapacityStep> run(CapacitySearch& search, const Server& holds) {
  std::vector<CapacityStep> steps;
  while (const auto step = search.next()) {
    steps.push_back(*step);
    search.note(*step, holds(step->rate));
  }
  return steps;
}

TEST(CapacitySearch, FindsTheEdgeOfASteadyServerWithinTheWidthAndConfirmsIt) {
  for (const double capacity : {7.0, 333.0, 9'000.0, 123'456.0}) {
    CapacitySearch search({.start = 20, .width = 0.05});
    const auto steps = run(search, [&](double rate) { return rate <= capacity; });
    EXPECT_LE(search.confirmed(), capacity);
    EXPECT_GT(search.confirmed() * 1.05, capacity);
    EXPECT_EQ(steps.back().purpose, TrialPurpose::confirm);
    EXPECT_LE(steps.size(), 30U);
  }
}

TEST(CapacitySearch, OneNoisyTrialDoesNotMoveTheEdge) {
  for (const std::size_t wrong : {0U, 1U, 2U, 4U, 6U, 8U}) {
    CapacitySearch search({.start = 100, .width = 0.05});
    std::size_t trial = 0;
    run(search, [&](double rate) { return (rate <= 1000) != (trial++ == wrong); });
    EXPECT_LE(search.confirmed(), 1000 * 1.05) << wrong;
    EXPECT_GT(search.confirmed() * 1.11, 1000) << wrong;
  }
}

TEST(CapacitySearch, EndsOnAServerThatFlipsCoins) {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    CapacitySearch search({.start = 100, .trials = 60});
    const auto steps = run(search, [&](double) { return random() % 2 == 0; });
    EXPECT_LE(steps.size(), 60U);
  }
}

TEST(CapacitySearch, AServerThatNeverHoldsHasNoCapacity) {
  CapacitySearch search({.start = 100});
  run(search, [](double) { return false; });
  EXPECT_EQ(search.passed(), 0);
  EXPECT_EQ(search.confirmed(), 0);
}

TEST(CapacitySearch, StopsAtTheHighestRateThatWasAllowed) {
  CapacitySearch search({.start = 100, .rate_max = 1500});
  const auto steps = run(search, [](double) { return true; });
  EXPECT_EQ(search.confirmed(), 1500);
  EXPECT_TRUE(std::isinf(search.failed()));
  for (const CapacityStep& step : steps) EXPECT_LE(step.rate, 1500);
}

TEST(CapacitySearch, ARateThatDoesNotHoldForLongIsLowered) {
  CapacitySearch search({.start = 100});
  double confirm = 0;
  while (const auto step = search.next()) {
    const bool sprint = step->purpose != TrialPurpose::confirm;
    if (!sprint && confirm == 0) confirm = step->rate;
    search.note(*step, step->rate <= (sprint ? 1000 : 900));
  }
  EXPECT_LE(search.confirmed(), 900);
  EXPECT_GT(search.confirmed(), 900 * 0.9);
  EXPECT_LT(search.confirmed(), confirm);
}

TEST(ShareBound, WithoutABadRequestTheRuleOfThreeHolds) {
  const std::vector<ShareBlock> few(5, {.requests = 100, .bad = 0});
  EXPECT_EQ(share_bound(few).share, 0);
  EXPECT_GE(share_bound(few).upper, 3.0 / 500);
  EXPECT_LT(share_bound(few).upper, 0.01);
  const std::vector<ShareBlock> none;
  EXPECT_EQ(share_bound(none).upper, 1);
}

TEST(ShareBound, SecondsThatDifferWidenIt) {
  const std::vector<ShareBlock> even(10, {.requests = 1000, .bad = 10});
  std::vector<ShareBlock> bunched(10, {.requests = 1000, .bad = 0});
  bunched[3].bad = 100;
  EXPECT_DOUBLE_EQ(share_bound(even).share, share_bound(bunched).share);
  EXPECT_LT(share_bound(even).upper, 0.015);
  EXPECT_GT(share_bound(bunched).upper, 0.025);
  EXPECT_EQ(share_bound(bunched).lower, 0);
}

/// The bounds are wrong as often as they say: the true share is above `upper` in about 5 %.
TEST(ShareBound, CoversTheTruthAsOftenAsItSays) {
  std::mt19937_64 random(11);
  for (const double truth : {0.001, 0.01, 0.05}) {
    int above = 0;
    int below = 0;
    constexpr int kRounds = 400;
    std::binomial_distribution<std::uint64_t> bad(1000, truth);
    for (int round = 0; round < kRounds; ++round) {
      std::vector<ShareBlock> blocks;
      for (int i = 0; i < 5; ++i) blocks.push_back({.requests = 1000, .bad = bad(random)});
      const ShareBound bound = share_bound(blocks);
      above += truth > bound.upper ? 1 : 0;
      below += truth < bound.lower ? 1 : 0;
    }
    EXPECT_LT(above, kRounds * 0.08) << truth;
    EXPECT_LT(below, kRounds * 0.08) << truth;
  }
}

}  // namespace
}  // namespace paceline
