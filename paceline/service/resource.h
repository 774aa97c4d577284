// Resources: routes that configuration declares, each a path and up to four SQL statements. Parsed
// and checked here without a database; check.h compares the statements with the real one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite.h"

namespace paceline {

/// What a read answers: one JSON object (404 without a row), or an array of all rows.
enum class RowShape : std::uint8_t { one, many };

/// A declared query parameter: bound as `:name`, part of the cache key. Its kind is its default's.
struct QueryParameter {
  std::string name;
  SqlValue fallback;     // text or integer
  std::int64_t min = 0;  // integers only; a negative LIMIT means "all" to SQLite
  std::int64_t max = INT64_MAX;
  bool is_integer() const { return std::holds_alternative<std::int64_t>(fallback); }
};

/// One statement as it was written, and where, for messages.
struct ResourceStatement {
  std::string sql;
  ConfigPlace place;
  explicit operator bool() const { return !sql.empty(); }
};

/// One `[[resource]]`. A statement that is empty answers 405.
struct Resource {
  std::string path;                     // "/data/{id}"
  std::vector<std::string> parameters;  // of the path, in order: "id"
  RowShape rows = RowShape::one;
  std::vector<QueryParameter> query;
  ResourceStatement read;                // GET
  ResourceStatement write;               // PUT
  ResourceStatement create;              // POST
  ResourceStatement remove;              // DELETE
  Duration ttl{0};                       // of a cached answer; 0: not cached
  std::vector<std::string> json;         // columns that hold JSON, beside those declared so
  std::vector<std::string> tags;         // carried by the entries of this resource
  std::vector<std::string> invalidates;  // tags that a write through this resource raises
  std::string cache_control;             // sent with every answer of a read
  ConfigPlace place;
};

/// The keys of `[[resource]]`, relative to the table.
std::span<const ConfigKey> resource_config_keys();

/// All mistakes at once, one a line, each with its place and what to do. `ttl` is for resources
/// that set none (cache.l1.ttl).
Result<std::vector<Resource>> read_resources(std::span<const ConfigSection> tables, Duration ttl);

/// The resource whose path is that of `collection` and one parameter more: where what a POST
/// created is found. Null when there is none.
const Resource* item_of(const Resource& collection, std::span<const Resource> resources);

}  // namespace paceline
