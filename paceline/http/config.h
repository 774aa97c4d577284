// The configuration keys of the HTTP server: every limit of ServerOptions that a user may set.
#pragma once

#include <span>

#include "paceline/core.h"
#include "paceline/http/server.h"

namespace paceline {

std::span<const ConfigKey> http_config_keys();
ServerOptions server_options(const ConfigSection& config);

}  // namespace paceline
