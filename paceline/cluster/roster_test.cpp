#include "paceline/cluster/roster.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "paceline/cluster/seat.h"

namespace paceline {
namespace {

Roster example(std::size_t slots) {
  Roster roster{.phase = ClusterPhase::running, .started = Time(5s), .slots = {}, .facts = "{}"};
  for (std::size_t i = 0; i < slots; ++i) {
    roster.slots.push_back({.role = "worker",
                            .slot = i,
                            .seat_first = 2 * i,
                            .seat = 2 * i + 1,
                            .pid = 4711,
                            .state = SlotState::ready,
                            .restarts = 3,
                            .generation = 1,
                            .since = Time(7s),
                            .last_exit = "signal 9 (Killed)"});
  }
  return roster;
}

TEST(Roster, WhatIsPublishedIsRead) {
  const Result<SharedRegion> region = create_control_region(8);
  ASSERT_TRUE(region);
  RosterWriter writer(control_roster(*region));
  RosterReader reader(control_roster(*region));
  EXPECT_EQ(reader.read(), nullptr);
  writer.publish(example(2));
  const Roster* read = reader.read();
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->phase, ClusterPhase::running);
  EXPECT_EQ(read->started, Time(5s));
  EXPECT_EQ(read->facts, "{}");
  ASSERT_EQ(read->slots.size(), 2U);
  const RosterSlot& slot = read->slots[1];
  EXPECT_EQ(slot.role, "worker");
  EXPECT_EQ(slot.slot, 1U);
  EXPECT_EQ(slot.seat_first, 2U);
  EXPECT_EQ(slot.seat, 3U);
  EXPECT_EQ(slot.pid, 4711);
  EXPECT_EQ(slot.state, SlotState::ready);
  EXPECT_EQ(slot.restarts, 3U);
  EXPECT_EQ(slot.since, Time(7s));
  EXPECT_EQ(slot.last_exit, "signal 9 (Killed)");
}

TEST(Roster, ASlotWithoutProcessHasNoSeat) {
  const Result<SharedRegion> region = create_control_region(2);
  ASSERT_TRUE(region);
  Roster roster = example(1);
  roster.slots[0].seat.reset();
  RosterWriter writer(control_roster(*region));
  writer.publish(roster);
  RosterReader reader(control_roster(*region));
  ASSERT_NE(reader.read(), nullptr);
  EXPECT_FALSE(reader.read()->slots[0].seat.has_value());
}

TEST(Roster, FactsThatDoNotFitAreLeftOutAndTheSlotsStay) {
  const Result<SharedRegion> region = create_control_region(2);
  ASSERT_TRUE(region);
  Roster roster = example(1);
  roster.facts.assign(std::size_t{1} << 20, 'x');
  RosterWriter writer(control_roster(*region));
  writer.publish(roster);
  RosterReader reader(control_roster(*region));
  ASSERT_NE(reader.read(), nullptr);
  EXPECT_EQ(reader.read()->facts, "");
  EXPECT_EQ(reader.read()->slots.size(), 1U);
}

TEST(Roster, BytesThatAreNoRosterAreNone) {
  const Result<SharedRegion> region = create_control_region(2);
  ASSERT_TRUE(region);
  const std::span<std::byte> bytes = control_roster(*region);
  for (std::byte& byte : bytes) byte = std::byte{0x22};
  RosterReader reader(bytes);
  EXPECT_EQ(reader.read(), nullptr);
  RosterReader nothing;
  EXPECT_EQ(nothing.read(), nullptr);
}

TEST(RosterThreads, AReaderNeverSeesHalfOfAChange) {
  const Result<SharedRegion> region = create_control_region(16);
  ASSERT_TRUE(region);
  RosterWriter writer(control_roster(*region));
  writer.publish(example(8));
  std::atomic<bool> done = false;
  std::thread thread([&] {
    for (std::uint64_t i = 0; i < 2000; ++i) {
      Roster roster = example(8);
      for (RosterSlot& slot : roster.slots) slot.restarts = i;
      writer.publish(roster);
    }
    done = true;
  });
  RosterReader reader(control_roster(*region));
  while (!done) {
    const Roster* roster = reader.read();
    if (roster == nullptr) continue;
    for (const RosterSlot& slot : roster->slots) {
      EXPECT_EQ(slot.restarts, roster->slots[0].restarts);
    }
  }
  thread.join();
}

}  // namespace
}  // namespace paceline
