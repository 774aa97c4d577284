// A slot's life as a pure state machine; time and chance are passed in.
//
//   starting --ready--> ready --drain--> draining
//   any of them --died--> backoff --spawned--> starting
#pragma once

#include <cstdint>

#include "paceline/cluster/status.h"
#include "paceline/core.h"

namespace paceline {

/// When a dead process is replaced: the first time at once; from the second death on after 100 ms
/// × 2^n, at most 5 s, ± a quarter, until a process has lived for 10 s.
class RestartPolicy {
 public:
  static constexpr Duration kFirstDelay = 100ms;
  static constexpr Duration kDelayMax = 5s;
  static constexpr Duration kLongLife = 10s;
  /// `chance` is in [0, 1). Answers how long to wait.
  Duration died(Duration lived, double chance);

 private:
  std::uint32_t short_lives_ = 0;
};

class SlotMachine {
 public:
  SlotState state() const { return state_; }
  std::uint64_t restarts() const { return spawns_ > 0 ? spawns_ - 1 : 0; }
  /// Which of the slot's seats the present process writes: 0, 1, 0, 1, …
  std::size_t seat() const { return (spawns_ - 1) % 2; }
  bool running() const { return running_; }
  Time since() const { return since_; }  // of the process's start, or its death
  /// Never READY in any incarnation: a death now means that the start failed.
  bool never_ready() const { return never_ready_; }

  void spawned(Time now);
  void ready();
  void drain();
  /// How long to wait before the next spawned().
  Duration died(Time now, double chance);

 private:
  SlotState state_ = SlotState::backoff;
  RestartPolicy policy_;
  std::uint64_t spawns_ = 0;
  bool running_ = false;
  bool never_ready_ = true;
  Time since_;
};

}  // namespace paceline
