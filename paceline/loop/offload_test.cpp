#include "paceline/loop/offload.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

#include "paceline/loop/scope.h"

namespace paceline {
namespace {

/// A call that says when it runs and ends when it is told to.
struct Gate {
  std::binary_semaphore running{0};
  std::binary_semaphore open{0};
  std::atomic<int> passed{0};
};

template <class F>
Task<void> call(OffloadPool& pool, F f, std::string& answer) {
  const auto result = co_await pool.run(std::move(f));
  answer = result ? "done" : std::string(to_string(result.error().code));
}

std::function<int()> pass(std::shared_ptr<Gate> gate) {
  return [gate] {
    gate->running.release();
    gate->open.acquire();
    return ++gate->passed;
  };
}

class OffloadPoolTest : public testing::Test {
 protected:
  RealKernel kernel;
  Loop loop{kernel};
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::string answers[4];

  /// Turns until `condition`; a test that hangs ends by ctest's own limit.
  void turn_until(const std::function<bool()>& condition) {
    while (!condition()) loop.turn(loop.now() + 10ms);
  }
};

Task<std::string> results(OffloadPool& pool, std::thread::id loop_thread) {
  const Result<int> number = co_await pool.run([] { return 6 * 7; });
  const Result<std::string> moved =
      co_await pool.run([owned = std::make_unique<std::string>("owned")] { return *owned; });
  const Result<void> nothing = co_await pool.run([] {});
  const Result<bool> elsewhere =
      co_await pool.run([loop_thread] { return std::this_thread::get_id() != loop_thread; });
  const Result<int> failed =
      co_await pool.run([]() -> Result<int> { return fail(Code::corrupt, "as asked"); });
  check(nothing.has_value() && *elsewhere && std::this_thread::get_id() == loop_thread);
  check(!failed && failed.error().code == Code::corrupt);
  co_return std::to_string(*number) + *moved;
}

TEST_F(OffloadPoolTest, GivesResultsBackOnTheLoop) {
  OffloadPool pool(loop);
  EXPECT_EQ(loop.run_until_done(results(pool, std::this_thread::get_id())), "42owned");
}

Task<std::string> throws(OffloadPool& pool) {
  try {
    const Result<int> result =
        co_await pool.run([]() -> int { throw std::runtime_error("as asked"); });
    co_return result ? "a value" : "an error";
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
}

TEST_F(OffloadPoolTest, AnExceptionComesOutOfAwait) {
  OffloadPool pool(loop);
  EXPECT_EQ(loop.run_until_done(throws(pool)), "as asked");
}

Task<void> add_many(OffloadPool& pool, int count, int& sum) {
  for (int i = 0; i < count; ++i) {
    const Result<int> result = co_await pool.run([i] { return i; });
    sum += *result;
  }
}

TEST_F(OffloadPoolTest, ManyCallersShareAFewThreads) {
  OffloadPool pool(loop, {.threads = 3});
  Scope scope(loop);
  int sum = 0;
  for (int i = 0; i < 50; ++i) scope.spawn(add_many(pool, 20, sum));
  turn_until([&] { return scope.size() == 0; });
  EXPECT_EQ(sum, 50 * 190);
  EXPECT_EQ(pool.refused(), 0U);
}

TEST_F(OffloadPoolTest, ACallerCancelledWhileItsCallWaitsOrRunsIsForgotten) {
  OffloadPool pool(loop, {.threads = 1});
  Task<void> running = call(pool, pass(gate), answers[0]);
  running.start();
  gate->running.acquire();
  auto second = std::make_shared<Gate>();
  second->open.release();
  Task<void> waiting = call(pool, pass(second), answers[1]);
  waiting.start();
  EXPECT_EQ(pool.waiting(), 1U);
  waiting.cancel();
  running.cancel();
  gate->open.release();
  Task<void> last = call(pool, [] { return 0; }, answers[2]);
  last.start();
  turn_until([&] { return last.done(); });
  EXPECT_EQ(answers[2], "done");
  EXPECT_EQ(answers[0] + answers[1], "");
  EXPECT_EQ(gate->passed + second->passed, 2);  // the calls ended all the same
}

TEST_F(OffloadPoolTest, ACallerCancelledAfterItsCallIsForgotten) {
  OffloadPool pool(loop, {.threads = 1});
  Task<void> in_the_pool = call(pool, [] { return 0; }, answers[0]);
  in_the_pool.start();
  Task<void> marker = call(pool, [] { return 0; }, answers[1]);
  marker.start();
  gate->open.release();
  Task<void> behind = call(pool, pass(gate), answers[2]);
  behind.start();
  gate->running.acquire();  // so the calls before it are done, and the loop has not turned
  in_the_pool.cancel();
  turn_until([&] { return behind.done(); });
  EXPECT_EQ(answers[0], "");
  EXPECT_EQ(answers[1] + answers[2], "donedone");
}

TEST_F(OffloadPoolTest, AFullQueueRefuses) {
  OffloadPool pool(loop, {.threads = 1, .queue_max = 2});
  Task<void> running = call(pool, pass(gate), answers[0]);
  running.start();
  gate->running.acquire();
  Task<void> one = call(pool, [] { return 0; }, answers[1]);
  Task<void> two = call(pool, [] { return 0; }, answers[2]);
  Task<void> three = call(pool, [] { return 0; }, answers[3]);
  one.start();
  two.start();
  three.start();
  EXPECT_TRUE(three.done());
  EXPECT_EQ(answers[3], "exhausted");
  EXPECT_EQ(pool.refused(), 1U);
  gate->open.release();
  turn_until([&] { return running.done() && one.done() && two.done(); });
  EXPECT_EQ(answers[2], "done");
}

TEST_F(OffloadPoolTest, DestroyedFirstItAnswersItsCallers) {
  auto pool = std::make_unique<OffloadPool>(loop, OffloadOptions{.threads = 1});
  Task<void> running = call(*pool, pass(gate), answers[0]);
  running.start();
  gate->running.acquire();
  Task<void> queued = call(*pool, [] { return 0; }, answers[1]);
  Task<void> gone = call(*pool, [] { return 0; }, answers[2]);
  queued.start();
  gone.start();
  gone.cancel();
  std::thread opener([this] { gate->open.release(); });
  pool.reset();
  opener.join();
  turn_until([&] { return running.done() && queued.done(); });
  EXPECT_EQ(answers[0], "done");
  // Its thread stops between calls, so what waits is not begun.
  EXPECT_TRUE(answers[1] == "cancelled" || answers[1] == "done");
}

TEST_F(OffloadPoolTest, CallersMayBeDestroyedAfterThePool) {
  auto pool = std::make_unique<OffloadPool>(loop, OffloadOptions{.threads = 1});
  Task<void> running = call(*pool, pass(gate), answers[0]);
  running.start();
  gate->running.acquire();
  Task<void> queued = call(*pool, [] { return 0; }, answers[1]);
  queued.start();
  gate->open.release();
  pool.reset();
  running.cancel();
  queued.cancel();
  loop.turn(loop.now());
  EXPECT_EQ(answers[0] + answers[1], "");
}

}  // namespace
}  // namespace paceline
