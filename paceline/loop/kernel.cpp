#include "paceline/loop/kernel.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <ctime>

namespace paceline {

RealKernel::RealKernel()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      alarm_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  check(epoll_ && alarm_, "epoll_create1 and timerfd_create");
  // An edge: nobody reads it. No data: the loop passes over it, having woken in time.
  check(watch(EPOLL_CTL_ADD, alarm_.get(), EPOLLIN | EPOLLET, nullptr) == 0, "epoll add");
  now();
}

/// Clock is steady_clock, whose now() is this call behind two others.
Time RealKernel::now() {
  timespec at;
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return now_ = Time(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

/// The alarm stays where it is while it comes early enough. A limit of epoll's own would be set up
/// and taken back in each wait: measured, 2 % of a small request.
void RealKernel::wake_at(Time at) {
  if (alarm_at_ > now_ && alarm_at_ <= at) return;
  alarm_at_ = at;
  const Duration since = at.time_since_epoch();
  const itimerspec when{.it_interval = {},
                        .it_value = {.tv_sec = static_cast<time_t>(since / std::chrono::seconds(1)),
                                     .tv_nsec = (since % std::chrono::seconds(1)).count()}};
  check(::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0, "set an alarm");
}

int RealKernel::wait(std::span<epoll_event> events, Duration timeout) {
  if (timeout > Duration::zero() && timeout < Time::max() - now_) wake_at(now_ + timeout);
  const int limit = timeout > Duration::zero() ? -1 : 0;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), limit);
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
