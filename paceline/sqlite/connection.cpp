#include "paceline/sqlite/connection.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace paceline {
namespace {

/// PRAGMA quick_check reads the whole file, about 500 MB/s from memory; a larger file is only
/// checked as far as it is read, so that the start stays below 100 ms.
constexpr std::int64_t check_bytes_max = std::int64_t{8} << 20;

/// What a statement may ask without changing how the connection works. FTS5 asks data_version.
constexpr std::array<std::string_view, 13> pragmas_readable = {
    "table_info",     "table_xinfo",      "table_list",        "index_list",        "index_info",
    "index_xinfo",    "foreign_key_list", "data_version",      "foreign_key_check", "user_version",
    "application_id", "page_count",       "defer_foreign_keys"};
/// What a migration may set: these live in the file or end with the transaction.
constexpr std::array<std::string_view, 3> pragmas_settable = {"user_version", "application_id",
                                                              "defer_foreign_keys"};

constexpr std::array<const char*, 6> control_texts = {"BEGIN IMMEDIATE",  "COMMIT",
                                                      "ROLLBACK",         "SAVEPOINT paceline",
                                                      "RELEASE paceline", "ROLLBACK TO paceline"};

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// SQLite takes "file:…" and ":memory:" for more than a path, and "" for a temporary database.
std::string plain_path(const std::string& path) {
  return path.starts_with('/') || path.starts_with('.') ? path : "./" + path;
}

}  // namespace

struct Connection::Cached {
  std::string text;
  Statement statement;
};

std::string_view sqlite_version() { return sqlite3_libversion(); }

Result<std::string> parse_sqlite_url(std::string_view url, std::string_view folder) {
  constexpr std::string_view scheme = "sqlite:";
  if (!url.starts_with(scheme)) {
    // Not what it was: a URL of another database may hold a password.
    return fail(Code::invalid, "expected sqlite:PATH, such as \"sqlite:data.db\"");
  }
  std::string_view path = url.substr(scheme.size());
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    if (!path.starts_with('/')) {
      return fail(Code::invalid, "database url " + printable(url) +
                                     " names a host; write sqlite:PATH or sqlite:///PATH");
    }
  }
  if (path.empty() || path.ends_with('/') || path.contains('\0')) {
    return fail(Code::invalid, "database url " + printable(url) + " names no file");
  }
  if (path.starts_with(':') || path.contains("mode=memory")) {
    return fail(Code::invalid, "database url " + printable(url) +
                                   ": workers are processes and cannot share a database in "
                                   "memory; name a file");
  }
  if (path.starts_with('/') || folder.empty()) return std::string(path);
  std::string whole(folder);
  if (!whole.ends_with('/')) whole += '/';
  return whole.append(path);
}

Connection::Connection(std::string path, ConnectionOptions options)
    : path_(std::move(path)), options_(options) {}

Connection::~Connection() {
  by_text_.clear();
  statements_.clear();
  for (sqlite3_stmt* statement : controls_) sqlite3_finalize(statement);
  check(sqlite3_close(handle_) == SQLITE_OK, "a Statement outlives its Connection");
}

Result<std::unique_ptr<Connection>> Connection::open(std::string path, ConnectionOptions options) {
  std::unique_ptr<Connection> connection(new Connection(std::move(path), options));
  PACELINE_TRY(connection->check_path());
  PACELINE_TRY(connection->open_handle());
  PACELINE_TRY(connection->configure());
  PACELINE_TRY(connection->check_content());
  sqlite3_set_authorizer(connection->handle_, &Connection::authorise, connection.get());
  return connection;
}

Result<void> Connection::open_handle() {
  const bool writes = options_.access == Access::read_write;
  const int access = writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const int code =
      sqlite3_open_v2(plain_path(path_).c_str(), &handle_, access | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return failed("open");
  sqlite3_extended_result_codes(handle_, 1);
  // SQLite falls back to reading when the file cannot be written, and says nothing.
  if (writes && sqlite3_db_readonly(handle_, "main") == 1) {
    return fail(Code::denied, "database " + path_ + " is not writable; check its permissions");
  }
  return {};
}

/// The table in docs/architecture.md. One writer and one checkpointer: SQLite before 3.51.3 can
/// lose frames when a checkpoint and another connection's commit overlap.
Result<void> Connection::configure() {
  const bool writes = options_.access == Access::read_write;
  sqlite3_busy_timeout(handle_, static_cast<int>(options_.busy_timeout.count()));
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, writes ? 0 : 1, nullptr);
  sqlite3_wal_autocheckpoint(handle_, 0);
  PACELINE_TRY(set_pragma("cache_size = -" + std::to_string(options_.cache_kib)));
  PACELINE_TRY(set_pragma("mmap_size = 0"));
  PACELINE_TRY(set_pragma("temp_store = MEMORY"));
  if (!writes) return set_pragma("query_only = 1");
  PACELINE_TRY(set_pragma("page_size = 4096"));
  PACELINE_TRY(set_pragma("journal_mode = WAL"));
  PACELINE_TRY_VALUE(const std::string mode, pragma("journal_mode"));
  if (mode != "wal") {
    return fail(Code::unavailable, "database " + path_ + " cannot have a write-ahead log here; " +
                                       "it needs a local file system");
  }
  const bool disk = options_.durability == Durability::disk;
  PACELINE_TRY(set_pragma(disk ? "synchronous = FULL" : "synchronous = NORMAL"));
  PACELINE_TRY(set_pragma("journal_size_limit = 67108864"));
  return set_pragma("foreign_keys = ON");
}

/// Reads the schema, so that a file that is no database is found now; a small file is read whole.
Result<void> Connection::check_content() {
  PACELINE_TRY(pragma("schema_version"));
  struct stat file{};
  if (options_.access != Access::read_write || stat(path_.c_str(), &file) != 0) return {};
  if (file.st_size > check_bytes_max) return {};
  PACELINE_TRY_VALUE(const std::string verdict, pragma("quick_check(1)"));
  if (verdict == "ok") return {};
  return std::unexpected(explain(SQLITE_CORRUPT, verdict));
}

int Connection::authorise(void* self, int action, const char* first, const char* second,
                          const char* /*database*/, const char* /*trigger*/) {
  if (static_cast<Connection*>(self)->controlling_) return SQLITE_OK;
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return SQLITE_DENY;
    case SQLITE_PRAGMA:
      if (contains(pragmas_settable, first)) return SQLITE_OK;
      // table_info and its like carry the table's name as second.
      return contains(pragmas_readable, first) ? SQLITE_OK : SQLITE_DENY;
    default:
      static_cast<void>(second);
      return SQLITE_OK;
  }
}

int Connection::on_progress(void* self) {
  return Clock::now() >= static_cast<Connection*>(self)->run_until_ ? 1 : 0;
}

void Connection::limit_time(Duration limit) {
  time_limit_ = limit;
  run_until_ = Time::max();
  sqlite3_progress_handler(handle_, limit > Duration::zero() ? 1000 : 0, &Connection::on_progress,
                           this);
}

void Connection::start_clock() {
  if (time_limit_ > Duration::zero()) run_until_ = Clock::now() + time_limit_;
}

Result<void> Connection::control(Transaction step) {
  const auto index = static_cast<std::size_t>(step);
  sqlite3_stmt*& statement = controls_[index];
  controlling_ = true;
  int code = SQLITE_OK;
  if (statement == nullptr) {
    code = sqlite3_prepare_v3(handle_, control_texts[index], -1, SQLITE_PREPARE_PERSISTENT,
                              &statement, nullptr);
  }
  if (code == SQLITE_OK) {
    sqlite3_step(statement);
    code = sqlite3_reset(statement);
  }
  controlling_ = false;
  if (code != SQLITE_OK) return failed(control_texts[index]);
  return step == Transaction::rollback_to ? control(Transaction::release) : Result<void>{};
}

Result<void> Connection::set_pragma(std::string_view assignment) {
  const std::string sql = "PRAGMA " + std::string(assignment);
  start_clock();
  controlling_ = true;
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  controlling_ = false;
  if (code != SQLITE_OK) return failed(sql);
  return {};
}

Result<std::string> Connection::pragma(std::string_view name) {
  const std::string sql = "PRAGMA " + std::string(name);
  controlling_ = true;
  sqlite3_stmt* statement = nullptr;
  std::string answer;
  int code = sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr);
  if (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    if (text != nullptr) answer = text;
  }
  if (code == SQLITE_OK) code = sqlite3_finalize(statement);
  controlling_ = false;
  if (code != SQLITE_OK) return failed(sql);
  return answer;
}

Result<sqlite3_stmt*> Connection::compile(std::string_view sql, const char** tail) {
  if (sql.contains('\0')) return fail(Code::invalid, "SQL holds a zero byte");
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, tail);
  if (code != SQLITE_OK) return failed_compile(sql);
  return statement;
}

Result<Statement> Connection::prepare(std::string_view sql) {
  const char* tail = nullptr;
  PACELINE_TRY_VALUE(sqlite3_stmt * handle, compile(sql, &tail));
  if (handle == nullptr) return fail(Code::invalid, "no SQL statement in: " + printable(sql));
  Statement statement(*this, handle);
  PACELINE_TRY(statement.name_parameters(sql));
  const std::string_view rest(tail, static_cast<std::size_t>(sql.data() + sql.size() - tail));
  sqlite3_stmt* second = nullptr;
  const int code =
      sqlite3_prepare_v2(handle_, rest.data(), static_cast<int>(rest.size()), &second, nullptr);
  sqlite3_finalize(second);
  if (code != SQLITE_OK || second != nullptr) {
    return fail(Code::invalid,
                "one statement is expected, a second begins at: " + printable(rest, 60));
  }
  return statement;
}

Result<StatementInfo> Connection::describe(std::string_view sql) {
  PACELINE_TRY_VALUE(const Statement statement, prepare(sql));
  return StatementInfo{.parameters = statement.parameters(),
                       .columns = statement.columns(),
                       .read_only = statement.read_only()};
}

Result<Statement*> Connection::cached(std::string_view sql) {
  if (const auto found = by_text_.find(sql); found != by_text_.end()) {
    statements_.splice(statements_.begin(), statements_, found->second);
    return &found->second->statement;
  }
  PACELINE_TRY_VALUE(Statement statement, prepare(sql));
  if (statements_.size() >= options_.statements_max && !statements_.empty()) {
    by_text_.erase(statements_.back().text);
    statements_.pop_back();
  }
  statements_.push_front({.text = std::string(sql), .statement = std::move(statement)});
  by_text_.emplace(statements_.front().text, statements_.begin());
  return &statements_.front().statement;
}

Result<SqlResult> Connection::run(std::string_view sql, const SqlParameters& parameters,
                                  const SqlLimits& limits) {
  PACELINE_TRY_VALUE(Statement * statement, cached(sql));
  return statement->run(parameters, limits);
}

Result<std::size_t> Connection::run_first(std::string_view script) {
  const char* tail = nullptr;
  PACELINE_TRY_VALUE(sqlite3_stmt * handle, compile(script, &tail));
  if (handle == nullptr) return std::size_t{0};
  Statement statement(*this, handle);
  const auto used = static_cast<std::size_t>(tail - script.data());
  PACELINE_TRY(statement.name_parameters(script.substr(0, used)));
  PACELINE_TRY(statement.run({}));
  return used;
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

bool Connection::moved() const {
  int moved = 0;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

}  // namespace paceline
