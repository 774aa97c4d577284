// Waiting for something to happen, with a deadline.
#pragma once

#include "paceline/core.h"
#include "paceline/loop/list.h"
#include "paceline/loop/loop.h"
#include "paceline/loop/task.h"
#include "paceline/loop/timer.h"

namespace paceline {

/// A flag that coroutines wait for. set() wakes all, in the order in which they came; reset()
/// makes later ones wait again. May be destroyed while nobody waits, or with its waiters.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  void set();
  void reset() { set_ = false; }
  /// Wakes those who wait now; the flag stays as it is.
  void notify();
  bool is_set() const { return set_; }
  bool waited_for() const { return !waiting_.empty(); }

  class Wait;
  /// bool in_time = co_await event.wait(deadline); false: the deadline passed first.
  Wait wait(Deadline deadline = Deadline::never());

 private:
  struct Entry : Waiter {
    bool notified = false;
  };
  Loop& loop_;
  List<Entry> waiting_;
  bool set_ = false;
};

class [[nodiscard]] Event::Wait final : Timer {
 public:
  Wait(Event& event, Deadline deadline) : event_(event), deadline_(deadline) {}
  bool await_ready() {
    entry_.notified = event_.set_;
    return event_.set_ || deadline_.passed(event_.loop_.now());
  }
  void await_suspend(std::coroutine_handle<> handle) {
    event_.loop_.suspend(entry_, handle);
    event_.waiting_.push_back(entry_);
    if (deadline_.at != Time::max()) event_.loop_.arm(*this, deadline_.at);
  }
  bool await_resume() const { return entry_.notified; }

 private:
  void fire() override {
    if (!entry_.notified) event_.loop_.make_ready(entry_);
  }
  Event& event_;
  Deadline deadline_;
  Entry entry_;
};

inline Event::Wait Event::wait(Deadline deadline) { return {*this, deadline}; }

namespace inside {

template <class T>
class [[nodiscard]] Race final : Timer {
 public:
  Race(Loop& loop, Task<Result<T>> task, Deadline deadline)
      : loop_(loop), task_(std::move(task)), deadline_(deadline) {}
  bool await_ready() {
    task_.start();
    return task_.done();
  }
  void await_suspend(std::coroutine_handle<> handle) {
    task_.then(handle);
    loop_.suspend(waiter_, handle);
    if (deadline_.at != Time::max()) loop_.arm(*this, deadline_.at);
  }
  Result<T> await_resume() {
    cancel();
    if (task_.done()) return task_.take();
    task_.cancel();
    return fail(Code::timeout, "deadline passed");
  }

 private:
  void fire() override { loop_.make_ready(waiter_); }
  Loop& loop_;
  Task<Result<T>> task_;
  Deadline deadline_;
  Waiter waiter_;
};

}  // namespace inside

/// The task's result, or Code::timeout when the deadline passes first; the task is then cancelled.
/// Result<T> r = co_await with_deadline(loop, work(), deadline);
template <class T>
inside::Race<T> with_deadline(Loop& loop, Task<Result<T>> task, Deadline deadline) {
  return {loop, std::move(task), deadline};
}

}  // namespace paceline
