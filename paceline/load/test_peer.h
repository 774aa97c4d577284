// Tests only: a server on a loopback port that does exactly what it is told, right or wrong.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "paceline/core.h"
#include "paceline/load/target.h"

namespace paceline::testing {

/// One accepted connection, with blocking calls.
class PeerConnection {
 public:
  explicit PeerConnection(int fd) : fd_(fd) {}
  /// Up to the end of the next request's head; false at the client's end.
  bool read_request() {
    while (true) {
      if (const std::size_t end = pending_.find("\r\n\r\n"); end != std::string::npos) {
        pending_.erase(0, end + 4);
        return true;
      }
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return false;
      pending_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  void send(std::string_view bytes) {
    (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// Closes with a reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

 private:
  int fd_;
  std::string pending_;
};

/// Runs `serve` for every connection on a thread of its own, then closes the connection.
class TestPeer {
 public:
  using Serve = std::function<void(PeerConnection& connection)>;

  explicit TestPeer(Serve serve) : serve_(std::move(serve)) {
    listener_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    check(::bind(listener_.get(), address, size) == 0, "bind");
    check(::listen(listener_.get(), 128) == 0, "listen");
    ::getsockname(listener_.get(), address, &size);
    port_ = ::ntohs(at.sin_port);
    acceptor_ = std::jthread([this] { accept(); });
  }
  ~TestPeer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    const std::lock_guard lock(mutex_);
    for (const Fd& fd : connections_) ::shutdown(fd.get(), SHUT_RDWR);
  }
  LoadTarget target() const {
    return *parse_load_target("http://127.0.0.1:" + std::to_string(port_) + "/");
  }
  std::atomic<std::uint64_t> answers = 0;  // for handlers to count in

 private:
  void accept() {
    while (true) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      connections_.emplace_back(fd);
      const std::size_t index = connections_.size() - 1;
      threads_.emplace_back([this, fd, index] { run(fd, index); });
    }
  }
  void run(int fd, std::size_t index) {
    PeerConnection connection(fd);
    serve_(connection);
    const std::lock_guard lock(mutex_);
    connections_[index].reset();
  }

  Serve serve_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<Fd> connections_;
  std::vector<std::jthread> threads_;  // joined before the rest goes
  std::jthread acceptor_;
};

}  // namespace paceline::testing
