#include "paceline/goals/config.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 12> kKeys = {{
    {.name = "goals.p95",
     .kind = ConfigKind::duration,
     .fallback = "\"200ms\"",
     .meaning = "95 of 100 requests are faster. Each goal: 0 is off."},
    {.name = "goals.p99",
     .kind = ConfigKind::duration,
     .fallback = "\"500ms\"",
     .meaning = "99 of 100 requests are faster."},
    {.name = "goals.error_rate",
     .kind = ConfigKind::text,
     .fallback = "\"0.1%\"",
     .meaning = "Failed requests: 5xx, aborts by the server and timeouts; never 4xx."},
    {.name = "goals.availability",
     .kind = ConfigKind::text,
     .fallback = "\"99.9%\"",
     .meaning = "Served and up, over slo.period; 99.9% of a month leaves 43 minutes."},
    {.name = "goals.cpu",
     .kind = ConfigKind::text,
     .fallback = "\"70%\"",
     .meaning = "CPU use of what the quota allows, at normal load."},
    {.name = "goals.memory",
     .kind = ConfigKind::text,
     .fallback = "\"80%\"",
     .meaning = "Memory use of the cgroup limit or the host, at normal load."},
    {.name = "goals.headroom",
     .kind = ConfigKind::text,
     .fallback = "\"50%\"",
     .meaning = "What may come on top: the rest of the busiest loop and of the CPU goal."},
    {.name = "goals.also",
     .kind = ConfigKind::list,
     .fallback = "[]",
     .meaning = "More goals: [\"p50 < 20ms\", \"p99.9 < 2s\", \"mean < 50ms\", \"throughput >= "
                "100/s\"]."},
    {.name = "goals.expected_rate",
     .kind = ConfigKind::integer,
     .fallback = "0",
     .meaning = "Requests a second of normal load; cpu, memory and headroom count up to it. 0: "
                "always.",
     .min = 0,
     .max = 1'000'000'000},
    {.name = "goals.window",
     .kind = ConfigKind::choice,
     .fallback = "\"1m\"",
     .meaning = "The time over which goals are measured.",
     .choices = "10s|1m|5m"},
    {.name = "goals.hold",
     .kind = ConfigKind::duration,
     .fallback = "\"5m\"",
     .meaning = "How long a goal is missed before its alert fires."},
    {.name = "slo.period",
     .kind = ConfigKind::duration,
     .fallback = "\"30d\"",
     .meaning = "The period of the availability goal; burn-rate windows scale with it."},
}};

struct Known {
  std::string_view name;
  GoalMetric metric;
  double quantile = 0;
};
constexpr std::array<Known, 7> kKnown = {{
    {"p95", GoalMetric::latency, 0.95},
    {"p99", GoalMetric::latency, 0.99},
    {"error_rate", GoalMetric::error_rate},
    {"availability", GoalMetric::availability},
    {"cpu", GoalMetric::cpu},
    {"memory", GoalMetric::memory},
    {"headroom", GoalMetric::headroom},
}};

using Seconds = std::chrono::duration<double>;

/// Why an alert on this goal could never fire, or nothing.
std::string never_fires(const Goal& goal) {
  const std::string text = "\"" + format_goal(goal) +
                           "\" can never be missed, so its alert could "
                           "never fire: ";
  if (goal_unit(goal.metric) == "s") {
    if (goal.bound * 1e9 > static_cast<double>(HistogramScale::overflow_ns)) {
      return text + "durations are measured up to 100s";
    }
    return {};
  }
  if (goal.metric == GoalMetric::availability) return {};  // by its burn rates
  if (is_upper_bound(goal.metric) && goal.bound >= 1) {
    return text + "no share is above 100%; 0 switches the goal off";
  }
  if (!is_upper_bound(goal.metric) && goal.bound <= 0) return text + "nothing is below 0";
  return {};
}

/// A burn rate is at most 1 / budget.
std::string burns_never(const Slo& slo) {
  const BurnRule worst = burn_rules(slo).front();
  if (worst.threshold(slo) < 1) return {};
  const double least = std::ceil((1 - 1 / worst.factor) * 1000) / 1000;
  return format_percent(slo.target) + " leaves a budget of " + format_percent(slo.budget()) +
         "; the quickest burn-rate alert would need more than " +
         format_percent(worst.threshold(slo)) +
         " failures and could never fire; expected at least " + format_percent(least);
}

class Reader {
 public:
  explicit Reader(const ConfigSection& config) : config_(config) {}

  Result<Goals> read() {
    goals_.expected_rate = static_cast<double>(config_.integer("goals.expected_rate"));
    goals_.hold = config_.duration("goals.hold");
    goals_.slo.period = config_.duration("slo.period");
    window_ = *parse_duration(config_.text("goals.window"));
    for (const Known& known : kKnown) add_known(known);
    for (const std::string& text : config_.list("goals.also")) add_text(text);
    check_slo();
    if (errors_.empty()) return std::move(goals_);
    return fail(Code::invalid, std::move(errors_));
  }

 private:
  void note(std::string_view key, const std::string& text) {
    errors_.append(errors_.empty() ? "" : "\n");
    errors_.append(config_.place(key).text()).append(": ").append(key).append(": ").append(text);
  }

  void add_known(const Known& known) {
    const std::string key = "goals." + std::string(known.name);
    Goal goal{.name = std::string(known.name), .metric = known.metric, .quantile = known.quantile};
    if (known.metric == GoalMetric::latency) {
      goal.bound = Seconds(config_.duration(key)).count();
    } else {
      const Result<double> bound = parse_percent(config_.text(key));
      if (!bound) return note(key, bound.error().message);
      goal.bound = *bound;
    }
    if (goal.bound > 0) add(key, std::move(goal));
  }

  void add_text(const std::string& text) {
    Result<Goal> goal = parse_goal(text);
    if (!goal) return note("goals.also", goal.error().message);
    if (goals_.find(goal->name) != nullptr) {
      return note("goals.also", "there is a goal \"" + goal->name + "\" already");
    }
    if (goal->metric == GoalMetric::availability) {
      return note("goals.also", "availability is set by goals.availability");
    }
    add("goals.also", std::move(*goal));
  }

  void add(std::string_view key, Goal goal) {
    goal.window = window_;
    if (goal.metric == GoalMetric::availability) {
      goal.window = goals_.slo.period;
      goals_.slo.target = goal.bound;
    }
    if (const std::string problem = never_fires(goal); !problem.empty()) return note(key, problem);
    goals_.list.push_back(std::move(goal));
  }

  void check_slo() {
    constexpr Duration shortest = std::chrono::minutes(10);
    constexpr Duration longest = std::chrono::hours(366 * 24);
    if (goals_.slo.period < shortest || goals_.slo.period > longest) {
      note("slo.period", "expected 10m to 366d, got " + format_duration(goals_.slo.period));
    }
    if (goals_.find("availability") == nullptr) return;
    if (goals_.slo.target >= 1) {
      return note("goals.availability", "100% leaves no error budget; expected less");
    }
    if (const std::string problem = burns_never(goals_.slo); !problem.empty()) {
      note("goals.availability", problem);
    }
  }

  const ConfigSection& config_;
  Duration window_ = {};
  Goals goals_;
  std::string errors_;
};

}  // namespace

const Goal* Goals::find(std::string_view name) const {
  const auto at = std::ranges::find(list, name, &Goal::name);
  return at == list.end() ? nullptr : &*at;
}

std::span<const ConfigKey> goals_config_keys() { return kKeys; }

Result<Goals> read_goals(const ConfigSection& config) { return Reader(config).read(); }

Duration effective_bound(const Goal& goal) {
  const auto ns = static_cast<std::uint64_t>(std::llround(goal.bound * 1e9));
  const std::uint64_t lower = HistogramScale::lower_ns(HistogramScale::bucket(ns));
  return Duration(static_cast<std::int64_t>(lower));
}

std::vector<std::string> effective_thresholds(const Goals& goals) {
  std::vector<std::string> lines;
  if (goals.find("availability") != nullptr) {
    for (const BurnRule& rule : burn_rules(goals.slo)) {
      lines.push_back(std::string(to_string(rule.severity)) + ": more than " +
                      format_percent(rule.threshold(goals.slo)) + " bad over " +
                      format_duration(rule.long_window) + " and over " +
                      format_duration(rule.short_window));
    }
  }
  for (const Goal& goal : goals.list) {
    if (goal.metric == GoalMetric::availability) continue;
    std::string line = "ticket: not \"" + format_goal(goal) + "\" over " +
                       format_duration(goal.window) + " for " + format_duration(goals.hold);
    if (goal.metric == GoalMetric::latency) {
      line += ": more than " + format_percent(1 - goal.quantile) + " take " +
              format_duration(effective_bound(goal)) + " or longer";
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Duration> goal_latency_bounds(const Goals& goals) {
  std::vector<Duration> bounds;
  for (const Goal& goal : goals.list) {
    if (goal.metric != GoalMetric::latency) continue;
    bounds.push_back(effective_bound(goal));
  }
  std::ranges::sort(bounds);
  const auto again = std::ranges::unique(bounds);
  bounds.erase(again.begin(), again.end());
  return bounds;
}

std::optional<double> headroom(const Goals& goals, std::optional<double> cpu,
                               std::optional<double> loop_utilization) {
  if (!cpu && !loop_utilization) return {};
  double used = loop_utilization.value_or(0);
  const Goal* goal = goals.find("cpu");
  if (cpu) used = std::max(used, *cpu / (goal != nullptr ? goal->bound : 1));
  return std::max(0.0, 1 - used);
}

}  // namespace paceline
