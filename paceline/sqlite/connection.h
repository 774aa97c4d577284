// One SQLite handle and its statements, with the flags and pragmas that its use needs. Belongs
// to one thread at a time (opened NOMUTEX), never crosses a fork.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite/value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace paceline {

class Connection;

/// The file of `sqlite:PATH`; a relative PATH is taken from `folder`. `sqlite:///abs` is /abs.
/// An in-memory database is refused: no other process would see it.
Result<std::string> parse_sqlite_url(std::string_view url, std::string_view folder);

/// "3.40.1": the library that runs, for the log.
std::string_view sqlite_version();

enum class Access : std::uint8_t {
  read_write,  // creates the file; WAL; the only one that may checkpoint
  read_only,   // query_only; never checkpoints, not on close either
};

/// What COMMIT promises.
enum class Durability : std::uint8_t {
  disk,     // synchronous=FULL: an fsync for every commit; a power cut loses nothing acknowledged
  process,  // synchronous=NORMAL: survives a killed process; a power cut may lose the last commits
};

struct ConnectionOptions {
  Access access = Access::read_only;
  Durability durability = Durability::disk;
  /// How long a call may sleep in the thread when another process holds a lock. 0 on a loop.
  std::chrono::milliseconds busy_timeout{0};
  /// Page cache, resident. Another process's commit empties a reader's, so more helps little.
  int cache_kib = 8000;
  /// Prepared statements kept, least recently used out first.
  std::size_t statements_max = 128;
};

/// Why the last call on a connection failed, as far as a caller goes another way by it.
enum class SqlFailure : std::uint8_t {
  none,
  interrupted,  // ran longer than limit_time()
  busy,         // another process holds a lock; a moment later may work
  handle,       // file gone, replaced, damaged, unreadable: reopening may help
  statement,    // everything else: the same statement fails again
};

/// Steps of a transaction. There is one savepoint name, so they do not nest.
enum class Transaction : std::uint8_t {
  begin,  // IMMEDIATE: takes the write lock now, not in the middle
  commit,
  rollback,
  savepoint,
  release,
  rollback_to,  // undoes what came after the savepoint, and removes it
};

/// A compiled statement. Moves, does not copy; must go before its Connection. Every run ends
/// with a reset: no read transaction outlives the call.
class [[nodiscard]] Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  /// Binds by name, steps to the end, resets. A parameter of the statement that has no value is
  /// Code::invalid; values it does not ask for are ignored. Borrows `parameters` for the call.
  Result<SqlResult> run(const SqlParameters& parameters, const SqlLimits& limits = {});

  /// In the order of their first occurrence, without colons.
  const std::vector<std::string>& parameters() const { return parameters_; }
  const std::vector<SqlColumn>& columns() const { return columns_; }
  /// True if it cannot change the database.
  bool read_only() const;

 private:
  friend class Connection;
  Statement(Connection& connection, sqlite3_stmt* handle);
  Result<void> name_parameters(std::string_view sql);
  void name_columns();
  Result<void> bind(const SqlParameters& parameters);
  Result<void> collect(SqlResult& result, const SqlLimits& limits);

  Connection* connection_;
  sqlite3_stmt* handle_;
  int recompiled_ = 0;  // how often SQLite did; the columns follow
  std::vector<std::string> parameters_;
  std::vector<SqlColumn> columns_;
};

/// What a statement asks for and what it answers, found without running it.
struct StatementInfo {
  std::vector<std::string> parameters;
  std::vector<SqlColumn> columns;
  bool read_only = false;
};

class Connection {
 public:
  /// Opens and reads the file's header and schema. Errors say what a person can do: not_found
  /// (no file or no folder), denied (unwritable), invalid (not a database), corrupt, exhausted
  /// (disk full), unavailable (locked).
  static Result<std::unique_ptr<Connection>> open(std::string path, ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Compiles exactly one statement. Transaction control, ATTACH and pragmas that set something
  /// are refused: whoever owns the connection does these. A syntax error is Code::invalid with
  /// line and column; error_offset() has the byte.
  Result<Statement> prepare(std::string_view sql);
  /// prepare() for those who only want to know: resources are checked with it at the start.
  Result<StatementInfo> describe(std::string_view sql);
  /// The same through the cache of statements. Valid until the next call on this connection.
  Result<Statement*> cached(std::string_view sql);
  /// cached() and run().
  Result<SqlResult> run(std::string_view sql, const SqlParameters& parameters = {},
                        const SqlLimits& limits = {});

  /// Compiles and runs the first statement of a script; its bytes with the blanks and comments
  /// before it, 0 when no statement is left.
  Result<std::size_t> run_first(std::string_view script);

  /// The owner's own statements; prepare() refuses them.
  Result<void> control(Transaction step);
  /// Sets a pragma: "foreign_keys = OFF".
  Result<void> set_pragma(std::string_view assignment);
  /// What `PRAGMA name` answers, as text. For diagnosis and for tests of the table above.
  Result<std::string> pragma(std::string_view name);

  /// A run that takes longer fails with SqlFailure::interrupted; looked at every 1000 steps of
  /// SQLite's machine (a few µs), so one slow page read is not cut short. Zero: no limit.
  void limit_time(Duration limit);

  SqlFailure failure() const { return failure_; }
  /// Byte in the text of the last failed prepare, or -1.
  int error_offset() const { return error_offset_; }
  /// True between BEGIN and COMMIT. Some errors (disk full, I/O) end a transaction by themselves.
  bool in_transaction() const;
  /// True if the path now leads to another file, or to none.
  bool moved() const;
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }

 private:
  friend class Statement;
  struct Cached;

  explicit Connection(std::string path, ConnectionOptions options);
  Result<void> open_handle();
  Result<void> configure();
  Result<void> check_path() const;
  Result<void> check_content();
  std::unexpected<Error> failed(std::string_view what);
  std::unexpected<Error> failed_compile(std::string_view sql);
  Error explain(int code, std::string_view what) const;
  Result<sqlite3_stmt*> compile(std::string_view sql, const char** tail);
  void start_clock();
  static int authorise(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger);
  static int on_progress(void* self);

  std::string path_;
  ConnectionOptions options_;
  sqlite3* handle_ = nullptr;
  std::list<Cached> statements_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Cached>::iterator> by_text_;
  std::array<sqlite3_stmt*, 6> controls_{};
  Duration time_limit_{};
  Time run_until_ = Time::max();
  SqlFailure failure_ = SqlFailure::none;
  int error_offset_ = -1;
  bool controlling_ = false;  // the owner's own statement: everything is allowed
};

}  // namespace paceline
