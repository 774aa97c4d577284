#include "paceline/loop/task.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "paceline/loop/test_cancel.h"

namespace paceline {
namespace {

Task<int> number(int n) { co_return n; }

Task<std::unique_ptr<std::string>> moved() { co_return std::make_unique<std::string>("x"); }

Task<int> sum_of_two() {
  const int one = co_await number(1);
  const int two = co_await number(2);
  co_return one + two;
}

Task<int> thrower(bool really) {
  if (really) throw std::runtime_error("as asked");
  co_return 0;
}

Task<std::string> catcher() {
  try {
    co_await thrower(true);
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(Task, CountsThoseThatLive) {
  const std::size_t before = frames_alive();
  {
    std::vector<Task<int>> tasks;  // the frames of local ones need not be allocated
    tasks.push_back(number(1));
    tasks.push_back(number(2));
    tasks.back().start();
    EXPECT_EQ(frames_alive(), before + 2);
  }
  EXPECT_EQ(frames_alive(), before);
}

TEST(Task, DoesNothingUntilItIsStarted) {
  int alive = 0;
  const auto make = [](Alive) -> Task<void> { co_return; };
  {
    const Task<void> task = make(Alive(alive));
    EXPECT_FALSE(task.done());
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Task, GivesItsValueOnce) {
  Task<std::unique_ptr<std::string>> task = moved();
  task.start();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(*task.take(), "x");
}

TEST(Task, AwaitsOthers) {
  Task<int> task = sum_of_two();
  task.start();
  EXPECT_EQ(task.take(), 3);
}

TEST(Task, AnExceptionComesOutOfAwaitAndOfTake) {
  Task<std::string> caught = catcher();
  caught.start();
  EXPECT_EQ(caught.take(), "as asked");
  Task<int> task = thrower(true);
  task.start();
  EXPECT_TRUE(task.done());
  EXPECT_THROW(task.take(), std::runtime_error);
}

TEST(Task, MovesAndCancelsWhatItHeld) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  int alive = 0;
  const auto wait = [](Loop& on, Alive) -> Task<void> { co_await on.sleep(1s); };
  Task<void> one = wait(loop, Alive(alive));
  Task<void> two = wait(loop, Alive(alive));
  one.start();
  two.start();
  EXPECT_EQ(alive, 2);
  one = std::move(two);
  EXPECT_EQ(alive, 1);
  EXPECT_FALSE(two.valid());  // NOLINT: what is left of a moved task is defined
  while (!one.done()) loop.turn();
  EXPECT_EQ(alive, 1);  // a task that is done keeps its arguments until it is destroyed
}

Task<int> leaf(Loop& loop, Alive) {
  co_await loop.sleep(10ms);
  co_await loop.yield();
  co_return 1;
}

Task<int> branch(Loop& loop, int depth, Alive alive) {
  if (depth == 0) {
    const int n = co_await leaf(loop, alive);
    co_return n;
  }
  const int left = co_await branch(loop, depth - 1, alive);
  co_await loop.sleep(1ms);
  const int right = co_await branch(loop, depth - 1, alive);
  co_return left + right;
}

Task<void> tree(Loop& loop, int& alive, int& ended) {
  const Alive own(alive);
  const int leaves = co_await branch(loop, 3, own);
  check(leaves == 8);
  ++ended;
}

TEST(Task, MayBeDestroyedAtEverySuspension) {
  int alive = 0;
  int ended = 0;
  const int turns = destroy_at_every_turn([&](Loop& loop) { return tree(loop, alive, ended); });
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(ended, 1);
  EXPECT_GE(turns, 8 * 2 + 7);
}

Task<int> countdown(int n) {
  if (n == 0) co_return 0;
  const int below = co_await countdown(n - 1);
  co_return below + 1;
}

TEST(Task, AThousandAwaitsDeepIsFine) {
  Task<int> task = countdown(1000);
  task.start();
  EXPECT_EQ(task.take(), 1000);
}

TEST(Frames, OfEverySizeCanBeUsedWhole) {
  for (std::size_t size = 1; size < 3000; size += 7) {
    void* frame = frame_allocate(size);
    std::memset(frame, 0xA5, size);
    frame_free(frame, size);
  }
}

#if !__has_feature(address_sanitizer)
TEST(Frames, AreUsedAgainForTheirOwnSizeClass) {
  void* first = frame_allocate(200);
  frame_free(first, 200);
  void* other = frame_allocate(100);
  void* again = frame_allocate(193);  // 193 to 256 are one class
  EXPECT_EQ(again, first);
  EXPECT_NE(other, first);
  frame_free(again, 193);
  frame_free(other, 100);
}
#endif

}  // namespace
}  // namespace paceline
