// The judge: once a second it holds what was measured against the goals, feeds the ledger, steps
// the alerts and tells the sinks. It measures nothing itself.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/goals.h"
#include "paceline/metrics.h"
#include "paceline/monitor/alert_rules.h"
#include "paceline/monitor/alerts.h"
#include "paceline/monitor/sinks.h"

namespace paceline {

/// Requests as the goals count them.
struct RequestCounts {
  std::uint64_t total = 0;   // answered, aborted by the server, and refused for want of room
  std::uint64_t failed = 0;  // 5xx, aborted by the server, refused for want of room
};

/// One tick's measurements.
struct JudgeReading {
  Time now;
  WallTime wall;
  /// Over goals.window; `availability` is filled in here.
  GoalSample sample;
  std::uint64_t run = 0;   // LedgerRun::id
  RequestCounts requests;  // since the run began
  ServiceState state = ServiceState::serving;
  std::optional<Duration> loop_lag;     // the worst loop's worst, in its last interval
  std::optional<double> worker_memory;  // of memory.limit, the fullest worker
  std::uint64_t crashes = 0;            // workers that ended untold, since the run began
};

class Judge {
 public:
  struct Parts {
    Log& log;            // borrowed
    std::string ledger;  // the file's path
    LedgerRun run;
    WallTime now;
    SinkOrigin origin;
  };
  /// Never fails for the ledger's sake: without its file it keeps the ledger in memory, and says
  /// so in the log.
  static Result<std::unique_ptr<Judge>> create(AlertOptions options, Parts parts);

  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;
  ~Judge();

  /// Returns the alerts that began to fire or were resolved; the log and the sinks know.
  std::vector<AlertNotice> step(JudgeReading reading);
  /// The service stops in order.
  void stop_planned(WallTime now) { ledger_.stop_planned(now); }

  const Goals& goals() const { return options_.goals; }
  /// `results()[i]` is about `goals().list[i]`; empty before the first step.
  std::span<const GoalResult> results() const { return results_; }
  const Availability& availability() const { return availability_; }
  /// In the order of burn_rules(); empty without an availability goal.
  std::span<const Burn> burns() const { return burns_; }
  /// Pending, firing, and for a while resolved ones.
  std::vector<AlertNotice> alerts() const { return alerts_.visible(); }
  /// What it adds to /metrics, by the declarations of judge_metrics().
  MetricsTotals series() const;

 private:
  Judge(AlertOptions options, Log& log, Ledger ledger, std::vector<DefaultRule> rules);
  AlertInput input(const DefaultRule& rule, const JudgeReading& reading) const;
  AlertInput burn_input(Severity severity) const;
  AlertInput goal_input(std::size_t goal) const;
  AlertInput crash_input() const;
  void remember_crashes(const JudgeReading& reading);
  void tell(const std::vector<AlertNotice>& changed);

  AlertOptions options_;
  Log& log_;
  Ledger ledger_;
  std::vector<DefaultRule> rules_;
  Alerts alerts_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::vector<GoalResult> results_;
  std::vector<Burn> burns_;
  Availability availability_;
  JudgeReading last_;
  struct Crashes {
    Time at;
    std::uint64_t count;
  };
  std::deque<Crashes> crashes_;  // at most one a second of kCrashWindow
};

std::span<const MetricInfo> judge_metrics();

}  // namespace paceline
