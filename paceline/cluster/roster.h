// The roster: what the supervisor knows about every process, in shared memory, so that whoever
// reads it (the monitor) asks nobody and waits for nobody.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster/status.h"
#include "paceline/core.h"

namespace paceline {

/// starting: no worker accepts yet. running: all were ready once. draining: it stops.
enum class ClusterPhase : std::uint8_t { starting, running, draining };
std::string_view to_string(ClusterPhase phase);

/// One slot of one role, and the process in it.
struct RosterSlot {
  std::string role;
  std::size_t slot = 0;             // within its role
  std::size_t seat_first = 0;       // of its kSeatsPerSlot seats
  std::optional<std::size_t> seat;  // that the present process writes; none without a process
  pid_t pid = 0;                    // 0: none
  SlotState state = SlotState::starting;
  std::uint64_t restarts = 0;
  std::uint64_t generation = 0;
  Time since;             // of the process's start, or of the last one's death
  std::string last_exit;  // "signal 9 (Killed)"; empty: none died yet
};

struct Roster {
  ClusterPhase phase = ClusterPhase::starting;
  Time started;  // of the instance
  std::vector<RosterSlot> slots;
  /// The status as JSON at the end of the start (ClusterStatus); empty before.
  std::string facts;
};

/// The writing side; one in the region's life.
class RosterWriter {
 public:
  RosterWriter() = default;
  /// `bytes`: the part of the region "control" that is made for it, zero at first.
  explicit RosterWriter(std::span<std::byte> bytes);
  /// Does nothing when nothing changed. What does not fit (thousands of slots) loses its facts,
  /// then its slots from the end.
  void publish(const Roster& roster);

 private:
  bool put(const std::string& text);
  std::span<std::atomic<std::uint64_t>> words_;
  std::string last_;
};

/// The reading side. A reader that meets a change tries again, a few times, then keeps what it had.
class RosterReader {
 public:
  RosterReader() = default;
  explicit RosterReader(std::span<const std::byte> bytes);
  /// The newest readable roster; null before the first one was published.
  const Roster* read();

 private:
  std::span<const std::atomic<std::uint64_t>> words_;
  std::uint64_t sequence_ = 0;
  std::optional<Roster> roster_;
};

/// What the part needs for so many slots.
std::size_t roster_bytes(std::size_t slots);
/// The part of a control region; empty if there is none.
std::span<std::byte> control_roster(const SharedRegion& control);

}  // namespace paceline
