// A worker's link to the keeper: pipelined commands over one Unix socket that is opened again
// whenever it breaks. A command that was sent and not answered has an unknown outcome; it is never
// sent twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "paceline/core.h"
#include "paceline/loop.h"
#include "paceline/service/link_codec.h"

namespace paceline {

struct KeeperLinkOptions {
  /// From execute() to the answer. A commit takes milliseconds; seconds mean a stuck disk.
  Duration command_time_max = std::chrono::seconds(2);
  /// How long a command waits to be sent; the keeper's replacement takes a tenth of it.
  Duration link_wait_max = std::chrono::seconds(1);
  std::size_t in_flight_max = 256;  // commands without an answer; more is Code::exhausted
  std::size_t unsent_bytes_max = std::size_t{64} << 20;    // of them, not sent yet
  Duration reconnect_min = std::chrono::milliseconds(10);  // doubles from try to try
  Duration reconnect_max = std::chrono::milliseconds(500);
};

/// Plain numbers for whoever publishes metrics.
struct KeeperLinkStats {
  std::uint64_t commands = 0;
  std::uint64_t answered = 0;
  std::uint64_t unavailable = 0;      // not sent: no link in time
  std::uint64_t outcome_unknown = 0;  // sent, then the link broke or the time passed
  std::uint64_t exhausted = 0;        // in_flight_max
  std::uint64_t connects = 0;
};

class KeeperLink {
 public:
  /// Connects in the background, at once.
  KeeperLink(Loop& loop, std::string socket_path, KeeperLinkOptions options = {});
  ~KeeperLink();
  KeeperLink(const KeeperLink&) = delete;
  KeeperLink& operator=(const KeeperLink&) = delete;

  /// The keeper's answer, whatever it says. Errors: exhausted (too many in flight, or too large),
  /// unavailable (not sent, nothing was written), outcome_unknown (sent, no answer). Cancelling
  /// the task after it was sent does not cancel the write. Waits for a link while there is none,
  /// unless the last try failed: then unavailable at once.
  Task<Result<KeeperAnswer>> execute(KeeperCommand command, Deadline deadline);

  bool connected() const;
  std::size_t in_flight() const;
  const KeeperLinkStats& stats() const { return stats_; }

 private:
  struct Inside;
  KeeperLinkStats stats_;
  std::unique_ptr<Inside> inside_;
};

}  // namespace paceline
