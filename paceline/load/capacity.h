// The highest rate at which a server keeps its goals: found by open-loop trials, then confirmed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/core.h"
#include "paceline/load/capacity_search.h"
#include "paceline/load/options.h"
#include "paceline/load/result.h"

namespace paceline {

/// A goal as a share, which a trial can test: "p(99)<500ms" says that at most 1 % of the requests
/// have no good answer within 500 ms. A good answer has a status below 400.
struct CapacityGoal {
  std::string text;
  std::optional<Duration> within;  // none: at any time, an error rate
  double share_max = 0;            // of bad requests
};

/// The guide's: p(95)<200ms, p(99)<500ms, error_rate<0.1%.
std::vector<CapacityGoal> guide_capacity_goals();
/// Of the goals of a load test (goal.h) those that are shares of a whole trial: "p(99.9)<1s",
/// "error_rate<0.1%".
Result<CapacityGoal> parse_capacity_goal(std::string_view text);

/// What the server says about a resource: 1 is all that there is.
struct ServerShare {
  std::string name;
  double used = 0;
};

enum class TrialVerdict : std::uint8_t {
  passed,
  failed,
  unproved,  // no goal was missed, but there were too few requests to show that all hold
  invalid,   // the generator was too slow: says nothing about the server
};
std::string_view to_string(TrialVerdict verdict);
std::string_view to_string(TrialPurpose purpose);

struct CapacityTrial {
  TrialPurpose purpose = TrialPurpose::range;
  double rate = 0;  // offered
  double achieved = 0;
  Duration length{};  // what was counted
  std::uint64_t requests = 0;
  std::uint64_t p50 = 0, p95 = 0, p99 = 0;  // response, µs
  double errors = 0;                        // share without a good answer
  std::uint64_t generator_lag = 0;          // p99, µs
  double generator_cpu = 0;                 // of a core, the busiest thread
  std::vector<ShareBound> goals;            // as CapacityOptions::goals
  std::vector<ServerShare> server;          // when somebody can look
  TrialVerdict verdict = TrialVerdict::invalid;
  std::string reason;  // of anything but passed
  std::string goal;    // the one that was missed, or "keeps up"
};

struct CapacityOptions {
  LoadOptions load;  // its plan, duration and warm-up are not used
  std::vector<CapacityGoal> goals = guide_capacity_goals();
  double expected_rate = 0;  // requests/s; 0: unknown
  double rate_max = 0;       // 0: none
  double width = 0.05;       // of the bracket, relative
  Duration warmup = std::chrono::seconds(1);
  Duration trial = std::chrono::seconds(5);       // a first look
  Duration trial_max = std::chrono::seconds(30);  // with all looks at a rate that is undecided
  Duration confirm = std::chrono::seconds(30);
  Duration time_max = std::chrono::minutes(15);  // of everything
  /// Asked while a trial runs, on another thread. May be empty.
  std::function<std::vector<ServerShare>()> look;
  /// Told about each trial when it is over. May be empty.
  std::function<void(const CapacityTrial&)> tell;
};

struct CapacityResult {
  double saturation = 0;       // closed loop, requests/s
  std::uint64_t base_p50 = 0;  // µs, one connection
  std::vector<CapacityTrial> trials;
  double rate = 0;          // the capacity: confirmed, or else the highest that passed; 0: none
  double failing_rate = 0;  // the lowest that failed; 0: none did
  bool confirmed = false;
  double refused_rate = 0;  // the last that did not hold for a confirmation; 0: none, or one held
  bool interrupted = false;
  std::string stopped;       // why the search ended early, or empty
  std::string limited;       // why the generator could try no higher rate: `rate` is a lower bound
  std::string binding;       // the goal that the failing rate missed
  std::string resource;      // what ran out first, as far as the server says
  bool shares_host = false;  // the generator took its CPU time from the server's machine
  double expected_rate = 0;

  /// The guide: capacity for the expected load and 50 % more. None without an
  /// expected rate, without a capacity, and for one that a confirmation refused.
  std::optional<bool> has_headroom() const;
};
inline constexpr double kHeadroomFactor = 1.5;  // guide

/// Blocks until the search is over: two to five minutes by default. Fails before the first trial
/// only: options that contradict each other, a server that refuses.
Result<CapacityResult> find_capacity_blocking(const CapacityOptions& options);

std::string capacity_head(std::string_view url, const CapacityOptions& options);
std::string capacity_row(const CapacityTrial& trial);
/// What the rows lead to.
std::string capacity_summary(const CapacityOptions& options, const CapacityResult& result);
std::string capacity_json(std::string_view url, const CapacityOptions& options,
                          const CapacityResult& result);

}  // namespace paceline
