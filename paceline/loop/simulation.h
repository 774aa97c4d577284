// The simulated twin of RealKernel: virtual time and in-memory sockets. The seed decides how bytes
// are split, how long they travel, and how often a send is short; the same seed gives the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "paceline/loop/kernel.h"

namespace paceline {

struct SimulationOptions {
  std::uint64_t seed = 1;
  Duration delay_max = std::chrono::milliseconds(2);  // of one piece of bytes, uniform from 0
  std::size_t piece_max = 64;                         // bytes that arrive together
  std::size_t send_buffer_max = 4096;  // bytes on the way in one direction; then EAGAIN
};

class SimulatedKernel final : public Kernel {
 public:
  explicit SimulatedKernel(SimulationOptions options = {});

  Time now() override { return now_; }
  int wait(std::span<epoll_event> events, Duration timeout) override;
  int watch(int operation, int fd, std::uint32_t events, void* data) override;
  ssize_t receive(int fd, std::span<char> into) override;
  ssize_t send(int fd, std::span<const char> from) override;
  int accept(int fd) override;
  int shutdown_send(int fd) override;
  void close(int fd) override;

  /// A listening descriptor for accept().
  int listen();
  /// A client's end; the server's end appears in the listener's queue.
  int connect(int listener);
  /// Both ends fail with ECONNRESET, bytes on the way are lost.
  void reset(int fd);
  /// Time passes while callbacks run.
  void spend(Duration d) { now_ += d; }
  /// accept() answers -error (EMFILE) from now on; 0: it works again.
  void fail_accept(int error) { accept_error_ = error; }
  /// Descriptors that are not closed.
  std::size_t open_count() const { return sockets_.size(); }

 private:
  struct Piece {
    Time arrives;
    std::string bytes;
  };
  struct Socket {
    bool listening = false;
    std::deque<int> accept_queue;
    int peer = -1;  // -1: gone
    std::deque<Piece> inbox;
    std::size_t inbox_bytes = 0;
    bool end_sent = false;  // the peer's FIN follows the inbox
    bool was_reset = false;
    std::uint32_t interest = 0;
    void* data = nullptr;
    bool watched = false;
  };
  std::uint32_t readiness(const Socket& socket) const;

  SimulationOptions options_;
  std::mt19937_64 random_;
  Time now_{std::chrono::hours(1)};
  int accept_error_ = 0;
  int next_fd_ = 1000000;  // no real descriptor has this number
  std::map<int, Socket> sockets_;
};

}  // namespace paceline
