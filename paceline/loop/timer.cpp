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
  next_ = std::min(next_, at);
  place(timer);
}

void TimerWheel::place(Timer& timer) {
  const std::uint64_t tick = std::max(tick_of(timer.at_), tick_);
  const std::uint64_t distance = tick ^ tick_;
  int level = distance == 0 ? 0 : (63 - std::countl_zero(distance)) / kLevelBits;
  std::size_t slot = 0;
  if (level >= kLevels) {  // in the wheel's next turn: its slot, or the farthest one for now
    level = kLevels - 1;
    const int shift = level * kLevelBits;
    const std::uint64_t ahead = std::min((tick >> shift) - (tick_ >> shift), kSlots - 1);
    slot = (index(tick_, level) + ahead) & (kSlots - 1);
  } else {
    slot = index(tick, level);
  }
  slots_[static_cast<std::size_t>(level)][slot].push_back(timer);
  occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
  if (level == 0 && tick == tick_) soonest_ = std::min(soonest_, timer.at_);
}

void TimerWheel::find_next() {
  const bool some = std::ranges::any_of(occupied_, [](std::uint64_t bits) { return bits != 0; });
  next_ = some ? time_of(next_stop()) : Time::max();
  if (soonest_ != Time::max()) next_ = soonest_;
  next_known_ = true;
}

/// The next tick at which a slot that may hold something begins, or the wheel's next turn.
std::uint64_t TimerWheel::next_stop() const {
  for (int level = 0; level < kLevels; ++level) {
    const std::size_t here = index(tick_, level);
    const std::uint64_t bits = occupied_[static_cast<std::size_t>(level)];
    const std::uint64_t ahead = here + 1 < kSlots ? bits >> (here + 1) : 0;
    if (ahead == 0) continue;  // the rest of this level's turn is empty
    const auto slots = static_cast<std::uint64_t>(std::countr_zero(ahead)) + 1;
    const int shift = level * kLevelBits;
    return ((tick_ >> shift) + slots) << shift;
  }
  const int turn = kLevels * kLevelBits;
  return ((tick_ >> turn) + 1) << turn;
}

std::size_t TimerWheel::size() const {
  std::size_t count = 0;
  for (const auto& level : slots_) {
    for (const Slot& slot : level) slot.for_each([&count](const Timer&) { ++count; });
  }
  return count;
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
  next_known_ = false;
  Slot due;
  collect_due(now, due);
  while (tick_ < target) {
    tick_ = std::min(target, next_stop());
    if (index(tick_, 0) == 0) cascade(1);
    collect_due(now, due);
  }
  Duration late{-1};
  while (Timer* timer = due.pop_front()) {
    late = std::max(late, Duration(now - timer->at_));
    timer->fire();
  }
  return late;
}

}  // namespace paceline
