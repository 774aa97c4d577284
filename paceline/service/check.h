// The statements of resources against the real database: what is wrong is found at start.
#pragma once

#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/service/config.h"
#include "paceline/sqlite.h"

namespace paceline {

/// What the database says about one resource.
struct ResourceFacts {
  std::vector<SqlColumn> read_columns;  // empty without a read
  std::vector<std::string> json;        // columns that hold JSON, in any of its statements
  std::vector<bool> integer;            // of each path parameter: its column has INTEGER type
  bool operator==(const ResourceFacts&) const = default;
};

/// Every mistake of every resource, one a line: place in the configuration, resource, statement,
/// position in the SQL.
Result<std::vector<ResourceFacts>> resource_facts(Connection& connection,
                                                  const std::vector<Resource>& resources);

/// Opens the database of the configuration for reading and looks at all of them. Blocking.
Result<std::vector<ResourceFacts>> resource_facts(const ServiceConfig& config);
Result<void> check_resources(const ServiceConfig& config);

}  // namespace paceline
