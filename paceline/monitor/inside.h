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
#include "paceline/monitor/streams.h"
#include "paceline/monitor/view.h"
#include "paceline/monitor/watcher.h"

namespace paceline {

class Monitor::Inside {
 public:
  Inside(Parts parts, History history, AccessRules rules, AlertOptions alerts);

  void tick();
  Task<bool> stop(Deadline deadline);
  Server& server() { return *server_; }
  Server& local() { return *local_server_; }

 private:
  /// tcp: whoever reaches the address. local: the folder's owner.
  enum class Door : std::uint8_t { tcp, local };
  using Answer = std::function<Response(Request&)>;

  // judging.cpp: goals and alerts.
  void judge_goals(View& view, const Roster& roster);
  bool start_judge(const Roster& roster, WallTime wall);
  JudgeReading judge_reading(const View& view, const Roster& roster, WallTime wall) const;

  // monitor.cpp: the tick.
  void judge(View& view);
  void note_incidents(const Roster& roster);
  void note_stalls(const View& view);
  void remember(const View& view);

  // endpoints.cpp.
  void add_routes(Routes& routes, Door door);
  void add(Routes& routes, Door door, Access::Need need, std::string_view path, Answer answer);
  void add_dashboard(Routes& routes, Door door);
  void add_session(Routes& routes, Door door);
  Response readyz();
  Response metrics(const Request& request);
  Response history(const Request& request);
  Response stream();

  Parts parts_;
  Watcher watcher_;
  History history_;
  Access access_;
  Streams streams_;
  AlertOptions alerts_;
  std::unique_ptr<Judge> judge_;  // once there is a roster
  View view_;
  std::string snapshot_;
  std::string facts_;
  std::optional<double> tick_seconds_;
  std::optional<double> scrape_seconds_;
  std::int64_t minute_ = 0;  // of the last row of minutes
  double stall_seen_ = 0;    // when the newest stall that was told began
  ClusterPhase phase_ = ClusterPhase::starting;
  Routes routes_;
  Routes local_routes_;
  std::optional<Server> server_;  // last: their connections use what is above
  std::optional<Server> local_server_;
};

}  // namespace paceline
