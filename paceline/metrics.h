// metrics: counters, gauges and duration histograms in shared memory. Every process writes the
// block of its own seat with plain relaxed stores; any other process reads all blocks and merges
// them by name and labels. No locks, no maps, no messages on the way of a request.
#pragma once

#include "paceline/metrics/block.h"        // IWYU pragma: export
#include "paceline/metrics/histogram.h"    // IWYU pragma: export
#include "paceline/metrics/info.h"         // IWYU pragma: export
#include "paceline/metrics/reader.h"       // IWYU pragma: export
#include "paceline/metrics/seat_reader.h"  // IWYU pragma: export
#include "paceline/metrics/stalls.h"       // IWYU pragma: export
