// The inside of the monitor: one tick's work, and what its endpoints answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "paceline/monitor/access.h"
#include "paceline/monitor/exposition.h"
#include "paceline/monitor/history.h"
#include "paceline/monitor/judge.h"
#include "paceline/monitor/monitor.h"
#include "paceline/monitor/own_metrics.h"
#include "paceline/monitor/streams.h"
#include "paceline/monitor/view.h"
#include "paceline/monitor/watcher.h"

namespace paceline {

class Monitor::Inside {
 public:
  Inside(Parts parts, History history, AccessRules rules, std::unique_ptr<Judge> judge,
         LedgerRun run);

  void tick();
  Task<bool> stop(Deadline deadline);
  Server& server() { return *server_; }
  Server& local() { return *local_server_; }

 private:
  /// tcp: whoever reaches the address. local: the folder's owner.
  enum class Door : std::uint8_t { tcp, local };
  using Answer = std::function<Response(Request&)>;

  // monitor.cpp: the tick.
  void learn(const std::string& facts);
  void note_incidents(const Roster& roster);
  void note_stalls(const View& view);
  void remember(const View& view);

  // judging.cpp: the tick's verdict.
  void hold_against_goals(View& view);
  void decide_state(View& view);

  // endpoints.cpp.
  void add_routes(Routes& routes, Door door);
  void add(Routes& routes, Door door, Access::Need need, std::string_view path, Answer answer);
  void add_dashboard(Routes& routes, Door door);
  void add_session(Routes& routes, Door door);
  Response readyz();
  Response metrics(const Request& request);
  void write_merged(Exposition& text);
  void write_by_process(Exposition& text);
  Response history(const Request& request);
  Response stream();

  Parts parts_;
  Watcher watcher_;
  History history_;
  Access access_;
  Streams streams_;
  OwnCounters own_;
  MetricCatalogue catalogue_;
  std::unique_ptr<Judge> judge_;
  LedgerRun run_;
  MetricsTotals judged_;  // its series
  Time now_;              // of the tick
  WallTime wall_;
  View view_;
  std::string snapshot_;
  std::string facts_;
  std::string version_;
  std::optional<double> tick_seconds_;
  std::optional<double> scrape_seconds_;
  std::size_t left_out_ = 0;  // series, of the last /metrics
  std::int64_t minute_ = 0;   // of the last row of minutes
  double stall_seen_ = 0;     // when the newest stall that was told began
  ClusterPhase phase_ = ClusterPhase::starting;
  Routes routes_;
  Routes local_routes_;
  std::optional<Server> server_;  // last: their connections use what is above
  std::optional<Server> local_server_;
};

}  // namespace paceline
