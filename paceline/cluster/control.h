// The client's side of the control socket: one JSON line out, one JSON line back.
#pragma once

#include <string>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// {"command":"status"}: the JSON line of the instance in `dir`. Code::not_found, with how to start
/// one, when none runs there; Code::timeout when it does not answer.
Result<std::string> control_request_blocking(const std::string& dir, std::string_view command,
                                             Duration timeout = 5s);

/// {"command":"stop"}: drains, and returns when the last process of the instance is gone. Waits for
/// that instance's drain timeout and `grace` beyond it.
Result<std::string> stop_instance_blocking(const std::string& dir, Duration grace = 10s);

}  // namespace paceline
