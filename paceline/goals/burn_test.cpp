#include "paceline/goals/burn.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

using namespace std::chrono_literals;

TEST(BurnRate, TheRulesOfAMonthAreTheWorkbooks) {
  const auto rules = burn_rules({});
  const Slo slo;
  const std::array<double, 4> factors = {14.4, 6, 3, 1};
  const std::array<Duration, 4> windows = {1h, 6h, 24h, 72h};
  const std::array<double, 4> budgets = {0.02, 0.05, 0.1, 0.1};
  for (std::size_t i = 0; i < rules.size(); ++i) {
    EXPECT_DOUBLE_EQ(rules[i].factor, factors[i]);
    EXPECT_EQ(rules[i].long_window, windows[i]);
    EXPECT_EQ(rules[i].short_window * 12, windows[i]);
    // Which part of the budget is gone when the long window is full.
    const double part = rules[i].factor * static_cast<double>(windows[i].count()) /
                        static_cast<double>(slo.period.count());
    EXPECT_NEAR(part, budgets[i], 1e-9);
  }
  EXPECT_NEAR(rules[0].threshold(slo), 0.0144, 1e-12);
}

TEST(BurnRate, WindowsScaleWithThePeriodAndFactorsStay) {
  const auto rules = burn_rules({.period = 12h});
  EXPECT_EQ(rules[0].long_window, 60s);
  EXPECT_EQ(rules[0].short_window, 5s);
  EXPECT_DOUBLE_EQ(rules[0].factor, 14.4);
}

TEST(BurnRate, NoWindowIsShorterThanTwoTicks) {
  const auto rules = burn_rules({.period = 30min});
  EXPECT_EQ(rules[0].long_window, 2500ms);
  EXPECT_EQ(rules[0].short_window, 2s);
}

Burn quick(const WindowShare& share) { return evaluate_burn(burn_rules({})[0], {}, share, share); }

TEST(BurnRate, BothWindowsMustBurn) {
  const BurnRule rule = burn_rules({})[0];
  const WindowShare bad{.total = 10'000, .failed = 145};
  const WindowShare good{.total = 10'000, .failed = 144};
  EXPECT_EQ(evaluate_burn(rule, {}, bad, bad).state, BurnState::firing);
  EXPECT_EQ(evaluate_burn(rule, {}, bad, good).state, BurnState::ok);
  EXPECT_EQ(evaluate_burn(rule, {}, good, bad).state, BurnState::ok);
  EXPECT_NEAR(evaluate_burn(rule, {}, bad, good).long_rate, 14.5, 1e-9);
}

TEST(BurnRate, LowTrafficDoesNotPage) {
  EXPECT_EQ(quick({.total = 1, .failed = 1}).state, BurnState::insufficient_traffic);
  EXPECT_EQ(quick({.total = 100, .failed = 2}).state, BurnState::insufficient_traffic);
  EXPECT_EQ(quick({.total = 69, .failed = 3}).state, BurnState::insufficient_traffic);
  EXPECT_EQ(quick({.total = 70, .failed = 3}).state, BurnState::firing);  // 1 / 0.0144 = 69.4
  EXPECT_EQ(quick({}).state, BurnState::ok);
}

TEST(BurnRate, DowntimeBurnsWithoutRequests) {
  EXPECT_EQ(quick({.down = 5min, .observed = 1h}).state, BurnState::firing);
  EXPECT_EQ(quick({.down = 51s, .observed = 1h}).state, BurnState::ok);
}

TEST(BurnRate, ErrorsAndDowntimeAddUp) {
  const WindowShare share{.total = 100, .failed = 50, .down = 30min, .observed = 1h};
  EXPECT_DOUBLE_EQ(share.bad(), 0.75);
}

}  // namespace
}  // namespace paceline
