// Scope: the only way to run in the background. Whoever owns the scope owns what runs in it.
#pragma once

#include <coroutine>
#include <cstddef>

#include "paceline/core.h"
#include "paceline/loop/event.h"
#include "paceline/loop/list.h"
#include "paceline/loop/task.h"

namespace paceline {

/// Runs tasks until they end or the scope is destroyed, which cancels them in the order in which
/// they came. A task must not destroy its own scope, and must not let an exception out (check()).
class Scope {
 public:
  explicit Scope(Loop& loop);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

  /// Runs `task` up to its first suspension now, the rest in the background.
  void spawn(Task<void> task);
  void cancel();
  std::size_t size() const { return size_; }
  /// co_await scope.drained(): until nothing runs; false if the deadline passed first.
  Event::Wait drained(Deadline deadline = Deadline::never()) { return emptied_.wait(deadline); }

 private:
  struct Runner;
  struct Promise;
  static Runner run(Scope& scope, Task<void> task);
  List<Promise> running_;
  std::size_t size_ = 0;
  Event emptied_;
};

}  // namespace paceline
