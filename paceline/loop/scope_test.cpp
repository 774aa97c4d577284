#include "paceline/loop/scope.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "paceline/loop/test_cancel.h"

namespace paceline {
namespace {

/// Notes its number when its frame is destroyed.
struct Mark {
  Mark(int n, std::vector<int>& log) : number(n), destroyed(&log) {}
  Mark(Mark&& other) noexcept : number(other.number), destroyed(other.destroyed) {
    other.destroyed = nullptr;
  }
  Mark& operator=(Mark&&) = delete;
  ~Mark() {
    if (destroyed != nullptr) destroyed->push_back(number);
  }
  int number;
  std::vector<int>* destroyed;
};

Task<void> sleeper(Loop& loop, Duration d, Mark) { co_await loop.sleep(d); }

Task<void> nothing(Mark) { co_return; }

TEST(Scope, CancelsInTheOrderInWhichTasksCame) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  std::vector<int> log;
  {
    Scope scope(loop);
    for (int i = 0; i < 4; ++i) scope.spawn(sleeper(loop, 1s, Mark(i, log)));
    EXPECT_EQ(scope.size(), 4U);
  }
  EXPECT_EQ(log, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Scope, ATaskThatEndsLeavesIt) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  std::vector<int> log;
  Scope scope(loop);
  scope.spawn(nothing(Mark(7, log)));
  EXPECT_EQ(scope.size(), 0U);
  scope.spawn(sleeper(loop, 2s, Mark(2, log)));
  scope.spawn(sleeper(loop, 1s, Mark(1, log)));
  while (scope.size() == 2) loop.turn();
  EXPECT_EQ(log, (std::vector<int>{7, 1}));
  while (scope.size() > 0) loop.turn();
  EXPECT_EQ(log, (std::vector<int>{7, 1, 2}));
}

Task<void> spawns(Loop& loop, Scope& scope, int depth, std::vector<int>& log) {
  co_await loop.sleep(1ms);
  if (depth > 0) {
    scope.spawn(spawns(loop, scope, depth - 1, log));
    scope.spawn(nothing(Mark(depth, log)));
  }
}

TEST(Scope, TasksMaySpawnIntoTheirOwn) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  std::vector<int> log;
  Scope scope(loop);
  scope.spawn(spawns(loop, scope, 5, log));
  while (scope.size() > 0) loop.turn();
  EXPECT_EQ(log, (std::vector<int>{5, 4, 3, 2, 1}));
}

struct SpawnsWhenDestroyed {
  SpawnsWhenDestroyed(Loop& l, Scope& s, std::vector<int>& g) : loop(&l), scope(&s), log(&g) {}
  SpawnsWhenDestroyed(SpawnsWhenDestroyed&& other) noexcept
      : loop(other.loop), scope(std::exchange(other.scope, nullptr)), log(other.log) {}
  SpawnsWhenDestroyed& operator=(SpawnsWhenDestroyed&&) = delete;
  ~SpawnsWhenDestroyed() {
    if (scope != nullptr) scope->spawn(sleeper(*loop, 1s, Mark(9, *log)));
  }
  Loop* loop;
  Scope* scope;
  std::vector<int>* log;
};

Task<void> last_words(Loop& loop, SpawnsWhenDestroyed) { co_await loop.sleep(1s); }

TEST(Scope, WhatACancelledTaskSpawnsIsCancelledToo) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  std::vector<int> log;
  {
    Scope scope(loop);
    scope.spawn(last_words(loop, SpawnsWhenDestroyed(loop, scope, log)));
  }
  EXPECT_EQ(log, (std::vector<int>{9}));
  loop.turn(loop.now() + 2s);
}

Task<void> wait_drained(Scope& scope, Deadline deadline, int& answer) {
  const bool in_time = co_await scope.drained(deadline);
  answer = in_time ? 1 : 0;
}

TEST(Scope, DrainedWaitsForTheLastTask) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  std::vector<int> log;
  Scope scope(loop);
  int empty = -1;
  Task<void> at_once = wait_drained(scope, Deadline::never(), empty);
  at_once.start();
  EXPECT_EQ(empty, 1);

  scope.spawn(sleeper(loop, 1s, Mark(1, log)));
  scope.spawn(sleeper(loop, 3s, Mark(2, log)));
  int late = -1;
  int in_time = -1;
  Task<void> too_short = wait_drained(scope, Deadline{loop.now() + 2s}, late);
  Task<void> long_enough = wait_drained(scope, Deadline{loop.now() + 4s}, in_time);
  too_short.start();
  long_enough.start();
  while (!long_enough.done()) loop.turn();
  EXPECT_EQ(late, 0);
  EXPECT_EQ(in_time, 1);
  EXPECT_EQ(log, (std::vector<int>{1, 2}));
}

TEST(Scope, CancelDrainsIt) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  std::vector<int> log;
  Scope scope(loop);
  scope.spawn(sleeper(loop, 1s, Mark(1, log)));
  int answer = -1;
  Task<void> waiting = wait_drained(scope, Deadline::never(), answer);
  waiting.start();
  scope.cancel();
  loop.turn();
  EXPECT_EQ(answer, 1);
}

Task<void> owns_a_scope(Loop& loop, int& alive) {
  const Alive own(alive);
  Scope scope(loop);
  for (int i = 1; i <= 3; ++i) {
    scope.spawn([](Loop& on, Duration d, Alive) -> Task<void> {
      co_await on.sleep(d);
      co_await on.yield();
    }(loop, i * 1ms, own));
    co_await loop.yield();
  }
  const bool drained = co_await scope.drained();
  check(drained);
}

TEST(Scope, MayBeDestroyedWithItsOwnerAtEverySuspension) {
  int alive = 0;
  const int turns = destroy_at_every_turn([&](Loop& loop) { return owns_a_scope(loop, alive); });
  EXPECT_EQ(alive, 0);
  EXPECT_GE(turns, 7);
}

TEST(ScopeDeathTest, AnExceptionMustNotLeaveATask) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  Scope scope(loop);
  const auto thrower = []() -> Task<void> {
    throw 1;
    co_return;
  };
  EXPECT_DEATH(scope.spawn(thrower()), "exception left a background task");
}

}  // namespace
}  // namespace paceline
