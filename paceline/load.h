// load: asks a server for answers at a rate or as fast as it can, and says honestly how long they
// took. The histograms and their formats are usable alone.
#pragma once

#include "paceline/load/hdr_histogram.h"  // IWYU pragma: export
#include "paceline/load/hdr_log.h"        // IWYU pragma: export
