// What `paceline top` shows, out of the monitor's snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline::app {

/// A number of the snapshot; none where that is null or missing.
using TopValue = std::optional<double>;

/// Columns of the workers table, in the order in which they are shown as far as the width goes.
enum class TopColumn : std::uint8_t {
  slot,
  pid,
  state,
  rate,
  in_flight,
  p95,
  utilization,
  cpu,
  lag,
  rss,
  connections,
  restarts,
  age,
  share,
  heap,
  cache,
};
inline constexpr std::size_t kTopColumns = 16;

struct TopWorker {
  std::string state;
  std::string doing;      // the route of a handler that blocks the loop
  std::string last_exit;  // why its predecessor ended
  TopValue blocked_seconds;
  std::array<TopValue, kTopColumns> values;  // by column; none for `state`
  TopValue value(TopColumn column) const { return values[static_cast<std::size_t>(column)]; }
};

struct TopGoal {
  std::string name;
  std::string state;  // met, missed, unknown
  std::string reason;
  TopValue value;
};

struct TopAlert {
  std::string name;
  std::string severity;
  std::string state;
  std::string summary;
  TopValue since;  // Unix seconds
};

struct TopRoute {
  std::string method;
  std::string route;
  TopValue rate, p95, error_ratio;
};

/// Text is printable ASCII: what came from outside cannot move the cursor.
struct TopSnapshot {
  double time = 0;  // Unix seconds
  std::string version, dir, listen, phase, state;
  std::vector<std::string> reasons;
  TopValue generation, uptime;
  TopValue rate, expected_rate, received, sent;
  TopValue p50, p95, p99;
  TopValue cpu, memory, memory_bytes, memory_limit, loop;
  TopValue error_ratio, error_rate, rejected;
  TopValue concurrency, in_flight, connections;
  TopValue headroom;
  TopValue availability, availability_goal, availability_period, budget_left;
  std::vector<TopGoal> goals;
  std::vector<TopAlert> alerts;
  std::vector<TopWorker> workers;
  std::vector<TopRoute> routes;  // the busiest first
};

/// Whatever is missing or of another type stays empty; Code::corrupt when it is no snapshot at all.
Result<TopSnapshot> parse_top_snapshot(std::string_view json);

}  // namespace paceline::app
