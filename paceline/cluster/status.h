// What an instance says about itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster/cpu_count.h"
#include "paceline/core.h"

namespace paceline {

/// Where a slot stands. A reload and hang detection add states here and edges in slot.h.
enum class SlotState : std::uint8_t { starting, ready, draining, backoff };
std::string_view to_string(SlotState state);

struct WorkerStatus {
  std::size_t slot = 0;
  pid_t pid = 0;  // 0: none now (backoff)
  std::uint64_t generation = 0;
  SlotState state = SlotState::starting;
  std::uint64_t restarts = 0;
  double uptime_seconds = 0;
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;
};

struct ClusterStatus {
  struct Monitor {
    pid_t pid = 0;
    std::string listen;
  };
  std::string version;
  std::string dir;
  std::uint64_t generation = 0;
  pid_t supervisor_pid = 0;
  double uptime_seconds = 0;
  double drain_timeout_seconds = 0;
  std::vector<std::string> listen;
  std::optional<pid_t> keeper;
  std::optional<Monitor> monitor;
  WorkerCount worker_count;
  std::vector<WorkerStatus> workers;
};

/// {version, dir, generation, supervisor {pid, uptime_s, drain_timeout_s}, listen [], keeper {pid}
/// | null, …}
std::string to_json(const ClusterStatus& status);

/// {"error": {"code", "message", "hint"}}, the answer to a command that failed.
std::string error_json(const Error& error, std::string_view hint = {});

}  // namespace paceline
