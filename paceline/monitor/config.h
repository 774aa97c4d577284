// The configuration keys of the monitor.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "paceline/cluster.h"
#include "paceline/core.h"

namespace paceline {

std::span<const ConfigKey> monitor_config_keys();

/// Where the monitor answers.
struct MonitorPlan {
  std::optional<ListenAddress> listen;  // none: there is no monitor
  /// Nobody named the address: a free port will do when it is taken.
  bool port_is_free = false;
  /// What answers without a token on an address that other hosts reach.
  std::vector<std::string> open_paths;  // "metrics", "livez", "readyz"
};

Result<MonitorPlan> monitor_plan(const ConfigSection& config);

}  // namespace paceline
