// Does the load generator tell the truth, here and now? It is held against a server of its own
// whose behaviour is known: one that counts, one that is slow by a constant, one that is stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "paceline/core.h"

namespace paceline {

struct SelftestCheck {
  /// noisy: the machine was too busy to say.
  enum class State : std::uint8_t { passed, failed, noisy };
  std::string name;
  State state = State::failed;
  std::string text;  // what was expected and what was found
};

struct SelftestOptions {
  /// Told about each check when it is over. May be empty.
  std::function<void(const SelftestCheck&)> tell;
  const std::atomic<bool>* stop = nullptr;
};

/// Blocks for about 20 s. Forks the server as a child process, which ends with this one; so no
/// other thread may run that holds locks. Fails when the server does not start.
Result<std::vector<SelftestCheck>> run_selftest_blocking(const SelftestOptions& options);

}  // namespace paceline
