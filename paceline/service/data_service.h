// The worker's side: answers the routes of the resources.
#pragma once

#include <memory>
#include <string>

#include "paceline/cache.h"
#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"
#include "paceline/service/config.h"
#include "paceline/service/keeper_link.h"
#include "paceline/sqlite.h"

namespace paceline {

class DataService {
 public:
  /// All borrowed for the service's life.
  struct Parts {
    Loop& loop;
    Versions versions;
    KeeperLink& keeper;
    Log& log;
    MetricsBlock* metrics = nullptr;  // may be null
  };

  /// Opens the database for reading and looks at every statement. The keeper has created and
  /// migrated it before.
  static Result<std::unique_ptr<DataService>> create(Parts parts, const ServiceConfig& config);
  virtual ~DataService() = default;
  DataService(const DataService&) = delete;
  DataService& operator=(const DataService&) = delete;

  /// Registers every resource, and GET / unless it is taken. The service outlives the routes' use:
  /// destroy the server first.
  virtual void add_to(Routes& routes) = 0;
  /// Writes the counters and gauges; call it about once a second.
  virtual void publish() = 0;

  virtual const L1Stats& l1_stats() const = 0;

 protected:
  DataService() = default;
};

}  // namespace paceline
