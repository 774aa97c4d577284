// Blocking calls off the loop: a few threads, a bounded queue, results back on the loop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "paceline/core.h"
#include "paceline/loop/loop.h"

namespace paceline {

namespace inside {
template <class R>
struct Flat {
  using type = Result<R>;
};
template <class R>
struct Flat<Result<R>> {
  using type = Result<R>;
};
}  // namespace inside

struct OffloadOptions {
  std::size_t threads = 2;      // started at first use; each costs a stack
  std::size_t queue_max = 256;  // calls that wait for a thread; more is Code::exhausted
};

/// co_await pool.run(f): f() on another thread. f owns all it touches: when the caller is
/// cancelled the call still ends, and its result is dropped. The destructor waits for calls
/// that run; those that only wait for a thread end with Code::cancelled.
class OffloadPool final : Watch {
 public:
  explicit OffloadPool(Loop& loop, OffloadOptions options = {});
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;
  ~OffloadPool();

  template <class F>
  class Call;
  /// Result<R> r = co_await pool.run(f), where f returns R or Result<R>. Code::exhausted when the
  /// queue is full or no thread can be started; an exception in f comes out of co_await.
  template <class F>
  Call<F> run(F f) {
    return Call<F>(*this, std::move(f));
  }
  std::size_t waiting() const;  // calls that wait for a thread
  std::uint64_t refused() const { return refused_; }

 private:
  struct Job {
    // Both on the loop's thread only; null: nobody waits any more.
    Waiter* waiter = nullptr;
    std::unique_ptr<Job>* home = nullptr;  // who owns the job once it is done
    virtual void execute() noexcept = 0;
    virtual ~Job() = default;
  };
  template <class F>
  struct JobOf;

  bool submit(std::unique_ptr<Job>& job);
  bool start_thread();
  void work();
  void hand_back(std::unique_ptr<Job> job);
  void ready(std::uint32_t events) override;

  Loop& loop_;
  OffloadOptions options_;
  Fd wake_;
  std::uint64_t refused_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable work_there_;
  std::deque<std::unique_ptr<Job>> queue_;
  std::vector<std::unique_ptr<Job>> done_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

template <class F>
struct OffloadPool::JobOf final : Job {
  using R = std::invoke_result_t<F&>;
  using Stored = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
  explicit JobOf(F f) : function(std::move(f)) {}
  void execute() noexcept override {
    try {
      if constexpr (std::is_void_v<R>) {
        function();
        value.emplace();
      } else {
        value.emplace(function());
      }
    } catch (...) {
      exception = std::current_exception();
    }
  }
  F function;
  std::optional<Stored> value;
  std::exception_ptr exception;
};

template <class F>
class [[nodiscard]] OffloadPool::Call {
 public:
  using R = std::invoke_result_t<F&>;
  using Answer = typename inside::Flat<R>::type;
  Call(OffloadPool& pool, F f) : pool_(pool), job_(std::make_unique<JobOf<F>>(std::move(f))) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    if (running_ == nullptr) return;
    running_->waiter = nullptr;
    running_->home = nullptr;
  }
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    pool_.loop_.suspend(waiter_, handle);
    running_ = static_cast<JobOf<F>*>(job_.get());
    running_->waiter = &waiter_;
    running_->home = &job_;
    if (pool_.submit(job_)) return true;
    running_ = nullptr;
    return false;
  }
  Answer await_resume() {
    if (running_ == nullptr) return fail(Code::exhausted, "offload queue is full");
    if (running_->exception) std::rethrow_exception(running_->exception);
    if (!running_->value) return fail(Code::cancelled, "the offload pool ended first");
    if constexpr (std::is_void_v<R>) {
      return {};
    } else {
      return std::move(*running_->value);
    }
  }

 private:
  OffloadPool& pool_;
  std::unique_ptr<Job> job_;  // before it is submitted, and after it is done
  JobOf<F>* running_ = nullptr;
  Waiter waiter_;
};

}  // namespace paceline
