#include "paceline/monitor/alert_rules.h"

#include <algorithm>

namespace paceline {
namespace {

using namespace std::chrono_literals;

/// "p99.9" as "LatencyP99_9AboveGoal".
std::string goal_alert_name(const Goal& goal) {
  switch (goal.metric) {
    case GoalMetric::latency: {
      std::string name = "Latency" + format_goal(goal);
      name.resize(name.find(' '));
      name[7] = 'P';
      std::ranges::replace(name, '.', '_');
      return name + "AboveGoal";
    }
    case GoalMetric::mean:
      return "LatencyMeanAboveGoal";
    case GoalMetric::error_rate:
      return "ErrorRateAboveGoal";
    case GoalMetric::cpu:
      return "CpuAboveGoal";
    case GoalMetric::memory:
      return "MemoryAboveGoal";
    case GoalMetric::headroom:
      return "HeadroomBelowGoal";
    case GoalMetric::throughput:
      return "ThroughputBelowGoal";
    case GoalMetric::availability:
      break;
  }
  return "AvailabilityBelowGoal";
}

DefaultRule burn_rule(const Slo& slo, Severity severity) {
  // The first rule of a severity has the shorter windows.
  const auto rules = burn_rules(slo);
  const BurnRule& quick = *std::ranges::find(rules, severity, &BurnRule::severity);
  const bool page = severity == Severity::page;
  return {.rule = {.name = page ? "ErrorBudgetBurnPage" : "ErrorBudgetBurnTicket",
                   .severity = severity,
                   .hold = 0s,
                   .keep = std::max(kBurnWindowMin, quick.short_window / 5),
                   .summary = page ? "The error budget is burning fast: users notice now."
                                   : "The error budget is burning: it will not last the period."},
          .cause = AlertCause::burn};
}

DefaultRule goal_rule(const Goals& goals, std::size_t index) {
  const Goal& goal = goals.list[index];
  return {.rule = {.name = goal_alert_name(goal),
                   .severity = Severity::ticket,
                   .hold = goals.hold,
                   .keep = std::min<Duration>(goals.hold, 1min),
                   .summary = "The goal \"" + format_goal(goal) + "\" is missed."},
          .cause = AlertCause::goal,
          .goal = index};
}

}  // namespace

std::vector<DefaultRule> default_rules(const AlertOptions& options) {
  const Goals& goals = options.goals;
  std::vector<DefaultRule> rules;
  rules.push_back({.rule = {.name = "ServiceDown",
                            .severity = Severity::page,
                            .hold = 5s,
                            .keep = 5s,
                            .summary = "No worker is ready: nobody is served."},
                   .cause = AlertCause::no_worker});
  if (goals.find("availability") != nullptr) {
    rules.push_back(burn_rule(goals.slo, Severity::page));
    rules.push_back(burn_rule(goals.slo, Severity::ticket));
  }
  for (std::size_t i = 0; i < goals.list.size(); ++i) {
    if (goals.list[i].metric != GoalMetric::availability) rules.push_back(goal_rule(goals, i));
  }
  if (options.loop_threshold > Duration::zero()) {
    rules.push_back({.rule = {.name = "EventLoopLagHigh",
                              .severity = Severity::ticket,
                              .hold = 10s,
                              .keep = 30s,
                              .summary = "An event loop is blocked for more than " +
                                         format_duration(options.loop_threshold) + "."},
                     .cause = AlertCause::loop_lag});
  }
  rules.push_back(
      {.rule = {.name = "WorkerMemoryHigh",
                .severity = Severity::ticket,
                .hold = 1min,
                .keep = 1min,
                .summary = "A worker uses more than " +
                           format_percent(options.worker_memory_bound) + " of memory.limit."},
       .cause = AlertCause::worker_memory});
  rules.push_back({.rule = {.name = "WorkerCrashLoop",
                            .severity = Severity::ticket,
                            .hold = 0s,
                            .keep = 1min,
                            .summary = "Workers died more than " + std::to_string(kCrashesMax) +
                                       " times in " + format_duration(kCrashWindow) + "."},
                   .cause = AlertCause::crash_loop});
  return rules;
}

Result<AlertOptions> alert_options(const Config& config) {
  AlertOptions options;
  std::string errors;
  if (Result<Goals> goals = read_goals(config.top())) {
    options.goals = std::move(*goals);
  } else {
    errors = goals.error().message;
  }
  if (Result<std::vector<SinkConfig>> sinks = alert_sinks(config.tables("alert"))) {
    options.sinks = std::move(*sinks);
  } else {
    errors.append(errors.empty() ? "" : "\n").append(sinks.error().message);
  }
  options.loop_threshold = config.top().duration("loop.threshold");
  if (!errors.empty()) return fail(Code::invalid, std::move(errors));
  return options;
}

}  // namespace paceline
