#include "paceline/loop/event.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "paceline/loop/test_cancel.h"

namespace paceline {
namespace {

class EventTest : public testing::Test {
 protected:
  SimulatedKernel kernel;
  Loop loop{kernel};
  std::vector<std::string> log;

  static Task<void> wait(Event& event, Deadline deadline, std::string name,
                         std::vector<std::string>& log) {
    const bool in_time = co_await event.wait(deadline);
    log.push_back(name + (in_time ? "" : " late"));
  }
  Task<void> started(Event& event, Deadline deadline, std::string name) {
    Task<void> task = wait(event, deadline, std::move(name), log);
    task.start();
    return task;
  }
};

struct TestTimer final : Timer {
  std::function<void()> act;
  void fire() override { act(); }
};

TEST_F(EventTest, WakesAllInTheirOrderAndStaysSet) {
  Event event(loop);
  const Task<void> a = started(event, {}, "a");
  const Task<void> b = started(event, {}, "b");
  EXPECT_TRUE(event.waited_for());
  event.set();
  EXPECT_TRUE(log.empty());  // later, from the loop
  loop.turn();
  const Task<void> c = started(event, {}, "c");
  EXPECT_EQ(log, (std::vector<std::string>{"a", "b", "c"}));
  event.reset();
  const Task<void> d = started(event, {}, "d");
  EXPECT_FALSE(d.done());
}

TEST_F(EventTest, NotifyWakesOnlyThoseWhoWaitNow) {
  Event event(loop);
  const Task<void> a = started(event, {}, "a");
  event.notify();
  const Task<void> b = started(event, {}, "b");
  loop.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"a"}));
  EXPECT_FALSE(event.is_set());
}

TEST_F(EventTest, ADeadlineThatHasPassedDoesNotSuspend) {
  Event event(loop);
  const Task<void> a = started(event, Deadline{loop.now()}, "a");
  EXPECT_EQ(log, (std::vector<std::string>{"a late"}));
  event.set();
  const Task<void> b = started(event, Deadline{loop.now()}, "b");
  EXPECT_EQ(log.back(), "b");
}

TEST_F(EventTest, NotifiedBeforeTheDeadlineInTheSameTurnIsInTime) {
  Event event(loop);
  TestTimer setter;
  setter.act = [&] { event.set(); };
  loop.arm(setter, loop.now() + 1s);
  const Task<void> a = started(event, Deadline{loop.now() + 1s}, "a");
  while (log.empty()) loop.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"a"}));
}

TEST_F(EventTest, NotifiedAfterTheDeadlineInTheSameTurnIsLateAndWakesOnce) {
  Event event(loop);
  const Task<void> a = started(event, Deadline{loop.now() + 1s}, "a");
  TestTimer setter;
  setter.act = [&] { event.set(); };
  loop.arm(setter, loop.now() + 1s);
  while (log.empty()) loop.turn();
  loop.turn(loop.now() + 1s);
  EXPECT_EQ(log, (std::vector<std::string>{"a late"}));
}

TEST_F(EventTest, AWaiterMayBeDestroyedInTheReadyList) {
  Event event(loop);
  Task<void> a = started(event, Deadline{loop.now() + 1s}, "a");
  const Task<void> b = started(event, Deadline{loop.now() + 1s}, "b");
  event.set();
  a.cancel();
  loop.turn();
  loop.turn(loop.now() + 2s);
  EXPECT_EQ(log, (std::vector<std::string>{"b"}));
}

TEST_F(EventTest, MayBeDestroyedWhileItsWaitersAreInTheReadyList) {
  auto event = std::make_unique<Event>(loop);
  const Task<void> a = started(*event, Deadline{loop.now() + 1s}, "a");
  event->set();
  event.reset();
  loop.turn();
  EXPECT_EQ(log, (std::vector<std::string>{"a"}));
}

Task<void> waits_often(Loop& loop, Event& event, int& alive) {
  const Alive own(alive);
  for (int i = 0; i < 5; ++i) {
    co_await event.wait(Deadline::after(loop.now(), 3ms));
    event.reset();
    co_await event.wait(Deadline::after(loop.now(), 1h));
    event.reset();
  }
}

Task<void> sets_often(Loop& loop, Event& event) {
  for (int i = 0; i < 60; ++i) {
    co_await loop.sleep(1ms);
    if (i % 3 == 0) event.set();
  }
}

Task<void> both(Loop& loop, int& alive) {
  Event event(loop);
  Task<void> setter = sets_often(loop, event);
  setter.start();
  co_await waits_often(loop, event, alive);
}

TEST(Event, WaitersMayBeDestroyedAtEverySuspension) {
  int alive = 0;
  EXPECT_GE(destroy_at_every_turn([&](Loop& loop) { return both(loop, alive); }), 10);
  EXPECT_EQ(alive, 0);
}

// --- with_deadline ------------------------------------------------------------------------------

Task<Result<int>> answer_after(Loop& loop, Duration d, Alive) {
  if (d > Duration(0)) co_await loop.sleep(d);
  if (d == 666ms) throw std::runtime_error("as asked");
  co_return 42;
}

Task<Result<int>> limited(Loop& loop, Duration work, Duration limit, int& alive) {
  const Alive own(alive);
  const Result<int> result = co_await with_deadline(loop, answer_after(loop, work, own),
                                                    Deadline::after(loop.now(), limit));
  check(alive <= 2);
  co_return result;
}

class WithDeadline : public testing::Test {
 protected:
  SimulatedKernel kernel;
  Loop loop{kernel};
  int alive = 0;
  Result<int> run(Duration work, Duration limit) {
    return loop.run_until_done(limited(loop, work, limit, alive));
  }
};

TEST_F(WithDeadline, GivesTheResultOfWorkThatIsDoneAtOnceOrInTime) {
  EXPECT_EQ(run(0s, 0s).value(), 42);
  EXPECT_EQ(run(1s, 2s).value(), 42);
  EXPECT_EQ(run(1h, Duration::max()).value(), 42);
  EXPECT_EQ(alive, 0);
}

TEST_F(WithDeadline, CancelsWorkThatTakesTooLong) {
  const Time start = loop.now();
  const Result<int> result = run(2s, 1s);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::timeout);
  EXPECT_EQ(loop.now(), start + 1s);
  EXPECT_EQ(alive, 0);
  loop.turn(loop.now() + 5s);
}

TEST_F(WithDeadline, DecidesOnceWhenBothHappenInOneTurn) {
  const Result<int> result = run(1s, 1s);
  EXPECT_EQ(alive, 0);
  loop.turn(loop.now() + 5s);
  EXPECT_TRUE(result || result.error().code == Code::timeout);
}

TEST_F(WithDeadline, LetsExceptionsThrough) {
  EXPECT_THROW((void)run(666ms, 1s), std::runtime_error);
  EXPECT_EQ(alive, 0);
}

Task<void> races(Loop& loop, int& alive) {
  for (const Duration work : {Duration(0), Duration(1ms), Duration(2ms), Duration(3ms)}) {
    const Result<int> result = co_await limited(loop, work, 2ms, alive);
    check(result || result.error().code == Code::timeout);
  }
}

TEST_F(WithDeadline, MayBeDestroyedAtEverySuspension) {
  EXPECT_GE(destroy_at_every_turn([&](Loop& on) { return races(on, alive); }), 3);
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace paceline
