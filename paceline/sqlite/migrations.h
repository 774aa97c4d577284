// Changes of the schema, each applied once: NNN-name.sql, from 001, in order, each in its own
// transaction, recorded with a hash of its text in the table paceline_migrations.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite/connection.h"

namespace paceline {

struct Migration {
  unsigned number = 0;  // 1, 2, 3 … without gaps
  std::string name;     // "add-users"
  std::string origin;   // the file, for messages: "migrations/002-add-users.sql"
  std::string sql;      // one or more statements; no BEGIN, COMMIT
};

/// Every NNN-name.sql of the folder in order. A folder that is not there, another name that ends
/// in .sql, a gap or a number used twice is an error; other files are left alone.
Result<std::vector<Migration>> read_migrations(const std::string& folder);

/// Applies what is missing and returns how many that were; on an error the failing one is rolled
/// back, those before it stay. What was applied must still be there, unchanged (Code::conflict).
/// An SQL error names file, line and statement. Foreign keys are off while one runs, since
/// rebuilding a table would cascade, and are checked before it commits.
Result<std::size_t> migrate(Connection& connection, std::span<const Migration> migrations);

}  // namespace paceline
