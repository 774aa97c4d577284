// The reader: a worker's way to the database. Point reads run on the loop's thread through one
// read-only handle; what is often slow, or was cut short after 2 ms, runs on the offload pool
// with handles of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/loop.h"
#include "paceline/sqlite/connection.h"
#include "paceline/sqlite/read_policy.h"

namespace paceline {

struct ReaderOptions {
  /// A read on the loop is cut short after this and starts again on the pool.
  Duration loop_time_max = std::chrono::milliseconds(2);
  /// A read on the pool fails with Code::timeout after this; its thread is needed.
  Duration pool_time_max = std::chrono::seconds(5);
  /// How long the pool's handles sleep in their thread for a lock. The loop's never does.
  std::chrono::milliseconds pool_busy_timeout{1000};
  /// A lock met on the loop: pauses of 1, 2, 4, 8, 16 ms between tries there, then the pool.
  unsigned busy_retries = 5;
  Duration busy_pause = std::chrono::milliseconds(1);
  /// A database that cannot be opened is tried again after this; until then the same error.
  Duration reopen_pause = std::chrono::milliseconds(100);
  /// How often the path is looked at, whether the file was replaced: one stat.
  Duration replaced_check = std::chrono::seconds(1);
  SqlLimits limits = {};
  ReadPolicyOptions policy = {};
};

/// Counted since the start.
struct ReaderStats {
  std::uint64_t on_loop = 0;
  std::uint64_t on_pool = 0;
  std::uint64_t interrupted = 0;  // cut short on the loop
  std::uint64_t busy = 0;         // locks met on the loop
  std::uint64_t opened = 0;       // the loop's handle; more than 1: reopened
  std::uint64_t trials = 0;       // pool statements tried on the loop
  std::uint64_t moves = 0;        // statements moved to the pool
};

/// Why a read did not end on the loop at once.
enum class Detour : std::uint8_t { slow, interrupted, busy };

/// Names a statement of one Reader.
enum class ReadId : std::uint32_t {};

/// One per worker. Outlives its queries. The database may come later, or be replaced: handles
/// are opened when needed, and again after errors.
class Reader {
 public:
  /// Borrows loop and pool.
  Reader(Loop& loop, OffloadPool& pool, std::string path, ReaderOptions options = {});
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  /// Compiled at its first read; whoever owns the schema checks statements before.
  ReadId add(std::string sql);

  /// Reads on the loop without a coroutine: an answer, or why query() must go on.
  ///   auto answer = reader.try_inline(id, parameters);
  ///   if (!answer) result = co_await reader.query(id, parameters, answer.error());
  std::expected<Result<SqlResult>, Detour> try_inline(ReadId id, const SqlParameters& parameters);
  Task<Result<SqlResult>> query(ReadId id, SqlParameters parameters, Detour detour);
  /// Both in one.
  Task<Result<SqlResult>> query(ReadId id, SqlParameters parameters);

  ReaderStats stats() const;
  const ReadPolicy& policy(ReadId id) const;

 private:
  struct Entry;
  class PoolHandles;
  struct PoolRead;

  Result<void> prepare(Entry& entry);
  Result<void> open();
  void close();
  Entry& entry(ReadId id);

  Loop& loop_;
  OffloadPool& pool_;
  std::string path_;
  ReaderOptions options_;
  std::unique_ptr<Connection> connection_;
  std::vector<std::unique_ptr<Entry>> entries_;  // their statements go before the connection
  std::shared_ptr<PoolHandles> handles_;         // shared with reads that outlive a cancelled query
  Error open_error_;
  Time open_again_ = Time::min();
  Time check_again_ = Time::min();
  ReaderStats stats_;
};

}  // namespace paceline
