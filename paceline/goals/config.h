// The goals of a program: `[goals]` and `[slo]` with the guide's defaults, checked.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/goals/burn.h"
#include "paceline/goals/goal.h"

namespace paceline {

struct Goals {
  std::vector<Goal> list;  // in the order of the keys; those set to 0 are left out
  double expected_rate = 0;
  /// How long a goal is missed before its alert fires.
  Duration hold = std::chrono::minutes(5);
  Slo slo;

  const Goal* find(std::string_view name) const;
  GoalContext context() const { return {.expected_rate = expected_rate}; }
};

/// The keys goals.p95, goals.p99, goals.error_rate, … and slo.period.
std::span<const ConfigKey> goals_config_keys();
/// Reads and checks them, all errors at once: a goal that cannot be read, or whose alert could
/// never fire.
Result<Goals> read_goals(const ConfigSection& config);
/// One sentence an alert: from which share of failures it fires, after scaling and rounding.
std::vector<std::string> effective_thresholds(const Goals& goals);
/// A latency goal's bound as the histogram knows it: the same, or the next lower one.
Duration effective_bound(const Goal& goal);
/// The latency bounds of all goals, ascending: what /metrics must show as `le` for rules that
/// compare with them. Each is a bound of HistogramScale.
std::vector<Duration> goal_latency_bounds(const Goals& goals);

/// 1 - the largest used share: of the CPU that the cpu goal allows, and of the busiest loop's time.
/// What is unknown does not count; empty when nothing is known.
std::optional<double> headroom(const Goals& goals, std::optional<double> cpu,
                               std::optional<double> loop_utilization);

}  // namespace paceline
