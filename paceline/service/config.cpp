#include "paceline/service/config.h"

#include <array>

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 7> kKeys = {{
    {.name = "database.url",
     .kind = ConfigKind::text,
     .fallback = "\"sqlite:data.db\"",
     .meaning = "The database; a path is relative to the instance folder (--dir)."},
    {.name = "database.migrations",
     .kind = ConfigKind::path,
     .fallback = "\"\"",
     .meaning = "Folder of NNN-name.sql, each applied once, in order, in its own transaction."},
    {.name = "database.schema",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "SQL that is applied once to a new database: migration 001 without a folder."},
    {.name = "database.durable",
     .kind = ConfigKind::boolean,
     .fallback = "true",
     .meaning =
         "true: an acknowledged write is on disk; false: a power cut may lose the last ones."},
    {.name = "cache.l1.max",
     .kind = ConfigKind::integer,
     .fallback = "500",
     .meaning = "Answers that each worker keeps; 0: none.",
     .guide = "max",
     .min = 0,
     .max = 100'000'000},
    {.name = "cache.l1.max_bytes",
     .kind = ConfigKind::bytes,
     .fallback = "\"64MiB\"",
     .meaning = "Bytes that each worker keeps, keys and overhead included.",
     .guide = "maxSize"},
    {.name = "cache.l1.ttl",
     .kind = ConfigKind::duration,
     .fallback = "\"1h\"",
     .meaning = "How long an answer is kept, for resources without a ttl of their own; 0: not.",
     .guide = "ttl"},
}};

// A column of declared type JSON would turn 1e3 and long numbers into floating point: to SQLite it
// has numeric affinity.
constexpr std::string_view kDefault = R"toml([database]
schema = """
CREATE TABLE data (
  id         TEXT PRIMARY KEY,
  body       TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;
"""

# One row: GET, PUT and DELETE /data/{id}.
[[resource]]
path = "/data/{id}"
read = "SELECT id, body, updated_at FROM data WHERE id = :id"
write = """
INSERT INTO data (id, body, updated_at)
VALUES (:id, :body, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT (id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at
RETURNING id, body, updated_at"""
remove = "DELETE FROM data WHERE id = :id"
json = ["body"]
ttl = "1h"
invalidates = ["data-list"]

# All rows, in pages: GET /data?after=ID&limit=50, and POST /data. New ids sort by time.
[[resource]]
path = "/data"
rows = "many"
query = { after = "", limit = { default = 50, max = 1000 } }
read = "SELECT id, body, updated_at FROM data WHERE id > :after ORDER BY id LIMIT :limit"
create = """
INSERT INTO data (id, body, updated_at)
VALUES (printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
          || lower(hex(randomblob(10))),
        :body, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
RETURNING id, body, updated_at"""
json = ["body"]
tags = ["data-list"]
invalidates = ["data-list"]
)toml";

}  // namespace

void add_service_config(ConfigRegistry& registry) {
  registry.add(kKeys);
  registry.add_table("resource", resource_config_keys(),
                     "A route and its SQL: read answers GET, write PUT, create POST, remove "
                     "DELETE; one that is missing answers 405.");
}

Result<ServiceConfig> service_config(const Config& config, const std::string& folder) {
  const ConfigSection& top = config.top();
  ServiceConfig service;
  service.durability = top.boolean("database.durable") ? Durability::disk : Durability::process;
  service.migrations = top.text("database.migrations");
  service.schema = top.text("database.schema");
  service.l1.max = static_cast<std::uint32_t>(top.integer("cache.l1.max"));
  service.l1.max_bytes = top.bytes("cache.l1.max_bytes");
  std::string errors;
  const auto note = [&errors](const std::string& line) {
    errors.append(errors.empty() ? "" : "\n").append(line);
  };
  if (Result<std::string> path = parse_sqlite_url(top.text("database.url"), folder)) {
    service.database = std::move(*path);
  } else {
    note(top.place("database.url").text() + ": database.url: " + path.error().message);
  }
  if (!service.migrations.empty() && !service.schema.empty()) {
    note(top.place("database.schema").text() +
         ": database.schema: is migration 001 already; move its text, unchanged, to 001-schema.sql "
         "in database.migrations and remove it here");
  }
  const Duration ttl = top.duration("cache.l1.ttl");
  if (auto resources = read_resources(config.tables("resource"), ttl)) {
    service.resources = std::move(*resources);
  } else {
    note(resources.error().message);
  }
  if (!errors.empty()) return fail(Code::invalid, std::move(errors));
  return service;
}

Result<std::vector<Migration>> service_migrations(const ServiceConfig& config) {
  if (!config.migrations.empty()) return read_migrations(config.migrations);
  std::vector<Migration> migrations;
  if (!config.schema.empty()) {
    migrations.push_back(
        {.number = 1, .name = "schema", .origin = "database.schema", .sql = config.schema});
  }
  return migrations;
}

std::string_view default_config() { return kDefault; }

}  // namespace paceline
