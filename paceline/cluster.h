// cluster: a supervisor and its children on one host. It starts roles by name ("worker",
// "keeper"), hands out listening sockets and shared regions, restarts what dies and drains what
// must stop. It runs no user code, parses no network input, and knows neither HTTP nor SQL.
//
// A program's main, in order:
//   if (ChildProcess::requested()) attach, do the role's work, return its exit code;
//   InstanceFolder::open, ListenerGroup::open, the regions, then Supervisor::run.
#pragma once

#include "paceline/cluster/address.h"     // IWYU pragma: export
#include "paceline/cluster/child.h"       // IWYU pragma: export
#include "paceline/cluster/config.h"      // IWYU pragma: export
#include "paceline/cluster/control.h"     // IWYU pragma: export
#include "paceline/cluster/cpu_count.h"   // IWYU pragma: export
#include "paceline/cluster/folder.h"      // IWYU pragma: export
#include "paceline/cluster/listeners.h"   // IWYU pragma: export
#include "paceline/cluster/roster.h"      // IWYU pragma: export
#include "paceline/cluster/seat.h"        // IWYU pragma: export
#include "paceline/cluster/status.h"      // IWYU pragma: export
#include "paceline/cluster/supervisor.h"  // IWYU pragma: export
