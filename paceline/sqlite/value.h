// What goes into a statement and what comes out of it. Plain data, owns its bytes, knows no
// handle: it may cross threads and processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace paceline {

/// Bytes that are not text. A type of its own, so that a blob is never taken for a string.
struct SqlBlob {
  std::string bytes;
  bool operator==(const SqlBlob&) const = default;
};

/// NULL (monostate), INTEGER, REAL, TEXT, BLOB: SQLite's five storage classes.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string, SqlBlob>;

/// A value for `:name`; the name is without the colon.
struct SqlParameter {
  std::string name;
  SqlValue value;
  bool operator==(const SqlParameter&) const = default;
};
using SqlParameters = std::vector<SqlParameter>;

struct SqlColumn {
  std::string name;
  std::string declared_type;  // as in CREATE TABLE: "JSON", "TEXT"; empty for an expression
  bool operator==(const SqlColumn&) const = default;
};

/// One row of an SqlResult, as many values as columns. Valid as long as the result.
using SqlRow = std::span<const SqlValue>;

/// A whole answer, bounded by SqlLimits. The cells of all rows stand one after the other, so a
/// point read costs one allocation for them.
struct SqlResult {
  std::vector<SqlColumn> columns;  // empty for a statement without an answer
  std::vector<SqlValue> cells;     // rows() × columns.size()
  std::int64_t changes = 0;        // rows inserted, changed or removed, without triggers

  std::size_t rows() const { return columns.empty() ? 0 : cells.size() / columns.size(); }
  SqlRow row(std::size_t index) const {
    return SqlRow(cells).subspan(index * columns.size(), columns.size());
  }
};

/// How much of an answer is kept in memory. More is Code::invalid, since asking
/// again cannot help; never a cut-off answer.
struct SqlLimits {
  std::size_t rows_max = 10'000;                  // ten times the largest `limit` of a resource
  std::size_t bytes_max = std::size_t{16} << 20;  // names, text and blobs; one per running read
};

/// Bytes that the values hold: what queues and limits count.
std::size_t size_bytes(const SqlValue& value);
std::size_t size_bytes(const SqlParameters& parameters);

}  // namespace paceline
