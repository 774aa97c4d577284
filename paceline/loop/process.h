// Signals and child processes as events of the loop.
#pragma once

#include <sys/types.h>

#include <functional>
#include <initializer_list>
#include <string>

#include "paceline/core.h"
#include "paceline/loop/loop.h"

namespace paceline {

/// Receives these signals on the loop instead of their default action, in this thread and those
/// it starts later. Restores the mask when destroyed.
class Signals final : Watch {
 public:
  using Handler = std::function<void(int signal)>;
  Signals(Loop& loop, std::initializer_list<int> signals, Handler handler);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

 private:
  void ready(std::uint32_t events) override;
  Loop& loop_;
  Handler handler_;
  Fd fd_;
  sigset_t before_;
};

/// How a process ended.
struct ExitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that killed it
  /// "exit code 1", "signal 9 (Killed)".
  std::string text() const;
};

/// Waits for one child by its pidfd and reaps it. Destroying it before forgets the child: it is
/// neither killed nor reaped.
class Child final : Watch {
 public:
  using Handler = std::function<void(ExitStatus status)>;
  /// `pid` is a child of this process that nobody else reaps. The handler runs once, on the loop,
  /// and may destroy the Child.
  static Result<std::unique_ptr<Child>> watch(Loop& loop, pid_t pid, Handler handler);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();
  pid_t pid() const { return pid_; }
  /// By pidfd: never reaches a process that took over the number.
  Result<void> signal(int number) const;

 private:
  Child(Loop& loop, pid_t pid, Fd pidfd, Handler handler);
  void ready(std::uint32_t events) override;
  Loop& loop_;
  pid_t pid_;
  Fd pidfd_;
  bool watching_ = false;
  Handler handler_;
};

}  // namespace paceline
