// What the commands share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "paceline/app.h"
#include "paceline/cluster.h"
#include "paceline/core.h"
#include "paceline/monitor.h"
#include "paceline/service.h"

namespace paceline::app {

/// The command line, as far as it is not configuration.
struct Invocation {
  std::string name;                // of the program: "paceline"
  std::string file;                // configuration; empty: the program's default
  std::string dir;                 // instance folder
  std::vector<std::string> sets;   // key=value, from --set
  std::vector<std::string> flags;  // "--workers workers=io", from the short flags
  bool json = false;
  bool once = false;   // top: one frame, then leave
  bool force = false;  // init: replace the file
};

/// Every key that an application knows.
ConfigRegistry config_registry();
/// File, environment and flags; or the program's default in place of the file.
Result<Config> load_config(const Invocation& invocation, const Program& program);
/// What the configuration says to the cluster, checked before anything is opened.
struct Plan {
  std::string dir;
  WorkerCount workers;
  std::vector<ListenAddress> addresses;
  Duration drain_timeout;
  ServiceConfig service;
  MonitorPlan monitor;
  AlertOptions alerts;
};
Result<Plan> make_plan(const Config& config);
/// What the supervisor gave to a child.
Result<Config> child_config(const std::string& text);

/// The commands. Each prints its result or its error and answers the exit code.
int serve(const Invocation& invocation, const Program& program);
int status(const Invocation& invocation);
int stop(const Invocation& invocation);
int top(const Invocation& invocation);
int init(const Invocation& invocation, const Program& program);
int config(const Invocation& invocation, const Program& program);
int config_rules(const Invocation& invocation, const Program& program);

/// The roles, in a process of their own. `loop` outlives `child`, whose link watches it to the end.
int worker(ChildProcess& child, Loop& loop, const Configure& configure);
int keeper(ChildProcess& child, Loop& loop);
int monitor(ChildProcess& child, Loop& loop);

/// The reason, which says what to do (with --json: {"error": …}, with the hint), and exit code 1.
int report(const Invocation& invocation, Error error, std::string_view hint = {});

// Names under which the supervisor shares things.
inline constexpr std::string_view kMetricsRegion = "metrics";
inline constexpr std::string_view kSupervisorPart = "supervisor";  // of the metrics region
inline constexpr std::string_view kStallsRegion = "stalls";
inline constexpr std::string_view kHistoryRegion = "history";  // the monitor's own
inline constexpr std::string_view kVersionsRegion = "versions";
inline constexpr std::string_view kKeeperSocket = "keeper";
inline constexpr std::string_view kKeeperSocketFile = "keeper.sock";
inline constexpr std::string_view kMonitorSocket = "monitor";
inline constexpr std::string_view kMonitorLocalSocket = "monitor_local";
inline constexpr std::string_view kMonitorSocketFile = "monitor.sock";

/// "seat7": the part of the metrics region that one process writes.
std::string seat_part(std::size_t seat);
/// The block of this process's seat; goes on where the seat's last process stopped.
Result<MetricsBlock> seat_metrics(const SharedRegion& region, std::size_t seat);
/// How the loop, stalls and memory of a process are watched; a worker has a limit of memory, too.
Result<SelfOptions> self_options(const ConfigSection& config);
Result<SelfOptions> worker_self_options(const ConfigSection& config);
/// What a child's SelfMonitor borrows. `stalls` is the region of that name.
SelfMonitor::Parts child_self(ChildProcess& child, Loop& loop, Log& log, MetricsBlock& metrics,
                              const SharedRegion& stalls);
/// The table that keeps all caches coherent.
Result<Versions> attach_versions(const SharedRegion& region);

/// Calls back about once a second while it lives.
class EverySecond final : Timer {
 public:
  EverySecond(Loop& loop, std::function<void()> callback);
  ~EverySecond() { cancel(); }

 private:
  void fire() override;
  Loop& loop_;
  std::function<void()> callback_;
};

}  // namespace paceline::app
