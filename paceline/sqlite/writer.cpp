#include "paceline/sqlite/writer.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace paceline {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
/// A frame of the log is a page and this header (SQLite file format §4.1).
constexpr std::uint64_t frame_header_bytes = 24;
/// PRAGMA optimize looks at so many rows of an index; SQLite's advice is 100 to 1000.
constexpr const char* analysis_limit = "analysis_limit = 400";
constexpr Duration optimize_time_max = std::chrono::milliseconds(500);

std::size_t size_of(const WriteCommand& command) {
  std::size_t bytes = sizeof(WriteCommand) + command.sql.size() + size_bytes(command.parameters);
  for (const std::string& word : command.invalidates) bytes += word.size();
  if (const auto& before = command.precondition) {
    bytes += before->sql.size() + size_bytes(before->parameters);
  }
  return bytes;
}

/// Signals are the loop's: a thread made while this lives takes none.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, WriterOptions options)
    : options_(options), connection_(std::move(connection)) {}

Writer::~Writer() { close_blocking(); }

Result<std::unique_ptr<Writer>> Writer::open(std::string path, WriterOptions options,
                                             std::span<const Migration> migrations) {
  PACELINE_TRY_VALUE(std::unique_ptr<Connection> connection,
                     Connection::open(std::move(path), {.access = Access::read_write,
                                                        .durability = options.durability,
                                                        .busy_timeout = options.busy_timeout,
                                                        .cache_kib = 16000}));
  if (!migrations.empty()) PACELINE_TRY(migrate(*connection, migrations));
  PACELINE_TRY_VALUE(const std::string page_size, connection->pragma("page_size"));
  PACELINE_TRY_VALUE(const std::uint64_t page_bytes, parse_unsigned(page_size));
  std::unique_ptr<Writer> writer(new Writer(std::move(connection), options));
  writer->page_bytes_ = page_bytes;
  sqlite3_wal_hook(writer->connection_->handle(), &Writer::on_wal, writer.get());
  return writer;
}

Result<StatementInfo> Writer::describe(std::string_view sql) {
  check(!thread_.joinable() && connection_ != nullptr, "Writer::describe after start");
  return connection_->describe(sql);
}

void Writer::start(Batch::AfterCommit after_commit, Deliver deliver) {
  check(!thread_.joinable() && connection_ != nullptr, "Writer::start twice");
  after_commit_ = std::move(after_commit);
  deliver_ = std::move(deliver);
  connection_->limit_time(options_.statement_time_max);
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { work(); });
  pthread_setname_np(thread_.native_handle(), "sqlite-writer");
}

Result<void> Writer::submit(WriteCommand command) {
  const std::size_t bytes = size_of(command);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(Code::closed, "the database is closing");
    if (queue_.size() >= options_.queue_max || queue_bytes_ + bytes > options_.queue_bytes_max) {
      counters_.refused.fetch_add(1, relaxed);
      return fail(Code::exhausted, "the write queue is full (" + std::to_string(queue_.size()) +
                                       " commands, " + format_bytes(queue_bytes_) + ")");
    }
    first = queue_.empty();
    queue_bytes_ += bytes;
    queue_.push_back(std::move(command));
  }
  if (first) wake_.notify_one();
  return {};
}

void Writer::close_blocking() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  connection_.reset();
}

WriterStats Writer::stats() const {
  WriterStats stats;
  {
    const std::lock_guard lock(mutex_);
    stats.queued = queue_.size();
  }
  stats.refused = counters_.refused.load(relaxed);
  stats.commands = counters_.commands.load(relaxed);
  stats.failed = counters_.failed.load(relaxed);
  stats.batches = counters_.batches.load(relaxed);
  stats.batch_ns = counters_.batch_ns.load(relaxed);
  stats.wal_pages = counters_.wal_pages.load(relaxed);
  stats.checkpoints = counters_.checkpoints.load(relaxed);
  stats.truncations = counters_.truncations.load(relaxed);
  stats.checkpoints_stuck = counters_.checkpoints_stuck.load(relaxed);
  return stats;
}

void Writer::work() {
  std::vector<WriteCommand> batch;
  while (take(batch)) {
    if (batch.empty()) {
      checkpoint(SQLITE_CHECKPOINT_PASSIVE);  // idle
      continue;
    }
    run_batch(std::exchange(batch, {}));
    checkpoint_when_due();
  }
  finish();
}

/// False: closing, and nothing is left. True with an empty batch: idle, with pages to save.
bool Writer::take(std::vector<WriteCommand>& batch) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return stopping_ || !queue_.empty(); };
  if (unsaved_ == 0) {
    wake_.wait(lock, ready);
  } else if (!wake_.wait_for(lock, options_.checkpoint_idle, ready)) {
    return true;
  }
  const std::size_t count = std::min(queue_.size(), options_.batch_max);
  batch.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    queue_bytes_ -= size_of(queue_.front());
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return count > 0;
}

/// One stat() a batch: what is committed to a file without its name would be lost.
WriterFile Writer::look_for_file() {
  if (!connection_->moved()) return WriterFile::ours;
  struct stat found{};
  const bool replaced = ::stat(connection_->path().c_str(), &found) == 0;
  // All that was acknowledged goes from the log into the file it belongs to, wherever that is now,
  // and the log, which may have kept its place, holds nothing that another file would be given.
  if (file_.load(relaxed) == WriterFile::ours) checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
  return replaced ? WriterFile::replaced : WriterFile::gone;
}

void Writer::refuse_batch(std::vector<WriteCommand> commands) {
  const Error error{
      .code = Code::unavailable,
      .message = connection_->path() +
                 " was renamed, deleted or replaced while it was in use; put it back"};
  std::vector<WriteCompletion> done;
  done.reserve(commands.size());
  for (WriteCommand& command : commands) {
    done.push_back({.id = command.id,
                    .result = std::unexpected(error),
                    .invalidates = std::move(command.invalidates)});
  }
  counters_.commands.fetch_add(done.size(), relaxed);
  counters_.failed.fetch_add(done.size(), relaxed);
  deliver_(std::move(done));
}

void Writer::run_batch(std::vector<WriteCommand> commands) {
  const WriterFile file = look_for_file();
  file_.store(file, relaxed);
  if (file != WriterFile::ours) return refuse_batch(std::move(commands));
  const Time start = Clock::now();
  Batch batch(*connection_, options_.limits, after_commit_);
  std::vector<WriteCompletion> done = batch.run(std::move(commands));
  const Duration took = Clock::now() - start;
  const auto failed = std::ranges::count_if(
      done, [](const WriteCompletion& completion) { return !completion.result.has_value(); });
  counters_.commands.fetch_add(done.size(), relaxed);
  counters_.failed.fetch_add(static_cast<std::uint64_t>(failed), relaxed);
  counters_.batch_ns.fetch_add(static_cast<std::uint64_t>(took.count()), relaxed);
  counters_.batches.fetch_add(1, relaxed);
  deliver_(std::move(done));
}

/// SQLite tells after every commit how many pages the log holds; after a reset it starts anew.
int Writer::on_wal(void* self, sqlite3* /*handle*/, const char* /*database*/, int pages) {
  auto* writer = static_cast<Writer*>(self);
  const auto count = static_cast<std::uint64_t>(pages);
  if (count < writer->checkpointed_at_) writer->checkpointed_at_ = 0;
  writer->counters_.wal_pages.store(count, relaxed);
  ++writer->unsaved_;
  return SQLITE_OK;
}

void Writer::checkpoint_when_due() {
  const std::uint64_t pages = counters_.wal_pages.load(relaxed);
  if (pages - std::min(pages, checkpointed_at_) < options_.checkpoint_pages) return;
  const bool large = pages * (page_bytes_ + frame_header_bytes) > options_.truncate_bytes;
  checkpoint(large ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
}

/// One try. What a reader holds back stays in the log until the next one is due.
void Writer::checkpoint(int mode) {
  sqlite3* handle = connection_->handle();
  const auto wait = mode == SQLITE_CHECKPOINT_PASSIVE ? 0 : options_.truncate_wait.count();
  sqlite3_busy_timeout(handle, static_cast<int>(wait));
  int in_log = 0;
  int saved = 0;
  const int code = sqlite3_wal_checkpoint_v2(handle, nullptr, mode, &in_log, &saved);
  sqlite3_busy_timeout(handle, static_cast<int>(options_.busy_timeout.count()));
  counters_.checkpoints.fetch_add(1, relaxed);
  checkpointed_at_ = counters_.wal_pages.load(relaxed);
  if (code != SQLITE_OK || saved < in_log) {
    counters_.checkpoints_stuck.fetch_add(1, relaxed);
    return;
  }
  unsaved_ = 0;
  if (mode != SQLITE_CHECKPOINT_TRUNCATE) return;
  counters_.truncations.fetch_add(1, relaxed);
  counters_.wal_pages.store(0, relaxed);
  checkpointed_at_ = 0;
}

/// Neither matters for what is stored: a failure is left to the next start.
void Writer::finish() {
  connection_->limit_time(optimize_time_max);
  if (connection_->set_pragma(analysis_limit)) {
    static_cast<void>(connection_->set_pragma("optimize"));
  }
  checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
}

}  // namespace paceline
