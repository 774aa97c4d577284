#include "paceline/sqlite/reader.h"

#include <mutex>
#include <optional>
#include <utility>

namespace paceline {

struct Reader::Entry {
  std::shared_ptr<const std::string> sql;  // shared with reads on the pool
  std::optional<Statement> statement;      // of connection_, while that is open
  ReadPolicy policy;
};

/// The pool's handles: as many as threads read at the same time, kept for the next read.
class Reader::PoolHandles {
 public:
  PoolHandles(std::string path, const ReaderOptions& options)
      : path_(std::move(path)), options_(options) {}

  Result<std::unique_ptr<Connection>> take() {
    std::unique_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        connection = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (connection != nullptr && !connection->moved()) return connection;
    PACELINE_TRY_VALUE(connection,
                       Connection::open(path_, {.access = Access::read_only,
                                                .busy_timeout = options_.pool_busy_timeout,
                                                .cache_kib = 16000}));
    connection->limit_time(options_.pool_time_max);
    return connection;
  }

  /// A handle that failed is not kept.
  void give_back(std::unique_ptr<Connection> connection) {
    if (connection->failure() == SqlFailure::handle) return;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }

  const SqlLimits& limits() const { return options_.limits; }

 private:
  const std::string path_;
  const ReaderOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

/// One read on the pool. Owns all it touches, so a cancelled query leaves nothing dangling.
struct Reader::PoolRead {
  struct Answer {
    SqlResult result;
    Duration took{};
  };
  std::shared_ptr<PoolHandles> handles;
  std::shared_ptr<const std::string> sql;
  SqlParameters parameters;

  Result<Answer> operator()() {
    PACELINE_TRY_VALUE(std::unique_ptr<Connection> connection, handles->take());
    const Time start = Clock::now();
    Result<SqlResult> result = connection->run(*sql, parameters, handles->limits());
    const Duration took = Clock::now() - start;
    handles->give_back(std::move(connection));
    if (!result) return std::unexpected(std::move(result).error());
    return Answer{.result = *std::move(result), .took = took};
  }
};

Reader::Reader(Loop& loop, OffloadPool& pool, std::string path, ReaderOptions options)
    : loop_(loop),
      pool_(pool),
      path_(std::move(path)),
      options_(options),
      handles_(std::make_shared<PoolHandles>(path_, options_)) {}

Reader::~Reader() { close(); }

ReadId Reader::add(std::string sql) {
  entries_.push_back(
      std::make_unique<Entry>(Entry{.sql = std::make_shared<const std::string>(std::move(sql)),
                                    .statement = std::nullopt,
                                    .policy = ReadPolicy(options_.policy)}));
  return static_cast<ReadId>(entries_.size() - 1);
}

Reader::Entry& Reader::entry(ReadId id) {
  const auto index = static_cast<std::size_t>(id);
  check(index < entries_.size(), "a ReadId of another Reader");
  return *entries_[index];
}

const ReadPolicy& Reader::policy(ReadId id) const {
  return entries_.at(static_cast<std::size_t>(id))->policy;
}

ReaderStats Reader::stats() const {
  ReaderStats stats = stats_;
  for (const std::unique_ptr<Entry>& entry : entries_) {
    stats.trials += entry->policy.trials();
    stats.moves += entry->policy.moves();
  }
  return stats;
}

void Reader::close() {
  for (const std::unique_ptr<Entry>& entry : entries_) entry->statement.reset();
  connection_.reset();
}

Result<void> Reader::open() {
  const Time now = loop_.now();
  if (connection_ != nullptr && now >= check_again_) {
    check_again_ = now + options_.replaced_check;
    if (connection_->moved()) close();
  }
  if (connection_ != nullptr) return {};
  if (now < open_again_) return std::unexpected(open_error_);
  Result<std::unique_ptr<Connection>> opened =
      Connection::open(path_, {.access = Access::read_only, .busy_timeout = {}, .cache_kib = 8000});
  if (!opened) {
    if (opened.error().code == Code::unavailable) return std::unexpected(opened.error());
    open_error_ = opened.error();
    open_again_ = now + options_.reopen_pause;
    return std::unexpected(open_error_);
  }
  connection_ = *std::move(opened);
  connection_->limit_time(options_.loop_time_max);
  check_again_ = now + options_.replaced_check;
  ++stats_.opened;
  return {};
}

Result<void> Reader::prepare(Entry& entry) {
  PACELINE_TRY(open());
  if (entry.statement) return {};
  PACELINE_TRY_VALUE(Statement statement, connection_->prepare(*entry.sql));
  entry.statement.emplace(std::move(statement));
  return {};
}

std::expected<Result<SqlResult>, Detour> Reader::try_inline(ReadId id,
                                                            const SqlParameters& parameters) {
  Entry& read = entry(id);
  if (read.policy.choose(loop_.now()) == ReadPlace::pool) return std::unexpected(Detour::slow);
  if (const Result<void> prepared = prepare(read); !prepared) {
    // Opening meets a lock, too: a new keeper recovers the log that a killed one left.
    const bool locked = connection_ != nullptr ? connection_->failure() == SqlFailure::busy
                                               : prepared.error().code == Code::unavailable;
    if (!locked) return Result<SqlResult>(std::unexpected(prepared.error()));
    ++stats_.busy;
    return std::unexpected(Detour::busy);
  }
  const Time start = loop_.kernel().now();
  Result<SqlResult> result = read.statement->run(parameters, options_.limits);
  const Time end = loop_.kernel().now();
  switch (connection_->failure()) {
    case SqlFailure::interrupted:
      ++stats_.interrupted;
      read.policy.ran_on_loop(options_.policy.sample_max, end);
      return std::unexpected(Detour::interrupted);
    case SqlFailure::busy:
      ++stats_.busy;
      return std::unexpected(Detour::busy);
    case SqlFailure::handle:
      close();  // the next read opens anew
      break;
    case SqlFailure::none:
    case SqlFailure::statement:
      break;
  }
  ++stats_.on_loop;
  read.policy.ran_on_loop(end - start, end);
  return result;
}

Task<Result<SqlResult>> Reader::query(ReadId id, SqlParameters parameters) {
  std::expected<Result<SqlResult>, Detour> answer = try_inline(id, parameters);
  if (answer) co_return std::move(*answer);
  Result<SqlResult> result = co_await query(id, std::move(parameters), answer.error());
  co_return result;
}

Task<Result<SqlResult>> Reader::query(ReadId id, SqlParameters parameters, Detour detour) {
  for (unsigned retry = 0; detour == Detour::busy && retry < options_.busy_retries; ++retry) {
    co_await loop_.sleep(options_.busy_pause * (1 << retry));
    std::expected<Result<SqlResult>, Detour> answer = try_inline(id, parameters);
    if (answer) co_return std::move(*answer);
    detour = answer.error();
  }
  PoolRead read{.handles = handles_, .sql = entry(id).sql, .parameters = std::move(parameters)};
  ++stats_.on_pool;
  Result<PoolRead::Answer> answer = co_await pool_.run(std::move(read));
  if (!answer) co_return std::unexpected(std::move(answer).error());
  // An interrupted read has counted on the loop already.
  if (detour == Detour::slow) entry(id).policy.ran_on_pool(answer->took);
  co_return std::move(answer->result);
}

}  // namespace paceline
