// The alerts that every program has: one for each goal, and for what breaks goals soon. The same
// list feeds the monitor's own alerts and the rules for Prometheus, so both know one truth.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/goals.h"
#include "paceline/monitor/alerts.h"
#include "paceline/monitor/sinks.h"

namespace paceline {

/// What an alert looks at.
enum class AlertCause : std::uint8_t {
  burn,           // burn rates of one severity
  goal,           // one goal of the list
  loop_lag,       // the worst loop against loop.threshold
  worker_memory,  // the fullest worker against memory.limit
  crash_loop,     // workers that ended and were not told to
  no_worker,      // nobody serves
};

struct DefaultRule {
  AlertRule rule;
  AlertCause cause = AlertCause::goal;
  std::size_t goal = 0;  // index in Goals::list
};

struct AlertOptions {
  Goals goals;
  Duration loop_threshold = std::chrono::milliseconds(100);  // guide: 100 ms; 0: no alert
  double worker_memory_bound = 0.8;                          // of memory.limit
  std::vector<SinkConfig> sinks;
};

/// More worker deaths than this in this time are a crash loop.
inline constexpr std::uint64_t kCrashesMax = 3;
inline constexpr Duration kCrashWindow = std::chrono::minutes(10);

std::vector<DefaultRule> default_rules(const AlertOptions& options);

/// Goals, loop.threshold and the `[[alert]]` tables, checked; all errors at once.
Result<AlertOptions> alert_options(const Config& config);

/// The rules as YAML for `rule_files` of Prometheus: recording rules for the burn rates, and every
/// default rule. Series come from the monitor's /metrics.
std::string prometheus_rules(const AlertOptions& options);

}  // namespace paceline
