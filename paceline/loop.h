// loop: one thread, one epoll, timers, coroutines. Everything that waits in Paceline waits here.
// Every turn is timed (LoopStats). Not thread-safe, except OffloadPool's hand-over.
#pragma once

#include "paceline/loop/event.h"        // IWYU pragma: export
#include "paceline/loop/kernel.h"       // IWYU pragma: export
#include "paceline/loop/loop.h"         // IWYU pragma: export
#include "paceline/loop/offload.h"      // IWYU pragma: export
#include "paceline/loop/process.h"      // IWYU pragma: export
#include "paceline/loop/scope.h"        // IWYU pragma: export
#include "paceline/loop/simulation.h"   // IWYU pragma: export
#include "paceline/loop/stall_watch.h"  // IWYU pragma: export
#include "paceline/loop/stream.h"       // IWYU pragma: export
#include "paceline/loop/task.h"         // IWYU pragma: export
#include "paceline/loop/timer.h"        // IWYU pragma: export
