// The loop's one door to the operating system: clock, readiness, and the socket calls of the hot
// path. RealKernel is the system; SimulatedKernel (simulation.h) is its seeded twin for tests.
#pragma once

#include <sys/epoll.h>
#include <sys/types.h>

#include <span>

#include "paceline/core.h"

namespace paceline {

/// Calls answer like the system's: a count, or -errno. Never throw, never block but in wait().
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Time now() = 0;
  /// At most `timeout` from the last now() (Duration::max(): until an event), to the nanosecond;
  /// may answer earlier. An event without data is none.
  virtual int wait(std::span<epoll_event> events, Duration timeout) = 0;
  /// `operation` is EPOLL_CTL_ADD, MOD or DEL.
  virtual int watch(int operation, int fd, std::uint32_t events, void* data) = 0;
  virtual ssize_t receive(int fd, std::span<char> into) = 0;
  virtual ssize_t send(int fd, std::span<const char> from) = 0;
  /// A non-blocking, close-on-exec descriptor, or -errno.
  virtual int accept(int fd) = 0;
  /// Half-close: the peer reads an end, we still read.
  virtual int shutdown_send(int fd) = 0;
  virtual void close(int fd) = 0;
};

class RealKernel final : public Kernel {
 public:
  RealKernel();
  Time now() override;
  int wait(std::span<epoll_event> events, Duration timeout) override;
  int watch(int operation, int fd, std::uint32_t events, void* data) override;
  ssize_t receive(int fd, std::span<char> into) override;
  ssize_t send(int fd, std::span<const char> from) override;
  int accept(int fd) override;
  int shutdown_send(int fd) override;
  void close(int fd) override;

 private:
  void wake_at(Time at);

  Fd epoll_;
  Fd alarm_;       // a timerfd in epoll_
  Time alarm_at_;  // when it wakes, or woke
  Time now_;       // the last now()
};

}  // namespace paceline
