#include "paceline/loop/loop.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "paceline/loop/event.h"
#include "paceline/loop/simulation.h"

namespace paceline {
namespace {

class LoopTest : public testing::Test {
 protected:
  SimulatedKernel kernel{{.delay_max = Duration(0)}};
  Loop loop{kernel};
  int listener = kernel.listen();

  /// A connected server's end that is readable at once.
  int readable() {
    const int client = kernel.connect(listener);
    const int server = kernel.accept(listener);
    kernel.send(client, std::string_view("x"));
    return server;
  }
};

struct TestWatch final : Watch {
  std::function<void(std::uint32_t)> act;
  int calls = 0;
  void ready(std::uint32_t events) override {
    ++calls;
    if (act) act(events);
  }
};

TEST_F(LoopTest, AWatchRemovedByAnotherOfTheSameBatchIsNotCalled) {
  for (int round = 0; round < 20; ++round) {  // the order of a batch is random
    auto one = std::make_unique<TestWatch>();
    auto two = std::make_unique<TestWatch>();
    const int fd_one = readable();
    const int fd_two = readable();
    ASSERT_TRUE(loop.add(*one, fd_one, EPOLLIN));
    ASSERT_TRUE(loop.add(*two, fd_two, EPOLLIN));
    int calls = 0;
    one->act = [&](std::uint32_t) {
      ++calls;
      loop.remove(*two, fd_two);
      two.reset();
    };
    two->act = [&](std::uint32_t) {
      ++calls;
      loop.remove(*one, fd_one);
      one.reset();
    };
    loop.turn();
    EXPECT_EQ(calls, 1);
    if (one) loop.remove(*one, fd_one);
    if (two) loop.remove(*two, fd_two);
  }
}

TEST_F(LoopTest, AWatchMayRemoveItself) {
  auto watch = std::make_unique<TestWatch>();
  const int fd = readable();
  ASSERT_TRUE(loop.add(*watch, fd, EPOLLIN));
  watch->act = [&](std::uint32_t) {
    loop.remove(*watch, fd);
    watch.reset();
  };
  loop.turn();
  EXPECT_EQ(watch, nullptr);
  EXPECT_EQ(loop.stats().events, 1U);
}

TEST_F(LoopTest, AWatchThatTakesTheDescriptorOverDoesNotGetTheOldEvents) {
  TestWatch first;
  TestWatch second;
  TestWatch third;
  const int fd = readable();
  const int other = readable();
  ASSERT_TRUE(loop.add(first, fd, EPOLLIN));
  ASSERT_TRUE(loop.add(second, other, EPOLLIN));
  const auto replace = [&](std::uint32_t) {
    loop.remove(first, fd);
    loop.remove(second, other);
    ASSERT_TRUE(loop.add(third, fd, EPOLLIN));
  };
  first.act = second.act = replace;
  loop.turn();
  EXPECT_EQ(first.calls + second.calls, 1);
  EXPECT_EQ(third.calls, 0);
  loop.turn();
  EXPECT_EQ(third.calls, 1);
  loop.remove(third, fd);
}

TEST_F(LoopTest, ATurnEndsAtItsLimit) {
  const Time before = loop.now();
  loop.turn(before + 5s);
  EXPECT_EQ(loop.now(), before + 5s);
  EXPECT_EQ(loop.stats().idle, Duration(5s));
  EXPECT_EQ(loop.stats().busy, Duration(0));
  EXPECT_EQ(loop.stats().turns, 1U);
}

struct TestTimer final : Timer {
  std::function<void()> act;
  void fire() override { act(); }
};

TEST(LoopStats, CountBusyIdleAndTheWorstLag) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  const Time start = loop.now();
  TestTimer slow;
  TestTimer late;
  slow.act = [&] { kernel.spend(300ms); };
  late.act = [&] { kernel.spend(10ms); };
  loop.arm(slow, start + 1s);
  loop.arm(late, start + 1100ms);
  while (slow.armed()) loop.turn();
  EXPECT_EQ(loop.now(), start + 1s);  // stands still, although 300 ms passed
  while (late.armed()) loop.turn();
  const LoopStats stats = loop.take_stats();
  EXPECT_EQ(stats.idle, Duration(1s));
  EXPECT_EQ(stats.busy, Duration(310ms));
  EXPECT_EQ(stats.lag_worst, Duration(300ms));
  EXPECT_EQ(stats.timer_late_worst, Duration(200ms));
  EXPECT_EQ(stats.timers_late, 1U);
  EXPECT_EQ(loop.stats().lag_worst, Duration(0));
  EXPECT_EQ(loop.stats().busy, Duration(310ms));
}

Task<void> sleeper(Loop& loop, Duration d, std::string name, std::vector<std::string>& log) {
  co_await loop.sleep(d);
  log.push_back(name);
}

TEST_F(LoopTest, SleepersWakeAtTheirOwnTimes) {
  std::vector<std::string> log;
  const Time start = loop.now();
  Task<void> late = sleeper(loop, 3s, "late", log);
  Task<void> soon = sleeper(loop, 1ns, "soon", log);
  Task<void> now = sleeper(loop, 0s, "now", log);
  Task<void> never = sleeper(loop, Duration::max(), "never", log);
  late.start();
  soon.start();
  now.start();
  never.start();
  EXPECT_EQ(log, (std::vector<std::string>{"now"}));
  loop.turn();
  EXPECT_EQ(loop.now(), start + 1ns);
  while (!late.done()) loop.turn();
  EXPECT_EQ(loop.now(), start + 3s);
  EXPECT_EQ(log, (std::vector<std::string>{"now", "soon", "late"}));
}

Task<void> work(Loop& loop, Event& event, const char* what, std::vector<std::string>& log) {
  loop.doing(what);
  co_await loop.yield();
  log.emplace_back(loop.doing());
  co_await loop.sleep(1s);
  log.emplace_back(loop.doing());
  const bool in_time = co_await event.wait();
  static_cast<void>(in_time);
  log.emplace_back(loop.doing());
}

TEST_F(LoopTest, ACoroutineThatGoesOnIsAtWhatItWasAt) {
  std::vector<std::string> log;
  Event event(loop);
  Task<void> first = work(loop, event, "first", log);
  Task<void> second = work(loop, event, "second", log);
  first.start();
  second.start();
  loop.doing("else");
  while (log.size() < 4) loop.turn();
  loop.doing(nullptr);
  event.set();
  loop.turn();
  EXPECT_EQ(log,
            (std::vector<std::string>{"first", "second", "first", "second", "first", "second"}));
}

Task<void> yielder(Loop& loop, int times, std::string name, std::vector<std::string>& log) {
  for (int i = 0; i < times; ++i) {
    log.push_back(name + std::to_string(i));
    co_await loop.yield();
  }
}

TEST_F(LoopTest, EventsThatCameTogetherOrWhileItHadWorkWaitedForTheLoop) {
  std::array<TestWatch, 3> watches;
  std::array<int, 3> fds = {readable(), readable(), readable()};
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(loop.add(watches[i], fds[i], EPOLLIN));
  loop.turn();
  EXPECT_EQ(loop.stats().events, 3U);
  EXPECT_EQ(loop.stats().events_waiting, 2U);  // the first woke the loop
  loop.remove(watches[0], fds[0]);
  loop.remove(watches[1], fds[1]);
  loop.turn();
  EXPECT_EQ(loop.stats().events_waiting, 2U);
  std::vector<std::string> log;
  Task<void> working = yielder(loop, 1, "y", log);
  working.start();
  loop.turn();
  EXPECT_EQ(loop.stats().events, 5U);
  EXPECT_EQ(loop.stats().events_waiting, 3U);  // the loop had work, and only looked
  loop.remove(watches[2], fds[2]);
}

TEST_F(LoopTest, YieldersTakeTurns) {
  std::vector<std::string> log;
  Task<void> a = yielder(loop, 2, "a", log);
  Task<void> b = yielder(loop, 2, "b", log);
  a.start();
  b.start();
  while (!a.done() || !b.done()) loop.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"a0", "b0", "a1", "b1"}));
}

TEST_F(LoopTest, YieldLetsDescriptorsAndTimersThroughEachTime) {
  std::vector<std::string> log;
  Task<void> busy = yielder(loop, 1000, "", log);
  TestWatch watch;
  const int fd = readable();
  ASSERT_TRUE(loop.add(watch, fd, EPOLLIN));
  busy.start();
  for (int i = 0; i < 10; ++i) loop.turn();
  EXPECT_EQ(watch.calls, 10);
  EXPECT_EQ(log.size(), 11U);
  loop.remove(watch, fd);
}

Task<void> ping_pong(Event& mine, Event& other, int& count) {
  while (true) {
    co_await mine.wait();
    mine.reset();
    ++count;
    other.set();
  }
}

TEST_F(LoopTest, CoroutinesThatWakeEachOtherDoNotKeepTheLoopFromWaiting) {
  Event one(loop);
  Event two(loop);
  int count = 0;
  Task<void> a = ping_pong(one, two, count);
  Task<void> b = ping_pong(two, one, count);
  a.start();
  b.start();
  one.set();
  loop.turn();
  EXPECT_EQ(count, 512);
  loop.turn();
  EXPECT_EQ(count, 1024);
  EXPECT_EQ(loop.stats().resumed, 1024U);
}

Task<void> stop_after(Loop& loop, Duration d) {
  co_await loop.sleep(d);
  loop.stop();
}

TEST_F(LoopTest, RunsUntilItIsStoppedAndThenAgain) {
  for (int i = 0; i < 2; ++i) {
    const Time start = loop.now();
    Task<void> task = stop_after(loop, 2s);
    task.start();
    loop.run();
    EXPECT_EQ(loop.now(), start + 2s);
  }
}

TEST_F(LoopTest, DestroyedTasksLeaveTheReadyListAndTheTimers) {
  std::vector<std::string> log;
  Task<void> yielding = yielder(loop, 2, "y", log);
  Task<void> sleeping = sleeper(loop, 1s, "s", log);
  yielding.start();
  sleeping.start();
  yielding.cancel();
  sleeping.cancel();
  loop.turn(loop.now() + 10s);
  EXPECT_EQ(log, (std::vector<std::string>{"y0"}));
}

TEST(Loop, AFullEventBufferLosesNothing) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  const int listener = kernel.listen();
  std::vector<std::unique_ptr<TestWatch>> watches;
  for (int i = 0; i < 600; ++i) {
    const int client = kernel.connect(listener);
    const int fd = kernel.accept(listener);
    kernel.shutdown_send(client);
    watches.push_back(std::make_unique<TestWatch>());
    TestWatch& watch = *watches.back();
    watch.act = [&loop, &watch, fd](std::uint32_t) { loop.remove(watch, fd); };
    ASSERT_TRUE(loop.add(watch, fd, EPOLLIN));
  }
  for (int i = 0; i < 3; ++i) loop.turn();
  EXPECT_EQ(loop.stats().events, 600U);
}

struct CountedEnd final : TurnEnd {
  explicit CountedEnd(std::function<void()> told) : tell(std::move(told)) {}
  void turn_ended() override { tell(); }
  std::function<void()> tell;
};

Task<void> ask_for_ends(Loop& loop, TurnEnd& end, std::vector<std::string>& order) {
  co_await loop.yield();  // into a turn
  loop.at_turn_end(end);
  loop.at_turn_end(end);
  {
    CountedEnd short_lived([&] { order.emplace_back("short-lived"); });
    loop.at_turn_end(short_lived);
  }
  order.emplace_back("work");
  co_await loop.sleep(1ms);
  order.emplace_back("woken");
}

TEST(LoopTurnEnd, RunsOnceAfterEverythingElseOfTheTurn) {
  SimulatedKernel kernel{{.delay_max = Duration(0)}};
  Loop loop(kernel);
  std::vector<std::string> order;
  CountedEnd end([&] { order.emplace_back("end"); });
  loop.run_until_done(ask_for_ends(loop, end, order));
  EXPECT_EQ(order, (std::vector<std::string>{"work", "end", "woken"}));
}

}  // namespace
}  // namespace paceline
