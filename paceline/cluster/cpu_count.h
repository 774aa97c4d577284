// How many workers this process may run: affinity, the cgroup quota of every ancestor, memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// The tightest limits over all ancestors of this process's cgroups. v2 where it carries the
/// controller, else v1. Weights and shares are no limits and are never read.
struct CgroupLimits {
  std::optional<double> quota;          // CPUs: quota / period
  std::optional<std::uint64_t> memory;  // bytes
  std::string memory_folder;            // of the cgroup that has this limit; empty without one
};
/// Reads ROOT/proc/self/{cgroup,mountinfo} and what they point to below ROOT. What cannot be read
/// is no limit.
CgroupLimits read_cgroup_limits(const std::string& root = "");

/// CPUs that this process may be scheduled on.
std::size_t affinity_cpus();

struct HostLimits {
  std::size_t affinity = 1;
  CgroupLimits cgroup;
  /// min(affinity, floor(quota)), at least 1.
  std::size_t cpus() const;
};
HostLimits host_limits();

/// The guide's policies: automatic = max(1, cpus - 1), io = cpus * 2, cpu = max(1, cpus - 1).
struct WorkerPolicy {
  enum class Kind : std::uint8_t { automatic, io, cpu, number };
  Kind kind = Kind::automatic;
  std::size_t number = 0;    // for Kind::number
  std::string text() const;  // "auto", "io", "cpu", "3"
};
constexpr std::size_t kWorkersMax = 256;
/// "auto", "io", "cpu", or 1 to kWorkersMax.
Result<WorkerPolicy> parse_worker_policy(std::string_view text);

/// What a worker is taken to need: L1 at its default maximum (64 MiB) and as much for itself.
constexpr std::uint64_t kWorkerBytesEstimate = std::uint64_t{128} << 20;
constexpr double kWorkerMemoryShare = 0.8;  // guide: stay below 80 % of the memory

struct WorkerCount {
  std::size_t wanted = 1;
  std::string policy;
  std::size_t cpus = 1;
  std::optional<double> quota;
  std::size_t affinity = 1;
  std::optional<std::size_t> memory_cap;  // floor(0.8 * limit / estimate), at least 1
  std::string reason;  // "auto: 2 cpus (affinity 2, no quota) - 1 for the system = 1 worker"
};
/// The memory cap bounds the policies; an explicit number stands, and the reason says so.
WorkerCount count_workers(const WorkerPolicy& policy, const HostLimits& limits,
                          std::uint64_t worker_bytes = kWorkerBytesEstimate);

}  // namespace paceline
