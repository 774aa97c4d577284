#include "paceline/loop/scope.h"

#include <utility>

namespace paceline {

struct Scope::Runner {
  using promise_type = Scope::Promise;
  std::coroutine_handle<Scope::Promise> handle;
};

/// The frame around one task; in the scope's list, and its own destroyer at the end.
struct Scope::Promise : ListNode {
  Scope* scope;

  Promise(Scope& owner, const Task<void>&) : scope(&owner) {}
  static void* operator new(std::size_t size) { return frame_allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { frame_free(frame, size); }

  struct Leave {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
      Scope* owner = handle.promise().scope;
      handle.destroy();
      if (--owner->size_ == 0) owner->emptied_.set();
    }
    void await_resume() const noexcept {}
  };
  Runner get_return_object() { return {std::coroutine_handle<Promise>::from_promise(*this)}; }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Leave final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() const noexcept { check(false, "exception left a background task"); }
};

Scope::Scope(Loop& loop) : emptied_(loop) { emptied_.set(); }

Scope::~Scope() { cancel(); }

Scope::Runner Scope::run(Scope&, Task<void> task) { co_await task; }

void Scope::spawn(Task<void> task) {
  const Runner runner = run(*this, std::move(task));
  running_.push_back(runner.handle.promise());
  ++size_;
  emptied_.reset();
  runner.handle.resume();
}

void Scope::cancel() {
  while (Promise* promise = running_.pop_front()) {
    --size_;
    std::coroutine_handle<Promise>::from_promise(*promise).destroy();
  }
  emptied_.set();
}

}  // namespace paceline
