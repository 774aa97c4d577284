// A goal of a load test, in k6's words: "p(99)<500", "error_rate<0.1%", "p(99)[10s]<500",
// "count{status:5xx}==0 abort".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/goals.h"

namespace paceline {

/// Answers by status: one, or a hundred of them.
struct StatusClass {
  unsigned from = 0;
  unsigned end = 1000;  // behind the last

  bool has(unsigned status) const { return status >= from && status < end; }
  bool operator==(const StatusClass&) const = default;
};

enum class LoadMeasure : std::uint8_t {
  quantile,  // of response times, µs; as the next three
  avg,
  min,
  max,
  count,       // requests that ended
  rate,        // answers per second
  error_rate,  // requests without an answer and 5xx, of all: what the monitor counts, never 4xx
};

enum class LoadCompare : std::uint8_t {
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
};

struct LoadGoal {
  std::string text;  // as it was written
  LoadMeasure measure = LoadMeasure::quantile;
  double quantile = 0;
  LoadCompare compare = LoadCompare::less;
  double bound = 0;                 // µs, requests, per second, or a ratio
  Duration window{0};               // must hold in every such stretch; 0: over the run
  std::optional<StatusClass> only;  // of answers with such a status alone
  bool abort = false;               // ends the run when it is missed
  Duration abort_after{0};          // but not before that

  bool timed() const { return measure <= LoadMeasure::max; }  // its values are µs
  bool holds(double value) const;
};

struct LoadVerdict {
  GoalState state = GoalState::unknown;
  std::optional<double> value;  // of the run, or of the worst window; none: no request, no answer
  std::string reason;           // why it is not met
};

/// Response times are milliseconds where no unit is given, as in k6. Windows are whole seconds.
Result<LoadGoal> parse_load_goal(std::string_view text);
/// What the guide asks of a service, as far as its clients can tell: the defaults of goals.p95,
/// goals.p99 and goals.error_rate.
std::vector<LoadGoal> guide_load_goals();
/// A value for people: "312ms", "0.25%", "820/s", "12".
std::string format_load_value(const LoadGoal& goal, double value);
/// For programs: milliseconds instead of µs, all else as it is.
double plain_load_value(const LoadGoal& goal, double value);

}  // namespace paceline
