#include "paceline/sqlite/migrations.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <utility>

namespace paceline {
namespace {

constexpr std::size_t migrations_max = 10'000;

std::string hash_of(std::string_view sql) {
  const XXH128_hash_t hash = XXH3_128bits(sql.data(), sql.size());
  std::string text(32, '0');
  std::snprintf(text.data(), text.size() + 1, "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

/// The number and name of "002-add-users.sql".
Result<Migration> parse_name(const std::string& folder, const std::string& file) {
  Migration migration{.number = 0, .name = {}, .origin = folder + "/" + file, .sql = {}};
  const std::string_view stem = std::string_view(file).substr(0, file.size() - 4);
  const std::size_t dash = stem.find('-');
  const Result<std::uint64_t> number = parse_unsigned(stem.substr(0, std::min(dash, stem.size())));
  if (dash == std::string_view::npos || dash < 3 || dash + 1 == stem.size() || !number ||
      *number == 0 || *number > migrations_max) {
    return fail(Code::invalid, "migration " + printable(migration.origin) +
                                   ": the name must be like 001-create-users.sql");
  }
  migration.number = static_cast<unsigned>(*number);
  migration.name = stem.substr(dash + 1);
  return migration;
}

Result<void> check_order(std::span<const Migration> migrations) {
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    const Migration& migration = migrations[i];
    if (i > 0 && migration.number == migrations[i - 1].number) {
      return fail(Code::invalid, "migrations " + migrations[i - 1].origin + " and " +
                                     migration.origin + " have the same number");
    }
    if (migration.number != i + 1) {
      return fail(Code::invalid, "migration " + migration.origin + ": number " +
                                     std::to_string(i + 1) + " is missing before it");
    }
  }
  return {};
}

struct Applied {
  std::string name;
  std::string hash;
};
using AppliedByNumber = std::map<std::int64_t, Applied>;

Result<AppliedByNumber> read_applied(Connection& connection) {
  PACELINE_TRY(
      connection.run("CREATE TABLE IF NOT EXISTS paceline_migrations(number INTEGER PRIMARY KEY, "
                     "name TEXT NOT NULL, hash TEXT NOT NULL, applied_at TEXT NOT NULL)"));
  PACELINE_TRY_VALUE(const SqlResult result,
                     connection.run("SELECT number, name, hash FROM paceline_migrations"));
  AppliedByNumber applied;
  for (std::size_t i = 0; i < result.rows(); ++i) {
    const SqlRow row = result.row(i);
    const auto* number = std::get_if<std::int64_t>(&row[0]);
    const auto* name = std::get_if<std::string>(&row[1]);
    const auto* hash = std::get_if<std::string>(&row[2]);
    if (number == nullptr || name == nullptr || hash == nullptr) {
      return fail(Code::corrupt, "table paceline_migrations of " + connection.path() +
                                     " is not as it was written");
    }
    applied.emplace(*number, Applied{*name, *hash});
  }
  return applied;
}

/// What was applied must be a prefix of what there is, byte for byte.
Result<void> check_applied(const AppliedByNumber& applied, std::span<const Migration> migrations) {
  for (const auto& [number, record] : applied) {
    const auto index = static_cast<std::size_t>(number - 1);
    if (number < 1 || index >= migrations.size()) {
      return fail(Code::conflict, "migration " + std::to_string(number) + " (" + record.name +
                                      ") was applied to this database and is missing now; put "
                                      "its file back");
    }
    const Migration& migration = migrations[index];
    if (record.name != migration.name) {
      return fail(Code::conflict, "migration " + migration.origin + " was applied as " +
                                      record.name + "; give it its old name");
    }
    if (record.hash != hash_of(migration.sql)) {
      return fail(Code::conflict, "migration " + migration.origin +
                                      " was changed after it was applied; put the old text back "
                                      "and write a new migration");
    }
  }
  return {};
}

/// Where a statement's own text begins: after blanks and comments.
std::size_t skip_blank(std::string_view sql, std::size_t at) {
  while (at < sql.size()) {
    std::size_t end = at;
    if (sql.substr(at).starts_with("--")) {
      end = std::min(sql.find('\n', at), sql.size());
    } else if (sql.substr(at).starts_with("/*")) {
      end = sql.find("*/", at + 2);
      end = end == std::string_view::npos ? sql.size() : end + 2;
    } else if (std::string_view(" \t\r\n\f;").contains(sql[at])) {
      end = at + 1;
    }
    if (end == at) return at;
    at = end;
  }
  return at;
}

Error at_statement(const Migration& migration, std::size_t at, std::size_t place, Error error) {
  const std::string_view sql = migration.sql;
  const auto line = 1 + std::ranges::count(sql.substr(0, std::min(place, sql.size())), '\n');
  std::string_view statement = sql.substr(at);
  statement = statement.substr(0, statement.find(';'));
  // The connection's text quotes the rest of the file as the statement; ours is exact.
  const std::size_t quote = error.message.find(" at line ");
  if (quote != std::string::npos) error.message.resize(quote);
  error.message = migration.origin + ":" + std::to_string(line) + ": " + error.message +
                  " in: " + printable(statement);
  return error;
}

Result<void> run_script(Connection& connection, const Migration& migration) {
  const std::string_view sql = migration.sql;
  std::size_t at = skip_blank(sql, 0);
  while (at < sql.size()) {
    Result<std::size_t> used = connection.run_first(sql.substr(at));
    if (!used) {
      const int offset = connection.error_offset();
      const std::size_t place = at + static_cast<std::size_t>(std::max(offset, 0));
      return std::unexpected(at_statement(migration, at, place, std::move(used).error()));
    }
    at = *used == 0 ? sql.size() : skip_blank(sql, at + *used);
  }
  return {};
}

Result<void> check_foreign_keys(Connection& connection, const Migration& migration) {
  PACELINE_TRY_VALUE(const SqlResult broken,
                     connection.run("SELECT \"table\", parent FROM pragma_foreign_key_check "
                                    "LIMIT 1"));
  if (broken.rows() == 0) return {};
  const SqlRow row = broken.row(0);
  const auto* child = std::get_if<std::string>(&row[0]);
  const auto* parent = std::get_if<std::string>(&row[1]);
  return fail(Code::conflict, migration.origin + ": leaves rows in " +
                                  (child == nullptr ? "?" : *child) + " that refer to none in " +
                                  (parent == nullptr ? "?" : *parent));
}

Result<void> apply_inside(Connection& connection, const Migration& migration) {
  PACELINE_TRY(run_script(connection, migration));
  PACELINE_TRY(check_foreign_keys(connection, migration));
  PACELINE_TRY(connection.run("INSERT INTO paceline_migrations VALUES(:number, :name, :hash, :at)",
                              {{"number", std::int64_t{migration.number}},
                               {"name", migration.name},
                               {"hash", hash_of(migration.sql)},
                               {"at", format_rfc3339(std::chrono::system_clock::now())}}));
  return connection.control(Transaction::commit);
}

Result<void> apply(Connection& connection, const Migration& migration) {
  PACELINE_TRY(connection.control(Transaction::begin));
  Result<void> applied = apply_inside(connection, migration);
  if (!applied && connection.in_transaction())
    PACELINE_TRY(connection.control(Transaction::rollback));
  return applied;
}

}  // namespace

Result<std::vector<Migration>> read_migrations(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) return fail_errno("migrations folder " + folder, error.value());
  std::vector<Migration> migrations;
  for (const auto end = std::filesystem::directory_iterator(); entries != end;
       entries.increment(error)) {
    const std::string file = entries->path().filename();
    if (file.starts_with('.') || !file.ends_with(".sql")) continue;
    PACELINE_TRY_VALUE(Migration migration, parse_name(folder, file));
    PACELINE_TRY_VALUE(migration.sql, read_file(migration.origin));
    migrations.push_back(std::move(migration));
    if (migrations.size() > migrations_max) break;  // check_order names what is wrong
  }
  if (error) return fail_errno("migrations folder " + folder, error.value());
  std::ranges::sort(migrations, {}, [](const Migration& m) { return std::pair(m.number, m.name); });
  PACELINE_TRY(check_order(migrations));
  return migrations;
}

Result<std::size_t> migrate(Connection& connection, std::span<const Migration> migrations) {
  PACELINE_TRY(check_order(migrations));
  PACELINE_TRY_VALUE(const AppliedByNumber applied, read_applied(connection));
  PACELINE_TRY(check_applied(applied, migrations));
  std::size_t count = 0;
  for (const Migration& migration : migrations) {
    if (applied.contains(migration.number)) continue;
    PACELINE_TRY(connection.set_pragma("foreign_keys = OFF"));
    Result<void> done = apply(connection, migration);
    PACELINE_TRY(connection.set_pragma("foreign_keys = ON"));
    PACELINE_TRY(std::move(done));
    ++count;
  }
  return count;
}

}  // namespace paceline
