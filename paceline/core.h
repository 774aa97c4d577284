// core: what every module stands on. Errors as values, time, bytes and text, configuration, the
// log, shared-memory regions. No threads of its own but the log's writer; no network.
#pragma once

#include "paceline/core/config.h"         // IWYU pragma: export
#include "paceline/core/file.h"           // IWYU pragma: export
#include "paceline/core/log.h"            // IWYU pragma: export
#include "paceline/core/result.h"         // IWYU pragma: export
#include "paceline/core/shared_memory.h"  // IWYU pragma: export
#include "paceline/core/text.h"           // IWYU pragma: export
#include "paceline/core/time.h"           // IWYU pragma: export
