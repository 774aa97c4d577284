#include "paceline/core/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string>

namespace paceline {

LogWriter::LogWriter(int fd) : fd_(fd), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) return;
  socket_ = S_ISSOCK(status.st_mode);
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  own_ = Fd(::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (own_) {
    fd_ = own_.get();
  } else {
    may_block_ = true;
  }
}

void LogWriter::finish(Time deadline) {
  deadline_.store(deadline.time_since_epoch().count(), std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof(one));
}

bool LogWriter::wait_writable() {
  while (true) {
    const Time deadline{Duration(deadline_.load(std::memory_order_acquire))};
    const bool finishing = deadline != Time::max();
    timespec limit{};
    if (finishing) {
      const Duration left = std::max(deadline - Clock::now(), Duration::zero());
      limit.tv_sec = left / 1s;
      limit.tv_nsec = (left % 1s).count();
    }
    std::array<pollfd, 2> waits = {pollfd{fd_, POLLOUT, 0}, pollfd{wake_.get(), POLLIN, 0}};
    // While finishing, the wake descriptor stays readable and would end every wait.
    const int n = ::ppoll(waits.data(), finishing ? 1 : 2, finishing ? &limit : nullptr, nullptr);
    if (n < 0 && errno != EINTR) return false;
    if (waits[0].revents != 0) return true;
    if (n == 0) return false;
  }
}

ssize_t LogWriter::write_some(std::string_view line) const {
  if (socket_) return ::send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return ::write(fd_, line.data(), line.size());
}

bool LogWriter::write(std::string_view line) {
  while (!line.empty()) {
    if (may_block_ && !wait_writable()) break;
    // A writable pipe takes PIPE_BUF bytes without blocking (pipe(7)).
    const ssize_t n = write_some(may_block_ ? line.substr(0, PIPE_BUF) : line);
    if (n >= 0) {
      line.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_writable()) break;
    } else if (errno != EINTR) {
      break;
    }
  }
  if (!line.empty()) lost_.fetch_add(1, std::memory_order_relaxed);
  return line.empty();
}

}  // namespace paceline
