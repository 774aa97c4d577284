#include "paceline/monitor/self_metric.h"

#include "paceline/monitor/self.h"

namespace paceline {

std::span<const MetricInfo> loop_metrics() {
  using namespace loop_metric;  // NOLINT: a list of them
  static constexpr MetricInfo kAll[] = {
      loop_metric::time, iterations, events, events_waiting, tasks, timers,
      utilization,       iteration,  lag,    lag_max,        stalls};
  return kAll;
}

std::span<const MetricInfo> process_metrics() {
  using namespace process_metric;  // NOLINT: a list of them
  static constexpr MetricInfo kAll[] = {cpu,         resident,         virtual_memory, open_fds,
                                        max_fds,     start_time,       memory,         memory_limit,
                                        page_faults, context_switches, disk_bytes};
  return kAll;
}

}  // namespace paceline
