#include "paceline/loop/simulation.h"

#include <algorithm>

namespace paceline {

SimulatedKernel::SimulatedKernel(SimulationOptions options)
    : options_(options), random_(options.seed) {}

std::uint32_t SimulatedKernel::readiness(const Socket& socket) const {
  if (socket.listening) return socket.accept_queue.empty() ? 0U : std::uint32_t{EPOLLIN};
  if (socket.was_reset) return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP;
  std::uint32_t ready = 0;
  if (!socket.inbox.empty() && socket.inbox.front().arrives <= now_) ready |= EPOLLIN;
  if (socket.inbox.empty() && socket.end_sent) ready |= EPOLLIN | EPOLLRDHUP;
  const auto peer = sockets_.find(socket.peer);
  if (peer == sockets_.end() || peer->second.inbox_bytes < options_.send_buffer_max) {
    ready |= EPOLLOUT;
  }
  return ready;
}

int SimulatedKernel::wait(std::span<epoll_event> events, Duration timeout) {
  const Time until = timeout == Duration::max() ? Time::max() : now_ + timeout;
  while (true) {
    std::size_t count = 0;
    for (auto& [fd, socket] : sockets_) {
      if (!socket.watched || count == events.size()) continue;
      const std::uint32_t ready = readiness(socket) & (socket.interest | EPOLLERR | EPOLLHUP);
      if (ready == 0) continue;
      events[count].events = ready;
      events[count].data.ptr = socket.data;
      ++count;
    }
    if (count > 0) {
      now_ += std::chrono::microseconds(1);  // time passes, so that a busy loop ends
      std::shuffle(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count), random_);
      return static_cast<int>(count);
    }
    Time soonest = Time::max();
    for (const auto& [fd, socket] : sockets_) {
      if (socket.inbox.empty() || socket.inbox.front().arrives <= now_) continue;
      soonest = std::min(soonest, socket.inbox.front().arrives);
    }
    if (soonest >= until) {
      check(until != Time::max(), "simulation waits for ever: nothing is on its way");
      now_ = std::max(now_, until);
      return 0;
    }
    now_ = soonest;
  }
}

int SimulatedKernel::watch(int operation, int fd, std::uint32_t events, void* data) {
  const auto found = sockets_.find(fd);
  if (found == sockets_.end()) return -EBADF;
  if (operation == EPOLL_CTL_ADD && found->second.watched) return -EEXIST;
  if (operation != EPOLL_CTL_ADD && !found->second.watched) return -ENOENT;
  found->second.watched = operation != EPOLL_CTL_DEL;
  found->second.interest = events;
  found->second.data = data;
  return 0;
}

ssize_t SimulatedKernel::receive(int fd, std::span<char> into) {
  const auto found = sockets_.find(fd);
  if (found == sockets_.end()) return -EBADF;
  Socket& socket = found->second;
  if (socket.was_reset) return -ECONNRESET;
  if (socket.inbox.empty()) return socket.end_sent ? 0 : -EAGAIN;
  Piece& piece = socket.inbox.front();
  if (piece.arrives > now_) return -EAGAIN;
  const std::size_t n = std::min(into.size(), piece.bytes.size());
  std::copy_n(piece.bytes.data(), n, into.data());
  piece.bytes.erase(0, n);
  socket.inbox_bytes -= n;
  if (piece.bytes.empty()) socket.inbox.pop_front();
  return static_cast<ssize_t>(n);
}

ssize_t SimulatedKernel::send(int fd, std::span<const char> from) {
  const auto found = sockets_.find(fd);
  if (found == sockets_.end()) return -EBADF;
  if (found->second.was_reset) return -ECONNRESET;
  const auto peer = sockets_.find(found->second.peer);
  if (peer == sockets_.end()) return -EPIPE;
  Socket& target = peer->second;
  if (target.inbox_bytes >= options_.send_buffer_max) return -EAGAIN;
  const std::size_t room = options_.send_buffer_max - target.inbox_bytes;
  std::size_t left = std::min(from.size(), room);
  if (left > 1 && random_() % 4 == 0) left = 1 + random_() % left;  // a short send
  const std::size_t sent = left;
  const char* at = from.data();
  while (left > 0) {
    const std::size_t n = std::min<std::size_t>(left, 1 + random_() % options_.piece_max);
    const auto delay = static_cast<std::uint64_t>(options_.delay_max.count()) + 1;
    Time arrives = now_ + Duration(static_cast<Duration::rep>(random_() % delay));
    if (!target.inbox.empty()) arrives = std::max(arrives, target.inbox.back().arrives);
    target.inbox.push_back({arrives, std::string(at, n)});
    at += n;
    left -= n;
  }
  target.inbox_bytes += sent;
  return static_cast<ssize_t>(sent);
}

int SimulatedKernel::accept(int fd) {
  const auto found = sockets_.find(fd);
  if (found == sockets_.end()) return -EBADF;
  if (accept_error_ != 0) return -accept_error_;
  std::deque<int>& queue = found->second.accept_queue;
  if (queue.empty()) return -EAGAIN;
  const int accepted = queue.front();
  queue.pop_front();
  return accepted;
}

int SimulatedKernel::shutdown_send(int fd) {
  const auto found = sockets_.find(fd);
  if (found == sockets_.end()) return -EBADF;
  const auto peer = sockets_.find(found->second.peer);
  if (peer != sockets_.end()) peer->second.end_sent = true;
  return 0;
}

void SimulatedKernel::close(int fd) {
  const auto found = sockets_.find(fd);
  check(found != sockets_.end(), "closed twice");
  check(!found->second.watched, "closed while watched");
  shutdown_send(fd);
  sockets_.erase(found);
}

int SimulatedKernel::listen() {
  const int fd = next_fd_++;
  sockets_[fd].listening = true;
  return fd;
}

int SimulatedKernel::connect(int listener) {
  const int client = next_fd_++;
  const int server = next_fd_++;
  sockets_[client].peer = server;
  sockets_[server].peer = client;
  sockets_.at(listener).accept_queue.push_back(server);
  return client;
}

void SimulatedKernel::reset(int fd) {
  for (const int end : {fd, sockets_.at(fd).peer}) {
    const auto found = sockets_.find(end);
    if (found == sockets_.end()) continue;
    found->second.was_reset = true;
    found->second.inbox.clear();
    found->second.inbox_bytes = 0;
  }
}

}  // namespace paceline
