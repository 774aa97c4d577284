#include "paceline/loop/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace paceline {
namespace {

struct TestTimer final : Timer {
  std::function<void(TestTimer&)> act;
  int fired = 0;
  void fire() override {
    ++fired;
    if (act) act(*this);
  }
};

constexpr Time kStart{1h};

TEST(TimerWheel, HasNothingToDoWithoutTimers) {
  TimerWheel wheel(kStart);
  EXPECT_EQ(wheel.next(), Time::max());
  EXPECT_EQ(wheel.advance(kStart + 20 * 24h), Duration{-1});
  EXPECT_EQ(wheel.next(), Time::max());
}

TEST(TimerWheel, CountsWhatIsArmed) {
  TimerWheel wheel(kStart);
  EXPECT_EQ(wheel.size(), 0U);
  TestTimer near;
  TestTimer cancelled;
  wheel.arm(near, kStart + 1ms);
  wheel.arm(cancelled, kStart + 5s);
  {
    TestTimer destroyed;
    wheel.arm(destroyed, kStart + 20 * 24h);
    EXPECT_EQ(wheel.size(), 3U);
  }
  cancelled.cancel();
  EXPECT_EQ(wheel.size(), 1U);
  wheel.advance(kStart + 1ms);
  EXPECT_EQ(wheel.size(), 0U);
}

TEST(TimerWheel, TellsHowLateTheLatestTimerFired) {
  TimerWheel wheel(kStart);
  TestTimer early;
  TestTimer late;
  wheel.arm(early, kStart + 5ms);
  wheel.arm(late, kStart + 2ms);
  EXPECT_EQ(wheel.advance(kStart + 7ms), Duration(5ms));
  EXPECT_EQ(early.fired + late.fired, 2);
}

TEST(TimerWheel, AFewWakesReachATimerHoweverFarItIs) {
  for (const Duration far : {Duration(1ms), Duration(70ms), Duration(65s), Duration(1h),
                             Duration(24h), Duration(40 * 24h)}) {
    TimerWheel wheel(kStart);
    TestTimer timer;
    wheel.arm(timer, kStart + far);
    int wakes = 0;
    while (timer.fired == 0) {
      const Time next = wheel.next();
      ASSERT_LE(next, timer.at());
      wheel.advance(next);
      ++wakes;
    }
    EXPECT_LE(wakes, 12) << format_duration(far);
  }
}

TEST(TimerWheel, ATimerArmedShortlyBeforeTheWheelTurnsFiresShortlyAfter) {
  const Duration turn{std::int64_t{1} << 50};  // 64^5 slots of 2^20 ns
  for (const Duration wait : {Duration(10ms), Duration(65s), Duration(6h)}) {
    TimerWheel wheel(kStart);
    wheel.advance(kStart + turn - 5ms);
    TestTimer timer;
    wheel.arm(timer, kStart + turn - 5ms + wait);
    EXPECT_LE(wheel.next(), timer.at());
    wheel.advance(timer.at() - 1ns);
    EXPECT_EQ(timer.fired, 0);
    wheel.advance(timer.at());
    EXPECT_EQ(timer.fired, 1) << format_duration(wait);
  }
}

TEST(TimerWheel, ATimerArmedForThePastFromFireWaitsForTheNextAdvance) {
  TimerWheel wheel(kStart);
  TestTimer timer;
  timer.act = [&](TestTimer& self) {
    if (self.fired < 3) wheel.arm(self, kStart);
  };
  wheel.arm(timer, kStart);
  wheel.advance(kStart + 1s);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_LE(wheel.next(), kStart + 1s);
  wheel.advance(kStart + 1s);
  EXPECT_EQ(timer.fired, 2);
}

TEST(TimerWheel, ADueTimerThatAnotherOneCancelsOrDestroysDoesNotFire) {
  TimerWheel wheel(kStart);
  TestTimer first;
  TestTimer cancelled;
  auto destroyed = std::make_unique<TestTimer>();
  first.act = [&](TestTimer&) {
    cancelled.cancel();
    destroyed.reset();
  };
  wheel.arm(first, kStart + 1ms);
  wheel.arm(cancelled, kStart + 90ms);
  wheel.arm(*destroyed, kStart + 2h);
  wheel.advance(kStart + 3h);
  EXPECT_EQ(first.fired, 1);
  EXPECT_EQ(cancelled.fired, 0);
}

/// Random operations, and what must hold after each of them.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed), wheel_(kStart), timers_(40) {
    for (TestTimer& timer : timers_) {
      timer.act = [this](TestTimer& self) { fired(self); };
    }
  }

  void step() {
    TestTimer& timer = pick();
    switch (random_() % 8) {
      case 0:
        timer.cancel();
        break;
      case 1:
      case 2:
      case 3:
        wheel_.arm(timer, some_time());
        break;
      case 4:
        advance(now_ + distance());  // a long idle jump
        break;
      default:
        if (wheel_.next() != Time::max()) advance(std::max(now_, wheel_.next()));
    }
    ASSERT_LE(wheel_.next(), soonest());
  }

 private:
  TestTimer& pick() { return timers_[random_() % timers_.size()]; }
  /// From nanoseconds to about 70 days, all orders of magnitude alike.
  Duration distance() {
    const std::uint64_t bits = random_() % 53;
    return Duration(static_cast<Duration::rep>(random_() % (std::uint64_t{1} << bits)));
  }
  Time some_time() { return random_() % 10 == 0 ? now_ - distance() % 5s : now_ + distance(); }
  Time soonest() const {
    Time soonest = Time::max();
    for (const TestTimer& timer : timers_) {
      if (timer.armed()) soonest = std::min(soonest, timer.at());
    }
    return soonest;
  }
  void advance(Time now) {
    now_ = now;
    rearmed_.clear();
    wheel_.advance(now);
    for (const TestTimer& timer : timers_) {
      const bool again = std::ranges::find(rearmed_, &timer) != rearmed_.end();
      if (timer.armed() && !again) ASSERT_GT(timer.at(), now);
    }
    if (rearmed_.empty()) ASSERT_GT(wheel_.next(), now);  // or the loop would spin
  }
  void fired(TestTimer& timer) {
    ASSERT_LE(timer.at(), now_);
    ASSERT_FALSE(timer.armed());
    if (random_() % 4 == 0) arm_again(timer);
    if (random_() % 4 == 0) arm_again(pick());
    if (random_() % 4 == 0) pick().cancel();
  }
  void arm_again(TestTimer& timer) {
    wheel_.arm(timer, some_time());
    rearmed_.push_back(&timer);
  }

  std::mt19937_64 random_;
  TimerWheel wheel_;
  Time now_ = kStart;
  std::vector<TestTimer> timers_;
  std::vector<const TestTimer*> rearmed_;
};

TEST(TimerWheel, AgreesWithAListThatIsSearchedEachTime) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    for (int i = 0; i < 1000 && !testing::Test::HasFatalFailure(); ++i) model.step();
  }
}

}  // namespace
}  // namespace paceline
