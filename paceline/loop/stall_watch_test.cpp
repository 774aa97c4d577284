#include "paceline/loop/stall_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace paceline {
namespace {

constexpr Duration kPatience = 20s;

/// What the watch told, for other threads to look at.
class Notes final : public StallListener {
 public:
  void stalled(const Stall& stall) override {
    const std::lock_guard lock(mutex_);
    stalls_.push_back(stall);
    ++begun;
  }
  void goes_on(const Stall& stall) override {
    const std::lock_guard lock(mutex_);
    stalls_.back().duration = stall.duration;
    ++looks;
  }
  void ended(const Stall& stall) override {
    const std::lock_guard lock(mutex_);
    stalls_.back().duration = stall.duration;
    ++over;
  }
  std::vector<Stall> all() const {
    const std::lock_guard lock(mutex_);
    return stalls_;
  }
  std::atomic<int> begun = 0;
  std::atomic<int> looks = 0;
  std::atomic<int> over = 0;

 private:
  mutable std::mutex mutex_;
  std::vector<Stall> stalls_;
};

/// True when `done` came true in time. The thread that waits is busy: it does not leave its turn.
bool busy_until(const std::function<bool()>& done) {
  const Time limit = Clock::now() + kPatience;
  while (!done()) {
    if (Clock::now() > limit) return false;
  }
  return true;
}

[[gnu::noinline]] bool stuck_in_here(const std::function<bool()>& done) {
  const bool told = busy_until(done);
  asm volatile("" ::: "memory");  // no tail call: this function stays on the stack
  return told;
}

/// A loop on this thread, whose next turn runs `work`.
class StallWatchTest : public ::testing::Test, Timer {
 protected:
  void run_a_turn(std::function<void()> work) {
    work_ = std::move(work);
    loop_.arm(*this, loop_.now());
    loop_.turn(loop_.now() + 1s);
  }
  void fire() override { work_(); }

  RealKernel kernel_;
  Loop loop_{kernel_};
  Notes notes_;
  std::function<void()> work_;
};

TEST_F(StallWatchTest, ReportsAStuckLoopOnceWithWhatItDidAndWhere) {
  StallWatch watch(loop_, notes_, {.threshold = 40ms});
  run_a_turn([this] {
    loop_.doing("/slow/{id}");
    EXPECT_TRUE(stuck_in_here([this] { return notes_.looks >= 2; }));
  });
  EXPECT_TRUE(busy_until([this] { return notes_.over == 1; }));
  const std::vector<Stall> stalls = notes_.all();
  ASSERT_EQ(stalls.size(), 1U);
  EXPECT_EQ(stalls[0].number, 1U);
  EXPECT_EQ(stalls[0].doing, "/slow/{id}");
  EXPECT_GT(stalls[0].duration, 40ms);
}

TEST_F(StallWatchTest, AQuickLoopIsNotReported) {
  StallWatch watch(loop_, notes_, {.threshold = 10s});
  for (int i = 0; i < 100; ++i) run_a_turn([] {});
  EXPECT_EQ(notes_.begun, 0);
}

TEST_F(StallWatchTest, EveryEpisodeIsToldButNotEveryStack) {
  StallWatch watch(loop_, notes_, {.threshold = 20ms, .stacks_a_minute = 1});
  for (int episode = 1; episode <= 3; ++episode) {
    run_a_turn([&] { EXPECT_TRUE(busy_until([&] { return notes_.begun == episode; })); });
    EXPECT_TRUE(busy_until([&] { return notes_.over == episode; }));
  }
  const std::vector<Stall> stalls = notes_.all();
  ASSERT_EQ(stalls.size(), 3U);
  EXPECT_LE(std::ranges::count_if(stalls, [](const Stall& s) { return !s.stack.empty(); }), 1);
}

TEST_F(StallWatchTest, AStallThatIsStillThereAtTheEndIsOver) {
  run_a_turn([this] {
    StallWatch watch(loop_, notes_, {.threshold = 20ms});
    EXPECT_TRUE(busy_until([this] { return notes_.begun == 1; }));
  });
  EXPECT_EQ(notes_.over, 1);
}

using StallStackTest = StallWatchTest;

TEST_F(StallStackTest, NamesTheFunctionThatIsStuckAndItsCallers) {
  StallWatch watch(loop_, notes_, {.threshold = 40ms});
  run_a_turn([this] { EXPECT_TRUE(stuck_in_here([this] { return notes_.begun == 1; })); });
  const Stall stall = notes_.all().at(0);
  const auto frame = [&](std::string_view name) {
    const auto at = std::ranges::find_if(
        stall.stack, [&](const std::string& line) { return line.find(name) != line.npos; });
    return at - stall.stack.begin();
  };
  std::string all;
  for (const std::string& line : stall.stack) all += line + "\n";
  EXPECT_NE(all.find("stuck_in_here"), all.npos) << all;
  EXPECT_NE(all.find("stall_watch_test.cpp:"), all.npos) << all;
  EXPECT_NE(all.find("\nmain"), all.npos) << all;
  EXPECT_LT(frame("stuck_in_here"), frame("Loop::turn")) << all;
  EXPECT_FALSE(stall.site.empty()) << all;
}

/// A function of the C library, which keeps no frame pointer, is the innermost.
[[gnu::noinline]] void asleep_in_here() {
  ::poll(nullptr, 0, 300);  // the signal ends it at once
  asm volatile("" ::: "memory");
}

TEST_F(StallStackTest, FindsItsWayThroughTheCLibrary) {
  StallWatch watch(loop_, notes_, {.threshold = 40ms});
  run_a_turn([this] {
    while (notes_.begun == 0) asleep_in_here();
  });
  const Stall stall = notes_.all().at(0);
  std::string all;
  for (const std::string& line : stall.stack) all += line + "\n";
  EXPECT_NE(all.find("asleep_in_here"), all.npos) << all;
}

TEST_F(StallWatchTest, WorkThatGoesOnWhileWatchedIsNotDisturbed) {
  StallWatch watch(loop_, notes_, {.threshold = 10ms, .stacks_a_minute = 1000});
  std::uint64_t sum = 0;
  for (int episode = 1; episode <= 20; ++episode) {
    run_a_turn([&] {
      std::uint64_t n = 0;
      busy_until([&] {
        sum += ++n;
        return notes_.begun >= episode;
      });
      sum -= n * (n + 1) / 2;
    });
    EXPECT_TRUE(busy_until([&] { return notes_.over >= episode; }));
  }
  EXPECT_EQ(sum, 0U);
}

}  // namespace
}  // namespace paceline
