#include "paceline/cluster/channel.h"

#include <sys/socket.h>

#include <array>

namespace paceline {

Result<std::pair<Fd, Fd>> Channel::make_pair() {
  std::array<int, 2> fds{};
  constexpr int kType = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (::socketpair(AF_UNIX, kType, 0, fds.data()) != 0) return fail_errno("socketpair");
  return std::pair(Fd(fds[0]), Fd(fds[1]));
}

Channel::Channel(Loop& loop, Fd fd, Handler handler, Closed closed)
    : loop_(loop), fd_(std::move(fd)), handler_(std::move(handler)), closed_(std::move(closed)) {
  check(loop_.add(*this, fd_.get(), EPOLLIN).has_value(), "watch channel");
}

Channel::~Channel() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  if (fd_) loop_.remove(*this, fd_.get());
}

Result<void> Channel::send(std::string_view message) {
  check(message.size() <= kMessageMax, "a short message");
  if (!fd_) return fail(Code::closed, "the other side is gone");
  if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    return fail_errno("send to the other side");
  }
  return {};
}

void Channel::receive_all() {
  bool destroyed = false;
  bool* const outer = std::exchange(destroyed_, &destroyed);
  while (fd_) {
    std::array<char, kMessageMax> message;  // NOLINT: recv fills it
    const ssize_t n = ::recv(fd_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (n <= 0) {
      loop_.remove(*this, fd_.get());
      fd_.reset();
      closed_();
    } else {
      handler_({message.data(), static_cast<std::size_t>(n)});
    }
    if (destroyed) {
      if (outer != nullptr) *outer = true;
      return;
    }
  }
  destroyed_ = outer;
}

void Channel::ready(std::uint32_t /*events*/) { receive_all(); }

}  // namespace paceline
