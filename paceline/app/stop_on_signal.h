// SIGINT and SIGTERM as a flag, for commands that report what was done until then.
#pragma once

#include <atomic>
#include <csignal>
#include <ctime>
#include <stop_token>
#include <thread>

namespace paceline::app {

/// While this exists, the two signals end a test early instead of the process. One at a time, made
/// before other threads are: they inherit the mask.
class StopOnSignal {
 public:
  StopOnSignal() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGINT);
    ::sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    watcher_ = std::jthread([this](const std::stop_token& end) { wait(end); });
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  ~StopOnSignal() {
    watcher_.request_stop();
    watcher_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  const std::atomic<bool>& stop() const { return stop_; }

 private:
  void wait(const std::stop_token& end) {
    const timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    while (!end.stop_requested()) {
      if (::sigtimedwait(&signals_, nullptr, &pause) > 0) stop_.store(true);
    }
  }
  sigset_t signals_{};
  sigset_t before_{};
  std::atomic<bool> stop_ = false;
  std::jthread watcher_;
};

}  // namespace paceline::app
