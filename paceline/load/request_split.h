// Where requests begin and end in bytes that a script made.
#pragma once

#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// The requests, each with its body; Code::invalid if the bytes are not one whole request after
/// another. What a server may refuse is left to the server.
Result<std::vector<std::string_view>> split_requests(std::string_view bytes);

}  // namespace paceline
