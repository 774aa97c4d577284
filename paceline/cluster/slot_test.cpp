#include "paceline/cluster/slot.h"

#include <gtest/gtest.h>

#include <vector>

namespace paceline {
namespace {

constexpr double kMiddle = 0.5;  // no jitter

TEST(RestartPolicy, TheFirstRestartIsAtOnceAndThenTheDelayDoubles) {
  RestartPolicy policy;
  std::vector<Duration> delays;
  for (int i = 0; i < 9; ++i) delays.push_back(policy.died(1s, kMiddle));
  const std::vector<Duration> expected = {0s, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s};
  EXPECT_EQ(delays, expected);
}

TEST(RestartPolicy, TenSecondsOfLifeForgiveEverything) {
  RestartPolicy policy;
  for (int i = 0; i < 5; ++i) std::ignore = policy.died(1s, kMiddle);
  EXPECT_EQ(policy.died(10s, kMiddle), 0s);
  EXPECT_EQ(policy.died(9s, kMiddle), 100ms);
}

TEST(RestartPolicy, JitterIsAQuarterEachWayAndNeverBeyondTheMaximum) {
  RestartPolicy low;
  RestartPolicy high;
  std::ignore = low.died(0s, 0);
  std::ignore = high.died(0s, 0);
  EXPECT_EQ(low.died(0s, 0), 75ms);
  EXPECT_GT(high.died(0s, 0.999), 124ms);
  for (int i = 0; i < 100; ++i) EXPECT_LE(high.died(0s, 0.999), 5s);
}

TEST(SlotMachine, AlternatesSeatsAndCountsRestarts) {
  const Time start{};
  SlotMachine slot;
  slot.spawned(start);
  EXPECT_EQ(slot.state(), SlotState::starting);
  EXPECT_EQ(slot.seat(), 0U);
  EXPECT_TRUE(slot.never_ready());
  slot.ready();
  EXPECT_EQ(slot.state(), SlotState::ready);
  EXPECT_EQ(slot.died(start + 1s, kMiddle), 0s);
  EXPECT_EQ(slot.state(), SlotState::backoff);
  EXPECT_FALSE(slot.running());
  slot.spawned(start + 1s);
  EXPECT_EQ(slot.seat(), 1U);
  EXPECT_EQ(slot.restarts(), 1U);
  EXPECT_FALSE(slot.never_ready());
  slot.drain();
  EXPECT_EQ(slot.state(), SlotState::draining);
}

}  // namespace
}  // namespace paceline
