// The writer: the only read-write handle of a database on this host, on a thread of its own. It
// commits what is queued and never waits to fill a batch: while one COMMIT is on its way to the
// disk the next batch gathers. It alone checkpoints, which keeps the WAL-reset bug of SQLite
// before 3.51.3 out of reach.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite/batch.h"
#include "paceline/sqlite/connection.h"
#include "paceline/sqlite/migrations.h"

namespace paceline {

struct WriterOptions {
  Durability durability = Durability::disk;
  /// Commands that wait; more is Code::exhausted. Four full batches: a few commits' worth.
  std::size_t queue_max = 1024;
  /// Their bytes, so that 1024 large bodies do not fill the memory.
  std::size_t queue_bytes_max = std::size_t{64} << 20;
  /// Commands in one transaction: inserts gain a factor of 6.6 up to 100, little above.
  std::size_t batch_max = 256;
  /// The answer of one command (RETURNING).
  SqlLimits limits = {};
  /// One command; longer is Code::timeout and rolled back. The others wait behind it.
  Duration statement_time_max = std::chrono::seconds(5);
  /// Another process that holds the write lock (a shell, a backup).
  std::chrono::milliseconds busy_timeout{5000};
  /// PASSIVE checkpoint after so many new pages in the log (SQLite's own default).
  std::uint64_t checkpoint_pages = 1000;
  /// … or when nothing was written for so long.
  Duration checkpoint_idle = std::chrono::seconds(1);
  /// A log larger than this is emptied, waiting for readers at most truncate_wait.
  std::uint64_t truncate_bytes = std::uint64_t{64} << 20;
  std::chrono::milliseconds truncate_wait{100};
};

/// Where the writer's path leads, as the last batch found it.
enum class WriterFile : std::uint8_t {
  ours,
  gone,      // renamed or deleted: every command is refused until it is back
  replaced,  // by another file: only a new Writer can take that one
};

/// Counted since the start, except where a line says "now".
struct WriterStats {
  std::uint64_t queued = 0;  // now
  std::uint64_t refused = 0;
  std::uint64_t commands = 0;
  std::uint64_t failed = 0;
  std::uint64_t batches = 0;
  std::uint64_t batch_ns = 0;   // BEGIN to the end of COMMIT, summed
  std::uint64_t wal_pages = 0;  // now
  std::uint64_t checkpoints = 0;
  std::uint64_t truncations = 0;        // checkpoints that emptied the log
  std::uint64_t checkpoints_stuck = 0;  // left pages behind: a reader, or the disk, held it up
};

class Writer {
 public:
  /// Gets every batch's completions on the writer's thread, in order; hands them to a loop.
  using Deliver = std::move_only_function<void(std::vector<WriteCompletion>)>;

  /// Opens or creates the database and applies the migrations, in the calling thread. Errors as
  /// Connection::open and migrate.
  static Result<std::unique_ptr<Writer>> open(std::string path, WriterOptions options,
                                              std::span<const Migration> migrations = {});
  ~Writer();  // close_blocking()
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Before start() only: checks a resource's statement against the database.
  Result<StatementInfo> describe(std::string_view sql);

  /// Both are called on the writer's thread: `after_commit` raises cache versions before
  /// `deliver` tells anybody.
  void start(Batch::AfterCommit after_commit, Deliver deliver);

  /// From any thread. Code::exhausted when the queue is full, Code::closed after closing: the
  /// command was not taken, no completion follows. Otherwise exactly one does.
  Result<void> submit(WriteCommand command);

  /// Commits and delivers what is queued, checkpoints, closes. Twice is fine.
  void close_blocking();

  /// From any thread.
  WriterStats stats() const;
  WriterFile file() const { return file_.load(std::memory_order_relaxed); }

 private:
  Writer(std::unique_ptr<Connection> connection, WriterOptions options);
  void work();
  bool take(std::vector<WriteCommand>& batch);
  void run_batch(std::vector<WriteCommand> batch);
  WriterFile look_for_file();
  void refuse_batch(std::vector<WriteCommand> batch);
  void checkpoint_when_due();
  void checkpoint(int mode);
  void finish();
  static int on_wal(void* self, sqlite3* handle, const char* database, int pages);

  struct Counters {
    std::atomic<std::uint64_t> refused, commands, failed, batches, batch_ns, wal_pages, checkpoints,
        truncations, checkpoints_stuck;
  };

  const WriterOptions options_;
  std::unique_ptr<Connection> connection_;  // the writer's thread's, once started
  std::uint64_t page_bytes_ = 4096;
  std::uint64_t checkpointed_at_ = 0;  // pages in the log then
  std::uint64_t unsaved_ = 1;          // commits without a checkpoint; 1: what the last run left
  Batch::AfterCommit after_commit_;
  Deliver deliver_;
  mutable Counters counters_{};
  std::atomic<WriterFile> file_ = WriterFile::ours;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<WriteCommand> queue_;  // with queue_bytes_ and stopping_ under mutex_
  std::size_t queue_bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace paceline
