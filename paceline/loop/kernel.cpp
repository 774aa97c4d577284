#include "paceline/loop/kernel.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

namespace paceline {

RealKernel::RealKernel() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  check(static_cast<bool>(epoll_), "epoll_create1");
}

/// Clock is steady_clock, whose now() is this call behind two others.
Time RealKernel::now() {
  timespec at;
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return Time(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

int RealKernel::wait(std::span<epoll_event> events, Duration timeout) {
  const int room = static_cast<int>(events.size());
  int count = 0;
  if (timeout == Duration::max()) {
    count = ::epoll_wait(epoll_.get(), events.data(), room, -1);
  } else if (timeout <= Duration::zero()) {
    count = ::epoll_wait(epoll_.get(), events.data(), room, 0);
  } else if (precise_) {
    const timespec limit{.tv_sec = static_cast<time_t>(timeout / std::chrono::seconds(1)),
                         .tv_nsec = (timeout % std::chrono::seconds(1)).count()};
    count = ::epoll_pwait2(epoll_.get(), events.data(), room, &limit, nullptr);
    if (count < 0 && errno == ENOSYS) {
      precise_ = false;
      return 0;  // the loop comes back at once
    }
  } else {
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    const int limit = static_cast<int>(std::min<std::int64_t>(rounded, 60'000));
    count = ::epoll_wait(epoll_.get(), events.data(), room, limit);
  }
  return count < 0 ? -errno : count;
}

int RealKernel::watch(int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) < 0 ? -errno : 0;
}

// recv() and send() as raw calls: libc's are cancellation points, which in a process with threads
// cost two locked instructions and 50 others each time.

ssize_t RealKernel::receive(int fd, std::span<char> into) {
  const ssize_t n = ::syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
  return n < 0 ? -errno : n;
}

ssize_t RealKernel::send(int fd, std::span<const char> from) {
  const ssize_t n = ::syscall(SYS_sendto, fd, from.data(), from.size(), MSG_NOSIGNAL, nullptr, 0);
  return n < 0 ? -errno : n;
}

int RealKernel::accept(int fd) {
  const int accepted = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return accepted < 0 ? -errno : accepted;
}

int RealKernel::shutdown_send(int fd) { return ::shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

void RealKernel::close(int fd) { ::close(fd); }

}  // namespace paceline
