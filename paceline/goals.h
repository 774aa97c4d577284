// goals: what a service promises, and whether it holds. One Goal type serves a check that runs
// once (production checklist, load test), a comparison with a stored run (baseline) and the
// monitor's alerts. The ledger remembers 30 days of failures and downtime on disk; burn rates say
// how fast they eat the error budget. Pure: time and measurements are passed in.
#pragma once

#include "paceline/goals/burn.h"    // IWYU pragma: export
#include "paceline/goals/config.h"  // IWYU pragma: export
#include "paceline/goals/goal.h"    // IWYU pragma: export
#include "paceline/goals/ledger.h"  // IWYU pragma: export
