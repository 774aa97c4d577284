// What a process takes from the host. Cheap readings are made on the loop, the others by a thread
// that never takes more than a thousandth of a CPU.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "paceline/core.h"
#include "paceline/metrics.h"
#include "paceline/monitor/process_stats.h"

namespace paceline {

/// The guide's memory report, in bytes; and what else this process knows of its memory.
struct MemoryReport {
  std::uint64_t rss = 0;
  std::uint64_t pss = 0;  // 0: not known
  std::uint64_t heap_total = 0;
  std::uint64_t heap_used = 0;
  std::uint64_t external = 0;
  std::uint64_t cache = 0;
};

/// Used on one thread, the one that writes the block.
class ProcessMetrics {
 public:
  /// `pss_every`: reading it walks the page tables.
  ProcessMetrics(MetricsBlock& metrics, std::uint64_t memory_limit, Duration pss_every);
  ProcessMetrics(const ProcessMetrics&) = delete;
  ProcessMetrics& operator=(const ProcessMetrics&) = delete;
  ~ProcessMetrics();

  /// Every second.
  void publish(std::uint64_t cache_bytes);
  /// As published last.
  const MemoryReport& memory() const { return report_; }

 private:
  void publish_memory(std::uint64_t cache_bytes);
  void publish_usage();
  void read_slowly(std::stop_token stop);

  struct Series {
    Counter cpu, faults_minor, faults_major, switches_voluntary, switches_involuntary;
    Counter disk_read, disk_written;
    Gauge resident, virtual_memory, open_fds;
    Gauge rss, pss, heap_total, heap_used, external, cache;
  };
  Series series_;
  Fd statm_;
  Fd io_;
  std::uint64_t page_bytes_ = 0;
  Duration pss_every_;
  MemoryReport report_;

  struct Usage {
    std::uint64_t cpu_ns = 0, faults_minor = 0, faults_major = 0, voluntary = 0, involuntary = 0;
    DiskBytes disk;
  };
  Usage before_;

  // What the thread read last; 0 before.
  std::atomic<std::uint64_t> heap_total_ = 0;
  std::atomic<std::uint64_t> heap_used_ = 0;
  std::atomic<std::uint64_t> descriptors_ = 0;
  std::atomic<std::uint64_t> pss_ = 0;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::jthread slow_;  // last: uses what is above
};

}  // namespace paceline
