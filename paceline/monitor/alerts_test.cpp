#include "paceline/monitor/alerts.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

/// Steps one alert through time, second by second.
class Steps {
 public:
  explicit Steps(AlertRule rule) : alert_(std::move(rule)) {}
  /// How many notices came out of `seconds` of this condition.
  int pass(int seconds, Condition condition, const std::string& value = "") {
    int notices = 0;
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      wall_ += 1s;
      notices += alert_.step(now_, wall_, {.condition = condition, .value = value}) ? 1 : 0;
    }
    return notices;
  }
  AlertState state() const { return alert_.state(); }
  const AlertNotice& notice() const { return alert_.notice(); }
  WallTime wall() const { return wall_; }

 private:
  Alert alert_;
  Time now_ = Time(1000s);
  WallTime wall_ = WallTime(1'764'000'000s);
};

AlertRule rule(Duration hold, Duration keep) {
  return {.name = "SomethingIsWrong", .hold = hold, .keep = keep, .summary = "It is wrong."};
}

TEST(Alert, FiresAfterItsHoldAndResolvesAfterItsKeep) {
  Steps steps(rule(5s, 3s));
  EXPECT_EQ(steps.pass(10, Condition::clear), 0);
  EXPECT_EQ(steps.state(), AlertState::inactive);
  EXPECT_EQ(steps.pass(5, Condition::holds), 0);
  EXPECT_EQ(steps.state(), AlertState::pending);
  const WallTime began = steps.notice().began;
  EXPECT_EQ(steps.pass(1, Condition::holds, "7 of 8"), 1);
  EXPECT_EQ(steps.state(), AlertState::firing);
  EXPECT_EQ(steps.notice().began, began);
  EXPECT_EQ(steps.pass(100, Condition::holds, "8 of 8"), 0);
  EXPECT_EQ(steps.pass(3, Condition::clear), 0);
  EXPECT_EQ(steps.state(), AlertState::firing);
  EXPECT_EQ(steps.pass(1, Condition::clear), 1);
  EXPECT_EQ(steps.state(), AlertState::resolved);
  EXPECT_EQ(steps.notice().value, "8 of 8");
  EXPECT_EQ(steps.notice().ended, steps.wall());
}

TEST(Alert, WithoutAHoldItFiresAtOnce) {
  Steps steps(rule(0s, 0s));
  EXPECT_EQ(steps.pass(1, Condition::holds), 1);
  EXPECT_EQ(steps.state(), AlertState::firing);
  EXPECT_EQ(steps.pass(1, Condition::clear), 1);
}

TEST(Alert, AShortTroubleIsNoise) {
  Steps steps(rule(5s, 3s));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(steps.pass(4, Condition::holds), 0);
    EXPECT_EQ(steps.pass(1, Condition::clear), 0);
  }
  EXPECT_EQ(steps.state(), AlertState::inactive);
}

TEST(Alert, AFlappingConditionStaysOneAlert) {
  Steps steps(rule(1s, 5s));
  EXPECT_EQ(steps.pass(2, Condition::holds), 1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(steps.pass(4, Condition::clear), 0);
    EXPECT_EQ(steps.pass(1, Condition::holds), 0);
  }
  EXPECT_EQ(steps.state(), AlertState::firing);
}

TEST(Alert, UnknownNeitherStartsNorHolds) {
  Steps steps(rule(2s, 3s));
  EXPECT_EQ(steps.pass(10, Condition::unknown), 0);
  EXPECT_EQ(steps.pass(3, Condition::holds), 1);
  EXPECT_EQ(steps.pass(4, Condition::unknown), 1);
  EXPECT_EQ(steps.state(), AlertState::resolved);
}

TEST(Alert, AResolvedOneIsShownForAWhileAndMayFireAgain) {
  Steps steps(rule(0s, 0s));
  steps.pass(1, Condition::holds);
  steps.pass(1, Condition::clear);
  steps.pass(899, Condition::clear);
  EXPECT_EQ(steps.state(), AlertState::resolved);
  steps.pass(2, Condition::clear);
  EXPECT_EQ(steps.state(), AlertState::inactive);
  EXPECT_EQ(steps.pass(1, Condition::holds), 1);
  steps.pass(1, Condition::clear);
  const WallTime first = steps.notice().began;
  EXPECT_EQ(steps.pass(1, Condition::holds), 1);
  EXPECT_EQ(steps.notice().began - first, 2s);
}

TEST(Alerts, TellsWhatChangedAndShowsWhatIsActive) {
  Alerts alerts({rule(5s, 0s), rule(0s, 0s), rule(0s, 0s)});
  const std::vector<AlertInput> inputs = {{.condition = Condition::holds},
                                          {.condition = Condition::holds, .value = "now"},
                                          {.condition = Condition::clear}};
  const auto changed = alerts.step(Time(1s), WallTime(1s), inputs);
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0].value, "now");
  const auto visible = alerts.visible();
  ASSERT_EQ(visible.size(), 2U);
  EXPECT_EQ(visible[0].state, AlertState::firing);
  EXPECT_EQ(visible[1].state, AlertState::pending);
}

}  // namespace
}  // namespace paceline
