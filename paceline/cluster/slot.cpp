#include "paceline/cluster/slot.h"

#include <algorithm>

namespace paceline {

Duration RestartPolicy::died(Duration lived, double chance) {
  if (lived >= kLongLife) short_lives_ = 0;
  const std::uint32_t before = short_lives_++;
  if (before == 0) return Duration{0};
  // 100 ms << 6 is beyond the maximum already.
  const Duration delay = std::min(kFirstDelay * (1U << std::min(before - 1, 6U)), kDelayMax);
  const double spread = 0.75 + 0.5 * chance;
  const auto jittered = static_cast<Duration::rep>(static_cast<double>(delay.count()) * spread);
  return std::min(Duration(jittered), kDelayMax);
}

void SlotMachine::spawned(Time now) {
  check(!running_, "a slot runs one process");
  running_ = true;
  state_ = SlotState::starting;
  since_ = now;
  ++spawns_;
}

void SlotMachine::ready() {
  check(state_ == SlotState::starting, "READY once");
  state_ = SlotState::ready;
  never_ready_ = false;
}

void SlotMachine::drain() {
  check(running_, "drain a process");
  state_ = SlotState::draining;
}

Duration SlotMachine::died(Time now, double chance) {
  check(running_, "died once");
  running_ = false;
  state_ = SlotState::backoff;
  const Duration delay = policy_.died(now - since_, chance);
  since_ = now;
  return delay;
}

}  // namespace paceline
