// Timers: a hierarchical wheel of intrusive nodes. Arming and cancelling cost O(1); a timer fires
// at its own nanosecond, because a timerfd wakes the loop for the earliest one.
#pragma once

#include <array>
#include <cstdint>

#include "paceline/core.h"
#include "paceline/loop/list.h"

namespace paceline {

class Loop;

/// Fires once at `at`, unless cancelled or destroyed before. Embedded in its owner.
class Timer : public ListNode {
 public:
  virtual void fire() = 0;
  Time at() const { return at_; }
  bool armed() const { return linked(); }
  void cancel() { unlink(); }

 protected:
  ~Timer() = default;

 private:
  friend class TimerWheel;
  Time at_;
};

/// Five levels of 64 slots; a slot of level 0 spans 1.05 ms (2^20 ns), each slot above 64 of the
/// level below: 67 ms, 4.3 s, 4.6 min, 4.9 h. One turn of the wheel takes 13 days; later timers
/// wait in the farthest slot and are placed again when it is reached.
class TimerWheel {
 public:
  explicit TimerWheel(Time start);
  void arm(Timer& timer, Time at);
  /// The earliest moment at which advance() may have something to do; Time::max() if none.
  Time next() {
    if (!next_known_) [[unlikely]] {
      find_next();
    }
    return next_;
  }
  /// Fires what is due, in the order of slots; answers how late the latest of them was, or what is
  /// negative if none was due.
  Duration advance(Time now);
  /// How many are armed: a walk over all of them, since one that is destroyed tells nobody.
  std::size_t size() const;

 private:
  static constexpr int kSlotBits = 20;
  static constexpr int kLevelBits = 6;
  static constexpr int kLevels = 5;
  static constexpr std::uint64_t kSlots = 1U << kLevelBits;
  using Slot = List<Timer>;

  std::uint64_t tick_of(Time at) const;
  Time time_of(std::uint64_t tick) const;
  void find_next();
  std::uint64_t next_stop() const;
  void place(Timer& timer);
  void cascade(int level);
  void collect_due(Time now, Slot& due);
  static std::size_t index(std::uint64_t tick, int level) {
    return (tick >> (level * kLevelBits)) & (kSlots - 1);
  }

  Time start_;
  std::uint64_t tick_ = 0;
  std::array<std::array<Slot, kSlots>, kLevels> slots_;
  std::array<std::uint64_t, kLevels> occupied_{};  // one bit a slot; may be set for an empty one
  Time soonest_ = Time::max();                     // a lower bound over the current slot
  Time next_ = Time::max();  // next()'s answer, kept from one advance() to the next
  bool next_known_ = true;
};

}  // namespace paceline
