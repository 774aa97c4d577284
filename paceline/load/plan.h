// When requests are due in an open loop: a rate over time, and arrivals on it that do not depend
// on any answer. Computed from the arrival's number, so nothing drifts and nothing is stored.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// A stretch of time whose rate goes in a straight line; requests per second.
struct PlanStep {
  Duration length{};
  double from = 0;
  double to = 0;
};

class ArrivalPlan {
 public:
  /// "10s@50,30s@50..500,1m@500": a duration, then a rate or a ramp. Rates may be fractional, and
  /// 0 for a pause.
  static Result<ArrivalPlan> parse(std::string_view text);
  /// Lengths above 0, rates of 0 and above; at least one arrival.
  explicit ArrivalPlan(std::vector<PlanStep> steps);

  Duration length() const { return length_; }
  /// Arrivals by the end, where they are spaced evenly.
  double count() const { return static_cast<double>(ends_.back()); }
  double rate_mean() const;
  double rate_max() const;
  const std::vector<PlanStep>& steps() const { return steps_; }
  /// The same after a stretch at the first rate, to be left out of the results.
  ArrivalPlan after(Duration warmup) const;

  /// When `count` arrivals have passed, from the plan's start; Duration::max() behind its end.
  /// `step` is where to begin to look, and moves on: counts only grow.
  Duration at(long double count, std::size_t& step) const;

 private:
  std::vector<PlanStep> steps_;
  std::vector<long double> ends_;  // the count at the end of each step
  Duration length_{};
};

enum class ArrivalKind : std::uint8_t {
  uniform,  // evenly spaced, as wrk2 and vegeta do
  poisson,  // independent users: bunches and gaps; higher quantiles near saturation
};

/// One thread's part of the arrivals. Threads take turns on evenly spaced ones, so the spacing of
/// the whole stays even; independent ones are split into independent streams.
class Arrivals {
 public:
  struct Part {
    unsigned thread = 0;
    unsigned threads = 1;
  };
  /// `plan` is borrowed.
  Arrivals(const ArrivalPlan& plan, ArrivalKind kind, std::uint64_t seed, Part part);

  /// The next one, from the plan's start; Duration::max() when there is none.
  Duration next() const { return next_; }
  void advance();

 private:
  long double gap();
  const ArrivalPlan& plan_;
  ArrivalKind kind_;
  unsigned threads_;
  std::mt19937_64 random_;
  long double count_ = 0;
  std::size_t step_ = 0;
  Duration next_{};
};

}  // namespace paceline
