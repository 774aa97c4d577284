// What every process of an instance tells about itself: its loop, its stalls, its memory, and what
// it takes from the host. Written once a second into the process's own block of metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"

namespace paceline {

/// The configuration's [loop] and [memory], for one process.
struct SelfOptions {
  Duration threshold = 100ms;      // guide: warn when the loop lags longer; 0: nobody watches
  Duration interval = 1s;          // guide: the worst lag and utilization are those of so long
  std::uint64_t memory_limit = 0;  // of this process, shown beside what it uses; 0: none
  std::string memory_reason;       // "auto: 80 % of 2 GiB (RAM) for 1 worker"
  Duration memory_interval = 60s;  // guide: how often memory is logged
  enum class MemoryLog : std::uint8_t { off, on } memory_log = MemoryLog::off;
};

/// loop.threshold, loop.interval, memory.limit, memory.interval, memory.log.
std::span<const ConfigKey> self_config_keys();
/// Code::invalid for a memory.limit that is neither "auto" nor a size.
Result<SelfOptions> self_options(const ConfigSection& config, std::size_t workers);

/// memory.limit = "auto": the share of the host's limit (of its cgroup, or its RAM) that the guide
/// allows (80 %), divided among the workers.
struct MemoryLimit {
  std::uint64_t bytes = 0;
  std::string reason;
};
MemoryLimit automatic_memory_limit(std::size_t workers, const CgroupLimits& cgroup,
                                   std::uint64_t ram);

/// What is measured, for the text formats and the catalogue.
std::span<const MetricInfo> loop_metrics();
std::span<const MetricInfo> process_metrics();

/// One for a process, built and used on its loop, which it observes until it ends.
class SelfMonitor {
 public:
  /// Borrowed; all outlive the monitor.
  struct Parts {
    Loop& loop;
    Log& log;
    MetricsBlock& metrics;
    SeatState* seat = nullptr;         // null in the supervisor, which has none
    std::span<std::byte> stalls = {};  // of StallRing::bytes(), or empty: only the log is told
  };
  SelfMonitor(Parts parts, SelfOptions options);
  SelfMonitor(const SelfMonitor&) = delete;
  SelfMonitor& operator=(const SelfMonitor&) = delete;
  ~SelfMonitor();

  /// Once a second. `cache_bytes`: what this process's cache holds.
  void publish(std::uint64_t cache_bytes = 0);

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace paceline
