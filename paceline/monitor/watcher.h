// The watcher: one look at everything that processes publish, once a second, as a View.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/monitor/collector.h"
#include "paceline/monitor/trend.h"
#include "paceline/monitor/view.h"

namespace paceline {

struct WatcherOptions {
  Duration loop_threshold = 100ms;  // guide: 100 ms; 0: nobody counts as blocked
  Duration loop_interval = 1s;
  Duration silent_after = 3s;  // a process publishes every second
  std::uint64_t worker_memory_limit = 0;
  std::string worker_memory_reason;
};

class Watcher {
 public:
  /// Borrowed. `stalls` may be empty.
  struct Parts {
    const SharedRegion& metrics;
    const SharedRegion& control;
    const SharedRegion& stalls;
    pid_t supervisor = 0;
  };
  Watcher(Parts parts, WatcherOptions options);

  /// Everything but what is judged: goals, alerts, state, incidents.
  View look(Time now, WallTime wall);
  /// Reads all metrics again, for an answer that must be of now.
  void collect() { collector_.read(roster_.read()); }
  /// The roster as last read; null before the first one.
  const Roster* roster() { return roster_.read(); }
  /// Of the last look.
  const Trend& trend() const { return trend_; }
  const MetricsTotals& totals() const { return collector_.totals(); }
  const std::vector<ProcessTotals>& processes() const { return collector_.processes(); }

 private:
  /// A worker's totals, for rates over the last ten seconds.
  struct WorkerReading {
    Time at;
    HistogramTotals latency;
    std::uint64_t busy = 0;
    std::uint64_t idle = 0;
    std::uint64_t cpu = 0;
  };
  void look_at_cluster(View& view);
  void look_at_latency(View& view);
  void look_at_loops(View& view);
  void look_at_cache(View& view);
  void look_at_routes(View& view, const Roster& roster, Time now);
  void look_at_workers(View& view, const Roster& roster, Time now);
  void look_at_worker(WorkerView& worker, const RosterSlot& slot, const ProcessTotals& process,
                      Time now);
  void look_at_processes(View& view, const Roster* roster, Time now);
  void look_at_stalls(View& view, const Roster& roster, WallTime wall);
  /// `slot`: who writes that part now.
  void look_at_stalls_of(View& view, const std::string& part, const RosterSlot& slot,
                         WallTime wall);
  std::optional<double> cpu_of(const ProcessTotals& process, Time now);

  Parts parts_;
  WatcherOptions options_;
  RosterReader roster_;
  Collector collector_;
  Host host_;
  Trend trend_;
  std::map<std::string, std::deque<WorkerReading>> workers_;
  struct RouteBase {
    Time at;
    MetricsTotals totals;  // of the request durations only
  };
  RouteBase routes_old_;
  RouteBase routes_new_;
};

}  // namespace paceline
