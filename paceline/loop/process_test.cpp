#include "paceline/loop/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace paceline {
namespace {

class ProcessTest : public testing::Test {
 protected:
  RealKernel kernel;
  Loop loop{kernel};

  template <class Condition>
  void turn_until(Condition condition) {
    while (!condition()) loop.turn(loop.now() + 10ms);
  }

  /// A child that exits with `code`, or waits for a signal if it is negative.
  static pid_t child(int code) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (code >= 0) ::_exit(code);
      ::signal(SIGTERM, SIG_DFL);
      while (true) ::pause();
    }
    return pid;
  }
};

using ChildTest = ProcessTest;
using SignalsTest = ProcessTest;

TEST_F(ChildTest, TellsTheExitCodeOnce) {
  std::vector<ExitStatus> ends;
  const auto watched =
      Child::watch(loop, child(7), [&](ExitStatus status) { ends.push_back(status); });
  ASSERT_TRUE(watched);
  turn_until([&] { return !ends.empty(); });
  loop.turn(loop.now());
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].code, 7);
  EXPECT_EQ(ends[0].signal, 0);
  EXPECT_EQ(ends[0].text(), "exit code 7");
}

TEST_F(ChildTest, TellsTheSignal) {
  ExitStatus end;
  bool ended = false;
  const auto watched = Child::watch(loop, child(-1), [&](ExitStatus status) {
    end = status;
    ended = true;
  });
  ASSERT_TRUE(watched);
  ASSERT_TRUE((*watched)->signal(SIGKILL));
  turn_until([&] { return ended; });
  EXPECT_EQ(end.signal, SIGKILL);
  EXPECT_EQ(end.text(), "signal 9 (Killed)");
  EXPECT_FALSE((*watched)->signal(SIGKILL));  // reaped: nobody is hit
}

TEST_F(ChildTest, MayBeDestroyedByItsHandler) {
  std::unique_ptr<Child> watched;
  auto made = Child::watch(loop, child(0), [&](ExitStatus) { watched.reset(); });
  ASSERT_TRUE(made);
  watched = std::move(*made);
  turn_until([&] { return watched == nullptr; });
}

TEST_F(ChildTest, DestroyedBeforeItNeitherKillsNorReaps) {
  const pid_t pid = child(-1);
  bool called = false;
  {
    const auto watched = Child::watch(loop, pid, [&](ExitStatus) { called = true; });
    ASSERT_TRUE(watched);
  }
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED), 0);
  loop.turn(loop.now());
  EXPECT_EQ(info.si_status, SIGKILL);
  EXPECT_FALSE(called);
}

TEST_F(ChildTest, ThatDoesNotExistIsAnError) {
  const auto watched = Child::watch(loop, 0x3FFFFFFF, [](ExitStatus) {});
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().os, ESRCH);
}

TEST_F(SignalsTest, ArriveOnTheLoop) {
  std::vector<int> got;
  const Signals signals(loop, {SIGUSR1, SIGUSR2}, [&](int signal) { got.push_back(signal); });
  ASSERT_EQ(::raise(SIGUSR2), 0);
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_TRUE(got.empty());
  turn_until([&] { return got.size() == 2; });
  EXPECT_EQ(got[0] + got[1], SIGUSR1 + SIGUSR2);
}

TEST_F(SignalsTest, RestoreTheMask) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    const Signals signals(loop, {SIGUSR1}, [](int) {});
  }
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&before, SIGUSR1), sigismember(&after, SIGUSR1));
  EXPECT_EQ(sigismember(&after, SIGUSR1), 0);
}

TEST_F(SignalsTest, MayBeDestroyedByTheirHandler) {
  std::unique_ptr<Signals> signals;
  int calls = 0;
  signals = std::make_unique<Signals>(loop, std::initializer_list<int>{SIGUSR1}, [&](int) {
    ++calls;
    signals.reset();
  });
  ASSERT_EQ(::raise(SIGUSR1), 0);
  turn_until([&] { return signals == nullptr; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace paceline
