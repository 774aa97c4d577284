// A connected descriptor with coroutine reads and writes: control sockets, links between
// processes, tests. (The HTTP server has its own connection type on Watch.)
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/loop/event.h"
#include "paceline/loop/loop.h"
#include "paceline/loop/task.h"
#include "paceline/loop/timer.h"

namespace paceline {

/// One reader and one writer at a time. Built in place; closes its descriptor.
class Stream final : Watch {
 public:
  /// `fd` is non-blocking and connected (or connecting), a socket or a socketpair's end.
  Stream(Loop& loop, Fd fd);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  /// 1 to into.size() bytes, or 0 at the peer's end. Code::timeout, Code::closed (reset).
  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline = Deadline::never());
  /// All of it, or an error; after an error an unknown part was written. `bytes` is borrowed until
  /// the task ends.
  Task<Result<void>> write_all(std::string_view bytes, Deadline deadline = Deadline::never());
  /// Appends to `buffer` until it holds a line; answers its length with the '\n'. Longer than
  /// `limit` is Code::exhausted, an end before it Code::closed.
  Task<Result<std::size_t>> read_line(std::string& buffer, std::size_t limit, Deadline deadline);
  int fd() const { return fd_.get(); }

 private:
  void ready(std::uint32_t events) override;
  Loop& loop_;
  Fd fd_;
  Event readable_;
  Event writable_;
};

/// Connects to a Unix socket path of any length (through its folder's descriptor).
Result<Fd> connect_unix(const std::string& path);
/// Binds and listens, mode 0600. Replaces a socket file that nobody listens on any more.
Result<Fd> listen_unix(const std::string& path, int backlog = 128);

/// Calls back for every accepted descriptor; pauses while descriptors or memory run out. Does not
/// own the listening socket. The handler must not destroy it.
class Acceptor final : Watch, Timer {
 public:
  using Handler = std::function<void(Fd fd)>;
  Acceptor(Loop& loop, int fd, Handler handler);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor();

 private:
  static constexpr Duration kPause = std::chrono::milliseconds(100);
  void ready(std::uint32_t events) override;
  void fire() override;
  Loop& loop_;
  int fd_;
  Handler handler_;
};

}  // namespace paceline
