// The configuration of the data service, and the default that `paceline serve` runs without one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "paceline/cache.h"
#include "paceline/core.h"
#include "paceline/service/resource.h"
#include "paceline/sqlite.h"

namespace paceline {

/// Checked, but not yet compared with a database: see start_keeper().
struct ServiceConfig {
  std::string database;  // the file's path
  Durability durability = Durability::disk;
  std::string migrations;  // folder, or empty
  std::string schema;      // the text of migration 001, or empty
  L1Options l1;
  std::vector<Resource> resources;

  /// False: no routes, no database, no keeper.
  bool active() const { return !resources.empty(); }
};

/// Adds database.*, cache.l1.* and [[resource]].
void add_service_config(ConfigRegistry& registry);

/// `folder` is the instance's. Errors one a line: place, resource, what to do. Touches no file.
Result<ServiceConfig> service_config(const Config& config, const std::string& folder);

/// What the database needs before the first statement: the schema text, or the folder's files.
Result<std::vector<Migration>> service_migrations(const ServiceConfig& config);

/// TOML: /data and /data/{id} with their schema. The configuration without a file, and the body of
/// what `paceline init` writes.
std::string_view default_config();

}  // namespace paceline
