#include "paceline/loop/simulation.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace paceline {
namespace {

/// What a client's bytes look like at the server: when which piece came.
std::string trace(std::uint64_t seed) {
  SimulatedKernel kernel({.seed = seed});
  const int listener = kernel.listen();
  const int client = kernel.connect(listener);
  const int server = kernel.accept(listener);
  kernel.watch(EPOLL_CTL_ADD, server, EPOLLIN, nullptr);
  const std::string bytes(2000, 'x');
  std::string_view left = bytes;
  std::string seen;
  std::array<epoll_event, 4> events{};
  std::array<char, 4096> into{};
  bool ended = false;
  while (!ended) {
    if (!left.empty()) {
      const ssize_t sent = kernel.send(client, left);
      if (sent > 0) left.remove_prefix(static_cast<std::size_t>(sent));
      if (left.empty()) kernel.shutdown_send(client);
    }
    kernel.wait(events, Duration::max());
    const ssize_t n = kernel.receive(server, into);
    ended = n == 0;
    seen += std::to_string(kernel.now().time_since_epoch().count()) + ":" + std::to_string(n) + " ";
  }
  return seen;
}

TEST(SimulatedKernel, TheSameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) EXPECT_EQ(trace(seed), trace(seed));
  EXPECT_NE(trace(1), trace(2));
}

TEST(SimulatedKernel, KeepsBytesInTheirOrder) {
  SimulatedKernel kernel({.seed = 3, .piece_max = 5});
  const int listener = kernel.listen();
  const int client = kernel.connect(listener);
  const int server = kernel.accept(listener);
  std::string sent;
  std::string received;
  std::array<char, 7> into{};
  std::array<epoll_event, 1> none{};
  for (int i = 0; i < 300; ++i) {
    const std::string next = std::to_string(i) + ",";
    const ssize_t taken = kernel.send(client, next);
    if (taken > 0) sent += next.substr(0, static_cast<std::size_t>(taken));
    kernel.wait(none, 100us);
    const ssize_t n = kernel.receive(server, into);
    if (n > 0) received.append(into.data(), static_cast<std::size_t>(n));
  }
  kernel.wait(none, 1s);
  for (ssize_t n = kernel.receive(server, into); n > 0; n = kernel.receive(server, into)) {
    received.append(into.data(), static_cast<std::size_t>(n));
  }
  EXPECT_EQ(received, sent);
}

TEST(SimulatedKernel, AFullReaderStopsItsSender) {
  SimulatedKernel kernel({.delay_max = Duration(0), .send_buffer_max = 100});
  const int listener = kernel.listen();
  const int client = kernel.connect(listener);
  const int server = kernel.accept(listener);
  const std::string bytes(60, 'x');
  ssize_t total = 0;
  for (ssize_t n = 0; n >= 0; n = kernel.send(client, bytes)) total += n;
  EXPECT_EQ(total, 100);
  EXPECT_EQ(kernel.send(client, bytes), -EAGAIN);
  std::array<char, 50> into{};
  EXPECT_GT(kernel.receive(server, into), 0);
  EXPECT_GT(kernel.send(client, bytes), 0);
}

TEST(SimulatedKernel, EndsAndResetsAreSeenByThePeer) {
  SimulatedKernel kernel({.delay_max = Duration(0)});
  const int listener = kernel.listen();
  const int ended = kernel.connect(listener);
  const int server_ended = kernel.accept(listener);
  const int reset = kernel.connect(listener);
  const int server_reset = kernel.accept(listener);
  std::array<char, 10> into{};
  kernel.send(ended, std::string_view("x"));
  kernel.close(ended);
  EXPECT_EQ(kernel.receive(server_ended, into), 1);
  EXPECT_EQ(kernel.receive(server_ended, into), 0);
  EXPECT_EQ(kernel.send(server_ended, std::string_view("x")), -EPIPE);
  kernel.send(reset, std::string_view("x"));
  kernel.reset(reset);
  EXPECT_EQ(kernel.receive(server_reset, into), -ECONNRESET);
  EXPECT_EQ(kernel.send(server_reset, std::string_view("x")), -ECONNRESET);
  EXPECT_EQ(kernel.receive(12345, into), -EBADF);
}

TEST(SimulatedKernelDeathTest, ABugInTheWatchingIsFound) {
  SimulatedKernel kernel;
  const int fd = kernel.listen();
  EXPECT_EQ(kernel.watch(EPOLL_CTL_MOD, fd, EPOLLIN, nullptr), -ENOENT);
  EXPECT_EQ(kernel.watch(EPOLL_CTL_ADD, fd, EPOLLIN, nullptr), 0);
  EXPECT_EQ(kernel.watch(EPOLL_CTL_ADD, fd, EPOLLIN, nullptr), -EEXIST);
  EXPECT_DEATH(kernel.close(fd), "closed while watched");
  std::array<epoll_event, 1> events{};
  EXPECT_DEATH(kernel.wait(events, Duration::max()), "waits for ever");
}

}  // namespace
}  // namespace paceline
