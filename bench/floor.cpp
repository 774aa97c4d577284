// The floor: what the kernel alone costs. A bare epoll server on one thread that receives, counts
// empty lines (CRLFCRLF), and answers each batch with one send of fixed bytes. No parser, no
// router, no limits, no metrics. floor PORT, until SIGTERM.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nDate: Sun, 01 Mar 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n"
    "Content-Length: 13\r\n\r\nHello, world\n";
constexpr std::size_t kBatchMax = 64;

int listening_socket(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return ::listen(fd, 4096) == 0 ? fd : -1;
}

/// How many empty lines end in `bytes`; `matched` carries the state from read to read.
std::size_t count_requests(std::string_view bytes, std::size_t& matched) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::size_t count = 0;
  std::size_t at = 0;
  if (matched == 0) {  // the usual case: whole requests
    while ((at = bytes.find(kEnd, at)) != std::string_view::npos) {
      ++count;
      at += kEnd.size();
      if (at == bytes.size()) return count;
      bytes.remove_prefix(at);
      at = 0;
    }
  }
  for (const char c : bytes) {
    matched = c == kEnd[matched] ? matched + 1 : (c == '\r' ? 1 : 0);
    if (matched == kEnd.size()) {
      ++count;
      matched = 0;
    }
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  const int listener = listening_socket(argc > 1 ? std::atoi(argv[1]) : 9100);
  if (listener < 0) return 1;
  std::string answers;
  for (std::size_t i = 0; i < kBatchMax; ++i) answers += kAnswer;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  std::vector<std::size_t> matched(65536);
  std::array<epoll_event, 256> events;
  static std::array<char, 65536> input;
  while (true) {
    const int n = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
      if (fd == listener) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) continue;
        event.data.fd = client;
        matched.at(static_cast<std::size_t>(client)) = 0;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      const ssize_t got = ::recv(fd, input.data(), input.size(), 0);
      if (got <= 0) {
        if (got == 0 || errno != EAGAIN) ::close(fd);
        continue;
      }
      std::size_t& state = matched[static_cast<std::size_t>(fd)];
      std::size_t count = count_requests({input.data(), static_cast<std::size_t>(got)}, state);
      for (; count > 0; count -= std::min(count, kBatchMax)) {
        const std::size_t bytes = std::min(count, kBatchMax) * kAnswer.size();
        if (::send(fd, answers.data(), bytes, MSG_NOSIGNAL) < 0) break;
      }
    }
  }
}
