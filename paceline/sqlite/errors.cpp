// What SQLite's result codes mean for a person and for a caller.
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "paceline/sqlite/connection.h"

namespace paceline {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// "at line 2, column 5: SELECT …", or only the text if the place is not known.
std::string place_in(std::string_view sql, int offset) {
  if (offset < 0 || static_cast<std::size_t>(offset) > sql.size()) return " in: " + printable(sql);
  const std::string_view before = sql.substr(0, static_cast<std::size_t>(offset));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return " at line " + std::to_string(line) + ", column " +
         std::to_string(before.size() - start + 1) + " of: " + printable(sql);
}

SqlFailure failure_of(int code) {
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return SqlFailure::interrupted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return SqlFailure::busy;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
      return SqlFailure::handle;
    case SQLITE_READONLY:
      return code == SQLITE_READONLY_DBMOVED ? SqlFailure::handle : SqlFailure::statement;
    default:
      return SqlFailure::statement;
  }
}

Code code_of(int code, Access access) {
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return code == SQLITE_CONSTRAINT_DATATYPE ? Code::invalid : Code::conflict;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_AUTH:
    case SQLITE_NOTADB:
      return Code::invalid;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Code::exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
      return Code::unavailable;
    case SQLITE_READONLY:
      return access == Access::read_only ? Code::invalid : Code::unavailable;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return Code::io;
    case SQLITE_PERM:
      return Code::denied;
    case SQLITE_CORRUPT:
      return Code::corrupt;
    case SQLITE_INTERRUPT:
      return Code::timeout;
    default:
      return Code::internal;
  }
}

}  // namespace

/// Before SQLite says "unable to open database file": which part of the path, and what to do.
/// Never opens the file: closing it would drop the locks of this process's other handles.
Result<void> Connection::check_path() const {
  const bool writes = options_.access == Access::read_write;
  const std::string folder = folder_of(path_);
  struct stat found{};
  if (stat(folder.c_str(), &found) != 0) {
    if (errno == ENOENT) {
      return fail(Code::not_found, "folder " + folder + " of database " + path_ +
                                       " does not exist; create it or change database.url");
    }
    return fail_errno("folder " + folder + " of database " + path_);
  }
  if (!S_ISDIR(found.st_mode)) {
    return fail(Code::invalid, "database " + path_ + ": " + folder +
                                   " is a file, not a folder; change database.url");
  }
  if (writes && access(folder.c_str(), W_OK | X_OK) != 0) {
    const int os = errno;
    Error error{.code = Code::denied,
                .os = os,
                .where = std::source_location::current(),
                .message = "folder " + folder + " of database " + path_ +
                           " is not writable; SQLite keeps its log beside the database"};
    return std::unexpected(std::move(error));
  }
  if (stat(path_.c_str(), &found) != 0) {
    if (writes && errno == ENOENT) return {};
    if (errno == ENOENT) {
      return fail(Code::not_found, "database " + path_ + " does not exist (yet)");
    }
    return fail_errno("database " + path_);
  }
  if (S_ISREG(found.st_mode)) return {};
  return fail(Code::invalid, "database " + path_ +
                                 (S_ISDIR(found.st_mode) ? " is a folder" : " is no file") +
                                 "; name a file in database.url");
}

Error Connection::explain(int code, std::string_view what) const {
  const std::string database = "database " + path_;
  Error error{.code = code_of(code, options_.access),
              .os = 0,
              .where = std::source_location::current(),
              .message = std::string(what)};
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      error.message = database + " is not an SQLite database; move it away or change database.url";
      break;
    case SQLITE_CORRUPT:
      error.message = database + " is damaged (" + printable(what) + "); restore a backup, or " +
                      "save what can be read with: sqlite3 " + path_ + " .recover";
      break;
    case SQLITE_FULL:
      error.message = "the disk of " + database + " is full; nothing was written";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.message = database + " is locked by another process";
      break;
    case SQLITE_READONLY:
      error.message = options_.access == Access::read_only
                          ? "a read must not write: " + std::string(what)
                          : database + " cannot be written: " + std::string(what);
      break;
    case SQLITE_AUTH:
      error.message = "the statement may not control transactions, attach databases or set pragmas";
      break;
    case SQLITE_INTERRUPT:
      error.message = "the statement ran longer than " + format_duration(time_limit_);
      break;
    case SQLITE_CANTOPEN:
      error.os = handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
      error.message = database + " cannot be opened or created";
      break;
    case SQLITE_IOERR:
      error.os = handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
      if (error.os == ENOSPC || error.os == EDQUOT) error.code = Code::exhausted;
      error.message = database + ": " + std::string(what);
      break;
    default:
      break;
  }
  return error;
}

std::unexpected<Error> Connection::failed(std::string_view what) {
  const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(handle_);
  failure_ = failure_of(code);
  error_offset_ = -1;
  std::string message = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
  if (!what.empty()) message.append(" (").append(what).append(")");
  return std::unexpected(explain(code, message));
}

std::unexpected<Error> Connection::failed_compile(std::string_view sql) {
  const int code = sqlite3_extended_errcode(handle_);
  failure_ = failure_of(code);
  error_offset_ = sqlite3_error_offset(handle_);
  Error error = explain(code, sqlite3_errmsg(handle_));
  if (error.code == Code::invalid && failure_ == SqlFailure::statement) {
    error.message += place_in(sql, error_offset_);
  }
  return std::unexpected(std::move(error));
}

}  // namespace paceline
