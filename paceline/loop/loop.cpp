#include "paceline/loop/loop.h"

#include <algorithm>

namespace paceline {

Loop::Loop(Kernel& kernel)
    : kernel_(kernel), timers_(kernel.now()), now_(kernel.now()), measured_(now_) {}

Loop::~Loop() = default;

void Loop::run() {
  stopped_ = false;
  Time slept = measure();
  while (!stopped_) slept = turn_from(slept, Time::max());
}

void Loop::turn(Time until) { turn_from(measure(), until); }

/// `slept`: the clock's reading just now. Answers its next one, at the end of the turn.
Time Loop::turn_from(Time slept, Time until) {
  Duration timeout = Duration::max();
  const bool yielded = !yielded_.empty();
  if (yielded || !ready_.empty()) {
    timeout = Duration::zero();
  } else if (const Time wake = std::min(until, timers_.next()); wake != Time::max()) {
    timeout = std::max(Duration::zero(), Duration(wake - slept));
  }
  const int count = kernel_.wait(events_, timeout);
  now_ = measure();
  busy_since_->store(static_cast<std::uint64_t>(now_.time_since_epoch().count()),
                     std::memory_order_relaxed);
  stats_.idle += now_ - slept;
  ++stats_.turns;

  event_count_ = std::max(count, 0);
  stats_.events += static_cast<std::uint64_t>(event_count_);
  // The first event of a wait that could sleep may be the one that woke the loop.
  const int first = timeout > Duration::zero() ? 1 : 0;
  stats_.events_waiting += static_cast<std::uint64_t>(std::max(event_count_ - first, 0));
  for (event_next_ = 0; event_next_ < event_count_;) {
    const epoll_event& event = events_[static_cast<std::size_t>(event_next_++)];
    doing(nullptr);
    if (event.data.ptr != nullptr) static_cast<Watch*>(event.data.ptr)->ready(event.events);
  }
  event_next_ = event_count_ = 0;

  doing(nullptr);
  Duration late(-1);
  if (timers_.next() <= now_) {
    late = timers_.advance(now_);
    stats_.timer_late_worst = std::max(stats_.timer_late_worst, late);
    if (late > std::chrono::milliseconds(1)) ++stats_.timers_late;
  }
  if (yielded) ready_.splice(yielded_);
  run_ready();
  while (TurnEnd* end = ends_.pop_front()) end->turn_ended();

  const Duration busy = measure() - now_;
  stats_.busy += busy;
  stats_.lag_worst = std::max(stats_.lag_worst, busy);
  if (observer_ != nullptr) observer_->turned(busy, late);
  busy_since_->store(0, std::memory_order_relaxed);
  return measured_;
}

void Loop::run_ready() {
  for (std::size_t i = 0; i < kResumesMax; ++i) {
    Waiter* waiter = ready_.pop_front();
    if (waiter == nullptr) return;
    ++stats_.resumed;
    doing(waiter->doing);
    waiter->handle.resume();
  }
}

void Loop::make_ready(Waiter& waiter) {
  waiter.unlink();
  ready_.push_back(waiter);
}

Result<void> Loop::add(Watch& watch, int fd, std::uint32_t events) {
  const int answer = kernel_.watch(EPOLL_CTL_ADD, fd, events, &watch);
  if (answer < 0) return fail_errno("epoll add", -answer);
  return {};
}

void Loop::modify(Watch& watch, int fd, std::uint32_t events) {
  check(kernel_.watch(EPOLL_CTL_MOD, fd, events, &watch) == 0, "epoll modify");
}

void Loop::remove(Watch& watch, int fd) {
  kernel_.watch(EPOLL_CTL_DEL, fd, 0, nullptr);
  for (int i = event_next_; i < event_count_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watch) event.data.ptr = nullptr;
  }
}

LoopStats Loop::take_stats() {
  const LoopStats taken = stats_;
  stats_.lag_worst = stats_.timer_late_worst = Duration{0};
  return taken;
}

}  // namespace paceline
