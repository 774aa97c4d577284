// One goal, as a person writes it ("p95 < 200ms"), and its verdict over measurements.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/metrics.h"

namespace paceline {

/// What a goal bounds. Availability, headroom and throughput have a lower bound, the rest an
/// upper one.
enum class GoalMetric : std::uint8_t {
  latency,       // a percentile of the request duration, in seconds
  mean,          // mean request duration, in seconds
  error_rate,    // failed / all requests, a ratio
  availability,  // 1 - failed and down, a ratio over the ledger's period
  cpu,           // CPU time / what the quota allows, a ratio
  memory,        // memory used / limit, a ratio
  headroom,      // what may still come / what the goals allow, a ratio
  throughput,    // answered requests per second
};

/// "s", "ratio" or "req/s": what Goal::bound and GoalResult::value count.
std::string_view goal_unit(GoalMetric metric);
bool is_upper_bound(GoalMetric metric);

struct Goal {
  std::string name;  // "p95", "cpu": unique among the goals of a program
  GoalMetric metric = GoalMetric::latency;
  double quantile = 0;  // of latency only: 0.95
  double bound = 0;     // in goal_unit()
  /// Over which time a continuous check looks. A run that is over is its own window.
  Duration window = std::chrono::minutes(1);

  /// The share of requests that may be bad, for goals that count requests: 0.05 for a p95, the
  /// bound for an error rate. Nothing for the others.
  std::optional<double> budget() const;
  bool operator==(const Goal&) const = default;
};

/// "p95 < 200ms", "p99.9[10s] < 1s", "mean < 50ms", "error_rate < 0.1%", "cpu < 70%", "memory <
/// 80%", "availability >= 99.9%", "headroom >= 50%", "throughput >= 1000/s". The window in
/// brackets is optional; so is the = of <= and >=. The error names the nearest metric.
Result<Goal> parse_goal(std::string_view text);
/// The shortest text that parse_goal() reads as the same goal, without the window.
std::string format_goal(const Goal& goal);
/// A value in the goal's unit for people: "312ms", "0.25%", "820/s".
std::string format_goal_value(GoalMetric metric, double value);
/// "70%" as 0.7; "0" as 0. Everything else, and more than 100 %, is Code::invalid.
Result<double> parse_percent(std::string_view text);
/// 0.001 as "0.1%".
std::string format_percent(double ratio);

/// What was measured in one window or run. What nobody measured stays empty and makes the goals
/// that need it unknown.
struct GoalSample {
  HistogramTotals latency;   // every request that was answered
  std::uint64_t total = 0;   // requests: answered, rejected and aborted by the server
  std::uint64_t failed = 0;  // 5xx (shed ones too), aborts by the server, timeouts; never 4xx
  Duration elapsed = {};     // what the window really covers
  std::optional<double> cpu;
  std::optional<double> memory;
  std::optional<double> headroom;
  std::optional<double> availability;

  /// Requests per second; 0 when no time passed.
  double rate() const;
};

enum class GoalState : std::uint8_t { met, missed, unknown };
std::string_view to_string(GoalState state);

struct GoalResult {
  GoalState state = GoalState::unknown;
  std::optional<double> value;  // in the goal's unit
  std::string reason;           // "p95 312ms, goal 200ms"; why unknown; empty when met
};

struct GoalContext {
  /// Requests per second that the service was planned for. Above it cpu, memory and headroom are
  /// unknown: the goals are about normal load. 0: every load is normal.
  double expected_rate = 0;
};

/// Fewer bad requests than this decide nothing: one error must not page (SRE workbook, ch. 5).
inline constexpr std::uint64_t kBadRequestsMin = 3;

/// The verdict. A goal that counts requests is missed only with at least kBadRequestsMin bad ones
/// among at least 1 / budget: below that a miss is unknown, "insufficient traffic".
GoalResult evaluate(const Goal& goal, const GoalSample& sample, const GoalContext& context = {});

}  // namespace paceline
