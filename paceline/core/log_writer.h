// Writes lines to a descriptor that other processes share, without ever getting stuck in write():
// what would block is waited for with poll, and the wait ends when finish() says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "paceline/core/file.h"
#include "paceline/core/time.h"

namespace paceline {

/// write() belongs to one thread, finish() and lost() to any.
class LogWriter {
 public:
  /// Borrows `fd`, and leaves its flags alone: they belong to everybody who shares the
  /// description. Pipes and terminals are opened anew, non-blocking; sockets are sent to with
  /// MSG_DONTWAIT; what cannot be opened anew is polled before each write.
  explicit LogWriter(int fd);

  /// The whole line, or it counts as lost. SIGPIPE must be blocked in the calling thread.
  bool write(std::string_view line);
  /// From `deadline` on, write() gives up what it would have to wait for.
  void finish(Time deadline);
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  bool wait_writable();
  ssize_t write_some(std::string_view line) const;

  int fd_;
  Fd own_;   // the description opened anew, if any
  Fd wake_;  // readable once finish() was called
  bool socket_ = false;
  bool may_block_ = false;
  std::atomic<Time::rep> deadline_{Time::max().time_since_epoch().count()};
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace paceline
