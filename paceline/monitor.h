// monitor: what the cluster does, for those who run it: metrics, health, the API, the dashboard,
// goals and alerts. One process of its own, which only reads shared memory.
#pragma once

#include "paceline/monitor/alert_rules.h"  // IWYU pragma: export
#include "paceline/monitor/config.h"       // IWYU pragma: export
#include "paceline/monitor/dashboard.h"    // IWYU pragma: export
#include "paceline/monitor/history.h"      // IWYU pragma: export
#include "paceline/monitor/monitor.h"      // IWYU pragma: export
#include "paceline/monitor/self.h"         // IWYU pragma: export
