// The keeper's body: the one process that writes the database. It takes commands from workers over
// a Unix socket, commits them, raises the versions of what changed, and answers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "paceline/cache.h"
#include "paceline/core.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"
#include "paceline/service/config.h"
#include "paceline/sqlite.h"

namespace paceline {

struct KeeperOptions {
  /// What one statement may return: a body of server.body_max and the other columns of its row.
  WriterOptions writer = {.limits = {.rows_max = 1000, .bytes_max = std::size_t{2} << 20}};
  /// Links at once: two seats for each of 512 workers. More are closed at once.
  std::size_t links_max = 1024;
  /// Commands of one link that are not answered; then its bytes stay in the socket.
  std::size_t in_flight_max = 256;
  /// Answers of one link that its worker does not read; then the link is cut.
  std::size_t unsent_max = std::size_t{16} << 20;
};

struct KeeperStats {
  std::uint64_t links = 0;     // open now
  std::uint64_t commands = 0;  // taken
  std::uint64_t refused = 0;   // answered without trying: queue full, draining
  std::uint64_t broken = 0;    // links cut for bytes that are no commands, or unread answers
};

class Keeper {
 public:
  /// All borrowed for the keeper's life. `listen_fd` is a listening Unix socket, non-blocking,
  /// owned by whoever outlives the keeper process, so that links queue while it restarts.
  struct Parts {
    Loop& loop;
    int listen_fd = -1;
    Versions versions;
    Log& log;
    MetricsBlock* metrics = nullptr;  // may be null
  };

  /// Blocking: opens the database, applies migrations, starts the writer's thread.
  static Result<std::unique_ptr<Keeper>> start(Parts parts, std::string database,
                                               std::span<const Migration> migrations,
                                               KeeperOptions options = {});
  virtual ~Keeper() = default;
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Takes nothing new, commits and answers what was taken, checkpoints, closes. True if all
  /// answers left before the deadline. Once.
  virtual Task<bool> drain(Deadline deadline) = 0;
  virtual KeeperStats stats() const = 0;
  virtual WriterStats writer_stats() const = 0;
  /// Writes the gauges, and says once if the database lost its name; call it about once a second.
  virtual void publish() = 0;
  /// True when another file has taken the database's place. This keeper refuses all writes; the
  /// next one will open that file, with migrations and checks.
  virtual bool replaced() const = 0;

 protected:
  Keeper() = default;
};

/// For the keeper's role: migrations of the configuration, Keeper::start, then every statement of
/// every resource against the database. An error is for the person who starts the program: one
/// mistake a line.
Result<std::unique_ptr<Keeper>> start_keeper(Keeper::Parts parts, const ServiceConfig& config,
                                             KeeperOptions options = {});

}  // namespace paceline
