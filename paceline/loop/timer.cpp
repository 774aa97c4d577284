#include "paceline/loop/timer.h"

#include <algorithm>
#include <bit>

namespace paceline {

TimerWheel::TimerWheel(Time start) : start_(start) {}

std::uint64_t TimerWheel::tick_of(Time at) const {
  if (at <= start_) return 0;
  return static_cast<std::uint64_t>((at - start_).count()) >> kSlotBits;
}

Time TimerWheel::time_of(std::uint64_t tick) const {
  return start_ + Duration(static_cast<Duration::rep>(tick << kSlotBits));
}

void TimerWheel::arm(Timer& timer, Time at) {
  timer.unlink();
  timer.at_ = at;
  place(timer);
}

void TimerWheel::place(Timer& timer) {
  const std::uint64_t tick = std::max(tick_of(timer.at_), tick_);
  const std::uint64_t distance = tick ^ tick_;
  int level = distance == 0 ? 0 : (63 - std::countl_zero(distance)) / kLevelBits;
  std::size_t slot = 0;
  if (level >= kLevels) {  // beyond the wheel: the farthest slot, looked at again from there
    level = kLevels - 1;
    slot = (index(tick_, level) + kSlots - 1) & (kSlots - 1);
  } else {
    slot = index(tick, level);
  }
  slots_[static_cast<std::size_t>(level)][slot].push_back(timer);
  occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
  if (level == 0 && tick == tick_) soonest_ = std::min(soonest_, timer.at_);
}

Time TimerWheel::next() const {
  if (soonest_ != Time::max()) return soonest_;
  Time best = Time::max();
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t bits = occupied_[static_cast<std::size_t>(level)];
    if (bits == 0) continue;
    // Slots ahead of the current one, in the order in which they come.
    const int here = static_cast<int>(index(tick_, level));
    const std::uint64_t turned = std::rotr(bits, here);
    const auto ahead = static_cast<std::uint64_t>(std::countr_zero(turned));
    if (ahead == 0 && level == 0) {
      slots_[0][static_cast<std::size_t>(here)].for_each(
          [&](const Timer& timer) { soonest_ = std::min(soonest_, timer.at_); });
      if (soonest_ != Time::max()) return soonest_;
    }
    const int shift = level * kLevelBits;
    const std::uint64_t base = (tick_ >> shift) << shift;
    best = std::min(best, time_of(base + (std::max<std::uint64_t>(ahead, 1) << shift)));
    if (level == 0 && ahead != 0) break;  // lower levels always come first
  }
  return best;
}

void TimerWheel::cascade(int level) {
  const std::size_t slot = index(tick_, level);
  if (slot == 0 && level + 1 < kLevels) cascade(level + 1);
  Slot moving;
  moving.splice(slots_[static_cast<std::size_t>(level)][slot]);
  occupied_[static_cast<std::size_t>(level)] &= ~(std::uint64_t{1} << slot);
  while (Timer* timer = moving.pop_front()) place(*timer);
}

void TimerWheel::collect_due(Time now, Slot& due) {
  const std::size_t slot = index(tick_, 0);
  Slot& current = slots_[0][slot];
  soonest_ = Time::max();
  current.for_each([&](Timer& timer) {
    if (timer.at_ <= now) {
      timer.unlink();
      due.push_back(timer);
    } else {
      soonest_ = std::min(soonest_, timer.at_);
    }
  });
  if (current.empty()) occupied_[0] &= ~(std::uint64_t{1} << slot);
}

Duration TimerWheel::advance(Time now) {
  const std::uint64_t target = tick_of(now);
  Slot due;
  collect_due(now, due);
  while (tick_ < target) {
    // Jump to the next slot that may hold something, or to the next cascade, not tick by tick.
    const std::uint64_t low = index(tick_, 0);
    const std::uint64_t ahead = low + 1 < kSlots ? occupied_[0] >> (low + 1) : 0;
    const std::uint64_t step =
        ahead != 0 ? static_cast<std::uint64_t>(std::countr_zero(ahead)) + 1 : kSlots - low;
    tick_ = std::min(target, tick_ + step);
    if (index(tick_, 0) == 0) cascade(1);
    collect_due(now, due);
  }
  Duration late{0};
  while (Timer* timer = due.pop_front()) {
    late = std::max(late, Duration(now - timer->at_));
    timer->fire();
  }
  return late;
}

}  // namespace paceline
