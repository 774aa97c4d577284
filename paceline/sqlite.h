// sqlite: the keeper's one writer with its migrations and checkpoints, the workers' readers, and
// what both speak: values, statements, parameters. The only module that knows SQLite's C API.
#pragma once

#include "paceline/sqlite/connection.h"  // IWYU pragma: export
#include "paceline/sqlite/migrations.h"  // IWYU pragma: export
#include "paceline/sqlite/parameters.h"  // IWYU pragma: export
#include "paceline/sqlite/reader.h"      // IWYU pragma: export
#include "paceline/sqlite/value.h"       // IWYU pragma: export
#include "paceline/sqlite/writer.h"      // IWYU pragma: export
