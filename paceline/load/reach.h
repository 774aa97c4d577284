// Before a test: resolves the name, connects once and shakes hands once, so that what can never
// work is said in one line instead of counted a thousand times.
#pragma once

#include <atomic>

#include "paceline/core.h"
#include "paceline/load/target.h"
#include "paceline/load/tls.h"

namespace paceline {

struct LoadReached {
  LoadAddress address;
  TlsFacts tls;
};

/// How long somebody waits.
struct LoadPatience {
  Duration timeout = std::chrono::seconds(10);  // for each address
  const std::atomic<bool>* stop = nullptr;      // set by another thread: no longer
};

/// The first address that accepts, and with `tls` agrees on a connection. Blocks; Code::cancelled
/// when it was told to stop.
Result<LoadReached> reach_blocking(const LoadTarget& target, const TlsContext* tls,
                                   LoadPatience patience);

}  // namespace paceline
