// Task<T>: a lazy coroutine with one owner. It starts when awaited (or spawned in a Scope), and
// destroying it cancels it: whatever it waits for is unlinked, its locals are destroyed.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "paceline/core.h"
#include "paceline/loop/list.h"

namespace paceline {

/// Coroutine frames come from free lists of this thread, by size class; no malloc in steady state.
/// A frame must be destroyed on the thread that made it.
void* frame_allocate(std::size_t size);
void frame_free(void* frame, std::size_t size) noexcept;
/// Coroutines of this thread that were made and not destroyed; not those whose frame the compiler
/// put into their caller's.
std::size_t frames_alive();

/// A suspended coroutine in some list: a wait list, then the loop's ready list. Lives in the
/// coroutine's own frame, so destroying the coroutine removes it from wherever it is.
struct Waiter : ListNode {
  std::coroutine_handle<> handle;
  const char* doing = nullptr;  // Loop::doing() when it began to wait, and again when it goes on
};

template <class T = void>
class Task;

namespace inside {

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;

  static void* operator new(std::size_t size) { return frame_allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { frame_free(frame, size); }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) const noexcept {
      return done.promise().continuation;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) [[unlikely]]
      std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() noexcept {}
  void take() {
    if (exception) [[unlikely]]
      std::rethrow_exception(exception);
  }
};

}  // namespace inside

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = inside::Promise<T>;
  using value_type = T;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      cancel();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { cancel(); }

  void cancel() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }
  bool valid() const { return static_cast<bool>(handle_); }
  bool done() const { return handle_ && handle_.done(); }

  /// For owners that are not coroutines (a connection): runs until the first suspension. When it
  /// ends later, `continuation` is resumed.
  void start(std::coroutine_handle<> continuation = std::noop_coroutine()) {
    handle_.promise().continuation = continuation;
    handle_.resume();
  }
  /// Who is resumed when it ends; for a task that was started without one.
  void then(std::coroutine_handle<> continuation) { handle_.promise().continuation = continuation; }
  /// The value of a task that is done; rethrows what it threw. Once.
  T take() { return handle_.promise().take(); }

  struct Awaiter {
    std::coroutine_handle<promise_type> handle;
    bool await_ready() const noexcept { return handle.done(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) const noexcept {
      handle.promise().continuation = caller;
      return handle;
    }
    T await_resume() const { return handle.promise().take(); }
  };
  Awaiter operator co_await() const& noexcept { return Awaiter{handle_}; }
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

namespace inside {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace inside

}  // namespace paceline
