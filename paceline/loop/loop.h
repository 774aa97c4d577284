// The loop itself: readiness in, callbacks and coroutines out.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "paceline/core.h"
#include "paceline/loop/kernel.h"
#include "paceline/loop/list.h"
#include "paceline/loop/task.h"
#include "paceline/loop/timer.h"

namespace paceline {

/// Plain numbers that the loop keeps about itself; whoever publishes metrics reads them.
struct LoopStats {
  std::uint64_t turns = 0;
  std::uint64_t events = 0;
  // Of them, those that waited for the loop: it had work and only looked, or they came with
  // another.
  std::uint64_t events_waiting = 0;
  std::uint64_t resumed = 0;      // coroutines taken from the ready list
  std::uint64_t timers_late = 0;  // turns in which a timer fired over 1 ms after its time
  Duration busy{0};               // between waking and sleeping
  Duration idle{0};               // inside the wait
  Duration lag_worst{0};          // the longest turn since take_lag_worst(); what a new event waits
  Duration timer_late_worst{0};   // the latest timer since take_lag_worst()
};

/// Receives readiness of one descriptor. Removing or destroying it inside any callback is fine:
/// no event of the same turn reaches it afterwards.
class Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  /// `events` as epoll gives them: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR.
  virtual void ready(std::uint32_t events) = 0;

 protected:
  ~Watch() = default;
};

/// Told after every turn, on the loop: for histograms.
class TurnObserver {
 public:
  /// `busy`: from waking until all that was ready had run. `late`: how late the latest of the
  /// timers was that fired; negative if none did.
  virtual void turned(Duration busy, Duration late) = 0;

 protected:
  ~TurnObserver() = default;
};

/// Something to do once before the loop waits again: what many events of a turn add up to. May be
/// destroyed at any time before.
class TurnEnd : public ListNode {
 public:
  virtual void turn_ended() = 0;

 protected:
  ~TurnEnd() = default;
};

class Loop {
 public:
  /// `kernel` outlives the loop.
  explicit Loop(Kernel& kernel);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  /// Turns until stop(). May be called again.
  void run();
  void stop() { stopped_ = true; }
  /// One turn: waits (at most until `until`), then runs what is ready.
  void turn(Time until = Time::max());

  /// Stands still within a turn; for deadlines and ttl.
  Time now() const { return now_; }
  /// The last reading of the clock: the start of the turn, or what measure() read since. Where one
  /// event's work ends the next one's begins, so N measured events cost N readings.
  Time measured() const { return measured_; }
  Time measure() { return measured_ = kernel_.now(); }

  Result<void> add(Watch& watch, int fd, std::uint32_t events);
  void modify(Watch& watch, int fd, std::uint32_t events);
  /// Before the descriptor is closed: descriptions are shared with other processes.
  void remove(Watch& watch, int fd);

  void arm(Timer& timer, Time at) { timers_.arm(timer, at); }
  /// Runs `end` once, after everything else of this turn, or of the next if none is under way;
  /// within the turn's time.
  void at_turn_end(TurnEnd& end) {
    if (!end.linked()) ends_.push_back(end);
  }
  /// For awaiters: `waiter` is the coroutine of `handle`, at what the loop is at now.
  void suspend(Waiter& waiter, std::coroutine_handle<> handle) {
    waiter.handle = handle;
    waiter.doing = doing();
  }
  /// Resumes `waiter` later in this turn or in the next; moves it from whatever list it is in.
  void make_ready(Waiter& waiter);
  Kernel& kernel() { return kernel_; }

  /// Borrowed until another one, or none, takes its place.
  void observe(TurnObserver* observer) { observer_ = observer; }
  /// What the loop is at, for a stall's report: text that outlives the loop's turn and every look
  /// at it, or nullptr. Costs a store. Forgotten when the next event is handled; a coroutine that
  /// waited finds it again.
  void doing(const char* what) { doing_.store(what, std::memory_order_relaxed); }
  /// For other threads: what doing() said last.
  const char* doing() const { return doing_.load(std::memory_order_relaxed); }
  /// When the present turn began, in nanoseconds of Clock, or 0 while the loop waits: for other
  /// threads, and in `word` for other processes. Borrowed; nullptr: a word of the loop's own.
  const std::atomic<std::uint64_t>& busy_since() const { return *busy_since_; }
  void share_busy_since(std::atomic<std::uint64_t>* word) {
    busy_since_ = word != nullptr ? word : &own_busy_since_;
  }

  const LoopStats& stats() const { return stats_; }
  /// Armed timers; counts them one by one.
  std::size_t timers() const { return timers_.size(); }
  /// Answers the stats and begins new worst values.
  LoopStats take_stats();

  /// co_await loop.sleep_until(t)
  class Sleep;
  Sleep sleep_until(Time at);
  Sleep sleep(Duration d);
  /// co_await loop.yield(): goes on in the next turn, behind whatever became ready until then,
  /// descriptors and timers too. For long work.
  class Yield;
  Yield yield();

  /// Runs the loop until `task` is done; for mains and tests.
  template <class T>
  T run_until_done(Task<T> task) {
    task.start();
    while (!task.done()) turn();
    return task.take();
  }

 private:
  static constexpr std::size_t kEventsMax = 256;   // events of one wait
  static constexpr std::size_t kResumesMax = 512;  // coroutines resumed before the next wait
  Time turn_from(Time slept, Time until);
  void run_ready();

  Kernel& kernel_;
  TimerWheel timers_;
  List<Waiter> ready_;
  List<Waiter> yielded_;  // ready from the next turn on
  List<TurnEnd> ends_;
  std::array<epoll_event, kEventsMax> events_;
  int event_next_ = 0;
  int event_count_ = 0;
  bool stopped_ = false;
  Time now_;
  Time measured_;
  LoopStats stats_;
  TurnObserver* observer_ = nullptr;
  std::atomic<const char*> doing_ = nullptr;
  std::atomic<std::uint64_t> own_busy_since_ = 0;
  std::atomic<std::uint64_t>* busy_since_ = &own_busy_since_;
};

class [[nodiscard]] Loop::Sleep final : Timer {
 public:
  Sleep(Loop& loop, Time at) : loop_(loop), at_(at) {}
  bool await_ready() const { return at_ <= loop_.now(); }
  void await_suspend(std::coroutine_handle<> handle) {
    loop_.suspend(waiter_, handle);
    loop_.arm(*this, at_);
  }
  void await_resume() const {}

 private:
  void fire() override { loop_.make_ready(waiter_); }
  Loop& loop_;
  Time at_;
  Waiter waiter_;
};

class [[nodiscard]] Loop::Yield {
 public:
  explicit Yield(Loop& loop) : loop_(loop) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    loop_.suspend(waiter_, handle);
    loop_.yielded_.push_back(waiter_);
  }
  void await_resume() const {}

 private:
  Loop& loop_;
  Waiter waiter_;
};

inline Loop::Sleep Loop::sleep_until(Time at) { return {*this, at}; }
inline Loop::Sleep Loop::sleep(Duration d) { return {*this, Deadline::after(now_, d).at}; }
inline Loop::Yield Loop::yield() { return Yield(*this); }

}  // namespace paceline
