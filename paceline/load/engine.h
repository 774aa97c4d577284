// Runs a load test: resolves, connects, asks, merges what the threads counted.
#pragma once

#include "paceline/core.h"
#include "paceline/load/options.h"
#include "paceline/load/result.h"

namespace paceline {

/// The bytes of one request; Code::invalid names what cannot be sent.
Result<std::string> load_request(const LoadOptions& options);

/// Blocks until the test is over; its threads are its own. Fails before the first request only:
/// options that contradict each other, a name that does not resolve, a server that refuses or has
/// no certificate to trust.
Result<LoadResult> run_load_blocking(const LoadOptions& options);

}  // namespace paceline
