// load: asks a server for answers at a rate or as fast as it can, and says honestly how long they
// took. The histograms and their formats are usable alone.
#pragma once

#include "paceline/load/capacity.h"       // IWYU pragma: export
#include "paceline/load/compat_ab.h"      // IWYU pragma: export
#include "paceline/load/compat_wrk.h"     // IWYU pragma: export
#include "paceline/load/engine.h"         // IWYU pragma: export
#include "paceline/load/follower.h"       // IWYU pragma: export
#include "paceline/load/goal.h"           // IWYU pragma: export
#include "paceline/load/hdr_histogram.h"  // IWYU pragma: export
#include "paceline/load/hdr_log.h"        // IWYU pragma: export
#include "paceline/load/hook.h"           // IWYU pragma: export
#include "paceline/load/judge.h"          // IWYU pragma: export
#include "paceline/load/meter.h"          // IWYU pragma: export
#include "paceline/load/options.h"        // IWYU pragma: export
#include "paceline/load/plan.h"           // IWYU pragma: export
#include "paceline/load/reach.h"          // IWYU pragma: export
#include "paceline/load/report.h"         // IWYU pragma: export
#include "paceline/load/result.h"         // IWYU pragma: export
#include "paceline/load/script.h"         // IWYU pragma: export
#include "paceline/load/selftest.h"       // IWYU pragma: export
#include "paceline/load/statistic.h"      // IWYU pragma: export
#include "paceline/load/target.h"         // IWYU pragma: export
#include "paceline/load/tls.h"            // IWYU pragma: export
