// The configuration keys that cluster owns.
#pragma once

#include <span>

#include "paceline/core.h"

namespace paceline {

/// workers ("auto", "io", "cpu" or a number; read it with parse_worker_policy), server.listen,
/// server.drain_timeout.
std::span<const ConfigKey> cluster_config_keys();

}  // namespace paceline
