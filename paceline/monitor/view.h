// What the monitor sees in one tick: everything that the snapshot, the dashboard and `top` show.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/goals.h"
#include "paceline/metrics.h"
#include "paceline/monitor/alerts.h"
#include "paceline/monitor/history.h"
#include "paceline/monitor/host.h"

namespace paceline {

/// starting, ready, draining, backoff as the supervisor says; blocked: its loop has been in one
/// turn for longer than loop.threshold; silent: it has not published for 3 s (stopped, starved).
enum class WorkerState : std::uint8_t { starting, ready, draining, backoff, blocked, silent };
std::string_view to_string(WorkerState state);

struct WorkerView {
  std::size_t slot = 0;
  pid_t pid = 0;
  WorkerState state = WorkerState::starting;
  double age = 0;  // seconds
  std::uint64_t restarts = 0;
  std::string last_exit;
  std::optional<double> rate;
  std::optional<double> share;  // of all workers' requests
  std::int64_t in_flight = 0;
  std::optional<double> p95;
  std::optional<double> utilization;         // in its last loop.interval
  std::optional<double> utilization_recent;  // over the latency window
  std::optional<double> cpu;                 // in CPUs
  std::optional<double> lag_max;
  std::map<std::string, std::int64_t, std::less<>> memory;  // bytes by kind
  std::int64_t connections = 0;
  double blocked = 0;  // seconds, so far
  std::string doing;   // the route, while it is blocked
};

struct ProcessView {
  std::string role;
  pid_t pid = 0;
  std::optional<double> cpu;
  std::optional<std::int64_t> rss;
};

struct StallView {
  double time = 0;
  std::string role;
  std::size_t slot = 0;
  double duration = 0;
  bool ongoing = false;
  std::string route;
  std::string site;
  std::vector<std::string> stack;
};

struct GoalView {
  Goal goal;
  GoalResult result;
};

struct CacheView {
  std::string level;
  double hit_rate = 0;
  double miss_rate = 0;
  std::optional<double> hit_ratio;
  std::int64_t entries = 0;
  std::int64_t bytes = 0;
  double evictions_rate = 0;
};

struct RouteView {
  std::string route;
  std::string method;
  double rate = 0;
  double p95 = 0;
  double error_ratio = 0;
};

struct View {
  double time = 0;  // Unix seconds
  ClusterPhase phase = ClusterPhase::starting;
  double uptime = 0;
  pid_t supervisor = 0;
  std::string state = "amber";  // green, amber, red
  std::vector<std::string> reasons;

  std::optional<double> rate;
  std::uint64_t total = 0;
  double expected_rate = 0;
  std::optional<double> received_rate;
  std::optional<double> sent_rate;

  std::optional<double> p50;
  std::optional<double> p95;
  std::optional<double> p99;
  std::optional<double> mean;
  double latency_window = 10;

  std::optional<double> cpu;
  std::optional<double> loop_max;
  std::optional<double> loop_recent;  // busy share of the busiest loop, over the latency window
  std::optional<double> disk_read_rate;
  std::optional<double> disk_write_rate;
  HostUse host;

  std::optional<double> error_ratio;
  std::optional<double> error_rate;
  std::uint64_t failed = 0;
  std::uint64_t aborted = 0;
  std::uint64_t rejected = 0;
  std::map<std::string, double> rejected_by;  // per second

  std::optional<double> concurrency;
  std::int64_t in_flight = 0;
  std::int64_t connections = 0;
  std::optional<double> headroom;
  std::array<std::optional<double>, 5> status;  // per second, 1xx first

  std::vector<GoalView> goals;
  std::optional<Availability> availability;
  std::optional<Slo> slo;
  std::vector<Burn> burns;

  double loop_threshold = 0;
  double loop_interval = 0;
  std::optional<double> lag_max;
  std::optional<double> lag_p99;
  std::optional<double> iteration_p99;
  std::uint64_t stalls_total = 0;
  std::vector<StallView> stalls;

  std::uint64_t worker_memory_limit = 0;
  std::string worker_memory_reason;
  std::map<std::string, std::int64_t, std::less<>> memory;

  std::vector<WorkerView> workers;
  std::vector<ProcessView> processes;
  std::vector<CacheView> cache;
  std::vector<RouteView> routes;
  std::vector<AlertNotice> alerts;
  std::vector<Incident> incidents;
  std::array<std::uint32_t, kHeatRows> heat{};

  std::optional<double> tick_seconds;
  std::optional<double> scrape_seconds;
  std::size_t series = 0;
  std::uint64_t series_dropped = 0;
  std::size_t clients = 0;
  std::uint64_t unreadable = 0;
};

/// GET /api/v1/snapshot. `facts`: the status JSON of the start.
std::string snapshot_json(const View& view, std::string_view facts, std::string_view name,
                          std::string_view config_hash);
/// The program's version, from the facts; empty if they do not say.
std::string version_of(std::string_view facts);
/// Parts of it, for the endpoints of their own.
std::string goals_json(const View& view);
std::string alerts_json(const View& view);
std::string workers_json(const View& view);
std::string stalls_json(const View& view);
std::string incidents_json(const View& view);

}  // namespace paceline
