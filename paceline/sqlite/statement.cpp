#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "paceline/sqlite/connection.h"

namespace paceline {
namespace {

/// Only plain ASCII names reach a resource's parameters; `:a::text` is one name to SQLite.
bool plain_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

struct Bind {
  sqlite3_stmt* statement;
  int index;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, index, value); }
  int operator()(const std::string& text) const {
    return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  int operator()(const SqlBlob& blob) const {
    return sqlite3_bind_blob64(statement, index, blob.bytes.data(), blob.bytes.size(),
                               SQLITE_STATIC);
  }
};

std::string bytes_of(const void* data, int size) {
  return size > 0 ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size))
                  : std::string();
}

SqlValue read_cell(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const unsigned char* text = sqlite3_column_text(statement, column);
      return bytes_of(text, sqlite3_column_bytes(statement, column));
    }
    case SQLITE_BLOB: {
      const void* blob = sqlite3_column_blob(statement, column);
      return SqlBlob{bytes_of(blob, sqlite3_column_bytes(statement, column))};
    }
    default:
      return std::monostate{};
  }
}

/// The borrowed parameters must not be reachable after the call, and no read transaction stays.
class Reset {
 public:
  explicit Reset(sqlite3_stmt* statement) : statement_(statement) {}
  ~Reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Reset(const Reset&) = delete;
  Reset& operator=(const Reset&) = delete;

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

Statement::Statement(Connection& connection, sqlite3_stmt* handle)
    : connection_(&connection), handle_(handle) {
  name_columns();
}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      handle_(std::exchange(other.handle_, nullptr)),
      recompiled_(other.recompiled_),
      parameters_(std::move(other.parameters_)),
      columns_(std::move(other.columns_)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this == &other) return *this;
  sqlite3_finalize(handle_);
  connection_ = other.connection_;
  handle_ = std::exchange(other.handle_, nullptr);
  recompiled_ = other.recompiled_;
  parameters_ = std::move(other.parameters_);
  columns_ = std::move(other.columns_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(handle_); }

bool Statement::read_only() const { return sqlite3_stmt_readonly(handle_) != 0; }

Result<void> Statement::name_parameters(std::string_view sql) {
  const int count = sqlite3_bind_parameter_count(handle_);
  for (int i = 1; i <= count; ++i) {
    const char* raw = sqlite3_bind_parameter_name(handle_, i);
    const std::string_view name = raw == nullptr ? "?" : raw;
    if (!name.starts_with(':') || !plain_name(name.substr(1))) {
      return fail(Code::invalid, "parameter " + printable(name) + ": write it as :name, with " +
                                     "letters, digits and _ only, in: " + printable(sql));
    }
    parameters_.emplace_back(name.substr(1));
  }
  return {};
}

void Statement::name_columns() {
  recompiled_ = sqlite3_stmt_status(handle_, SQLITE_STMTSTATUS_REPREPARE, 0);
  columns_.clear();
  const int count = sqlite3_column_count(handle_);
  for (int i = 0; i < count; ++i) {
    const char* name = sqlite3_column_name(handle_, i);
    const char* type = sqlite3_column_decltype(handle_, i);
    columns_.push_back(
        {.name = name == nullptr ? "" : name, .declared_type = type == nullptr ? "" : type});
  }
}

Result<void> Statement::bind(const SqlParameters& parameters) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto given = std::ranges::find(parameters, parameters_[i], &SqlParameter::name);
    if (given == parameters.end()) {
      return fail(Code::invalid, "parameter :" + parameters_[i] + " has no value");
    }
    const int code = std::visit(Bind{handle_, static_cast<int>(i) + 1}, given->value);
    if (code != SQLITE_OK) return connection_->failed("parameter :" + parameters_[i]);
  }
  return {};
}

Result<SqlResult> Statement::run(const SqlParameters& parameters, const SqlLimits& limits) {
  const Reset reset(handle_);
  connection_->failure_ = SqlFailure::none;
  PACELINE_TRY(bind(parameters));
  connection_->start_clock();
  SqlResult result;
  const int before = sqlite3_total_changes(connection_->handle_);
  PACELINE_TRY(collect(result, limits));
  if (!read_only() && sqlite3_total_changes(connection_->handle_) != before) {
    result.changes = sqlite3_changes64(connection_->handle_);
  }
  return result;
}

Result<void> Statement::collect(SqlResult& result, const SqlLimits& limits) {
  std::size_t rows = 0;
  std::size_t bytes = 0;
  int code = sqlite3_step(handle_);
  // The first step recompiles after a change of the schema; `SELECT *` has other columns then.
  if (sqlite3_stmt_status(handle_, SQLITE_STMTSTATUS_REPREPARE, 0) != recompiled_) name_columns();
  const int width = static_cast<int>(columns_.size());
  for (; code == SQLITE_ROW; code = sqlite3_step(handle_)) {
    if (++rows > limits.rows_max) {
      return fail(Code::invalid, "the answer has more than " + std::to_string(limits.rows_max) +
                                     " rows; add a LIMIT");
    }
    for (int i = 0; i < width; ++i) {
      result.cells.push_back(read_cell(handle_, i));
      bytes += size_bytes(result.cells.back());
    }
    if (bytes > limits.bytes_max) {
      return fail(Code::invalid, "the answer is larger than " + format_bytes(limits.bytes_max) +
                                     "; ask for fewer rows or columns");
    }
  }
  if (code != SQLITE_DONE) return connection_->failed("");
  result.columns = columns_;
  return {};
}

}  // namespace paceline
