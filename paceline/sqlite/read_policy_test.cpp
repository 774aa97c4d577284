#include "paceline/sqlite/read_policy.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

constexpr Duration fast = std::chrono::microseconds(3);
constexpr Duration slow = std::chrono::milliseconds(10);

struct Policy : ReadPolicy {
  Policy() : ReadPolicy(ReadPolicyOptions{}) {}
  Time now = Time(1h);
  void read(Duration took, int times = 1) {
    for (int i = 0; i < times; ++i) ran_on_loop(took, now);
  }
  ReadPlace next() { return choose(now); }
};

TEST(ReadPolicy, FastReadsStayOnTheLoop) {
  Policy p;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(p.next(), ReadPlace::loop);
    p.read(fast);
  }
  EXPECT_LE(p.mean(), fast);
}

TEST(ReadPolicy, RareSlowReadsStayOnTheLoop) {
  Policy p;
  for (int i = 0; i < 100; ++i) {
    p.read(slow);
    EXPECT_EQ(p.next(), ReadPlace::loop);
    p.read(fast, 30);
  }
}

TEST(ReadPolicy, OftenSlowReadsMoveToThePool) {
  Policy p;
  p.read(fast, 100);
  p.read(slow);
  p.read(fast);
  p.read(slow);
  p.read(slow);
  EXPECT_EQ(p.next(), ReadPlace::pool);
  EXPECT_EQ(p.moves(), 1U);
}

TEST(ReadPolicy, SteadilySlowerThanTheLimitMovesToo) {
  Policy p;
  p.read(600us, 100);
  EXPECT_EQ(p.next(), ReadPlace::pool);
  Policy below;
  below.read(400us, 100);
  EXPECT_EQ(below.next(), ReadPlace::loop);
}

TEST(ReadPolicy, ATrialComesOncePerPauseAndAFastOneReturns) {
  Policy p;
  p.read(slow, 3);
  for (int i = 0; i < 50; ++i) p.ran_on_pool(fast);
  EXPECT_EQ(p.next(), ReadPlace::pool);
  p.now += 1s;
  EXPECT_EQ(p.next(), ReadPlace::loop);  // the trial
  EXPECT_EQ(p.next(), ReadPlace::pool);  // not a second one while it runs
  p.read(fast);
  EXPECT_EQ(p.home(), ReadPlace::loop);
  EXPECT_EQ(p.next(), ReadPlace::loop);
  EXPECT_EQ(p.trials(), 1U);
}

TEST(ReadPolicy, FailedTrialsBecomeRare) {
  Policy p;
  p.read(slow, 3);
  for (int seconds = 0; seconds < 600; ++seconds) {
    p.now += 1s;
    for (int i = 0; i < 50; ++i) p.ran_on_pool(fast);  // only cold on the loop
    if (p.next() == ReadPlace::loop) p.read(slow);
  }
  EXPECT_GE(p.trials(), 10U);
  EXPECT_LE(p.trials(), 20U);
}

TEST(ReadPolicy, NoTrialWhileThePoolSaysSlow) {
  Policy p;
  p.read(slow, 3);
  for (int seconds = 0; seconds < 600; ++seconds) {
    p.now += 1s;
    for (int i = 0; i < 5; ++i) p.ran_on_pool(slow);
    EXPECT_EQ(p.next(), ReadPlace::pool);
  }
  for (int i = 0; i < 50; ++i) p.ran_on_pool(fast);
  p.now += 64s;
  EXPECT_EQ(p.next(), ReadPlace::loop);
}

TEST(ReadPolicy, AReturnThatDoesNotLastMakesTheNextPauseLonger) {
  Policy p;
  Duration before{};
  for (int round = 0; round < 5; ++round) {
    p.read(slow, 3);
    ASSERT_EQ(p.home(), ReadPlace::pool);
    for (int i = 0; i < 50; ++i) p.ran_on_pool(fast);
    const Time moved = p.now;
    while (p.next() == ReadPlace::pool) p.now += 100ms;
    EXPECT_GT(p.now - moved, before);
    before = p.now - moved;
    p.read(fast);
  }
  p.now += 65s;  // this time it lasts
  p.read(slow, 3);
  for (int i = 0; i < 50; ++i) p.ran_on_pool(fast);
  p.now += 1s;
  EXPECT_EQ(p.next(), ReadPlace::loop);
}

}  // namespace
}  // namespace paceline
