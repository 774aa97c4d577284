// service: the data service that configuration declares. On the worker's side DataService answers
// the routes of the resources: reads through the worker's cache and its own read-only database
// handle, writes over KeeperLink. On the keeper's side Keeper commits the writes and raises the
// versions that keep all caches coherent.
//
//   config    config.h: ServiceConfig from the keys database.*, cache.l1.* and [[resource]]
//   worker    KeeperLink link(loop, socket path);  DataService::create(parts, config);
//             service->add_to(routes);  …  service->publish() every second
//   keeper    start_keeper(parts, config);  co_await keeper->drain(deadline) on SIGTERM
#pragma once

#include "paceline/service/check.h"         // IWYU pragma: export
#include "paceline/service/config.h"        // IWYU pragma: export
#include "paceline/service/data_service.h"  // IWYU pragma: export
#include "paceline/service/keeper.h"        // IWYU pragma: export
#include "paceline/service/keeper_link.h"   // IWYU pragma: export
#include "paceline/service/metrics.h"       // IWYU pragma: export
#include "paceline/service/resource.h"      // IWYU pragma: export
