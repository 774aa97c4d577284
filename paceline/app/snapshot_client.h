// Asks a running instance's monitor for its snapshot, over the socket in the instance folder.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "paceline/core.h"

namespace paceline::app {

/// One request at a time, driven by wait(): no thread, so a key press is answered while the monitor
/// is silent. Each request has a connection of its own; a monitor that was replaced is found again.
class SnapshotClient {
 public:
  explicit SnapshotClient(const std::string& dir);
  SnapshotClient(const SnapshotClient&) = delete;
  SnapshotClient& operator=(const SnapshotClient&) = delete;
  ~SnapshotClient();

  /// Sends GET /api/v1/snapshot. check(): no other is under way.
  void ask();
  bool asking() const;
  /// Returns when there is an answer, one of `fds` is readable, a signal came, or `timeout` passed.
  void wait_blocking(std::span<const int> fds, std::chrono::milliseconds timeout);
  /// The body of a finished request. Code::not_found: nobody listens at the socket;
  /// Code::timeout: no whole answer within kTimeout; Code::io, Code::exhausted, Code::corrupt.
  std::optional<Result<std::string>> take();

  static constexpr std::chrono::milliseconds kTimeout{3000};
  static constexpr std::size_t kAnswerMax = std::size_t{4} << 20;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// One snapshot; says what to do when no instance or no monitor runs in `dir`.
Result<std::string> fetch_snapshot_blocking(const std::string& dir);
/// Why there is no snapshot, for a person: asks the supervisor what runs.
Error explain_silence(const std::string& dir, const Error& error);

}  // namespace paceline::app
