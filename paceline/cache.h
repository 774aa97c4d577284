// cache: the worker's own level (l1), kept coherent between processes by a table of versions in
// shared memory. Reading order: Versions says when a value is too old, Cached is a value with its
// key and stamps, L1 holds them, Cache adds loading with one load per key at a time.
#pragma once

#include "paceline/cache/cache.h"     // IWYU pragma: export
#include "paceline/cache/cached.h"    // IWYU pragma: export
#include "paceline/cache/l1.h"        // IWYU pragma: export
#include "paceline/cache/versions.h"  // IWYU pragma: export
