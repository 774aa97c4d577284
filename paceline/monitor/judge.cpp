#include "paceline/monitor/judge.h"

#include <algorithm>

namespace paceline {
namespace {

std::vector<AlertRule> machines(const std::vector<DefaultRule>& rules) {
  std::vector<AlertRule> all;
  all.reserve(rules.size());
  for (const DefaultRule& rule : rules) all.push_back(rule.rule);
  return all;
}

AlertInput when(bool holds, std::string value) {
  return {.condition = holds ? Condition::holds : Condition::clear,
          .value = holds ? std::move(value) : std::string()};
}

}  // namespace

Result<std::unique_ptr<Judge>> Judge::create(AlertOptions options, Parts parts) {
  const Slo& slo = options.goals.slo;
  Result<Ledger> ledger = Ledger::open(parts.ledger, slo, parts.now, parts.run);
  if (!ledger) {
    parts.log.write(LogLevel::error, "availability is remembered in memory only",
                    {{"reason", ledger.error().text()}});
    ledger = Ledger::in_memory(slo, parts.now);
    if (!ledger) return std::unexpected(ledger.error());
  }
  if (!ledger->notice().empty()) {
    parts.log.write(LogLevel::warning, "the availability ledger starts anew",
                    {{"reason", ledger->notice()}});
  }
  std::vector<DefaultRule> rules = default_rules(options);
  std::unique_ptr<Judge> judge(
      new Judge(std::move(options), parts.log, std::move(*ledger), std::move(rules)));
  for (const SinkConfig& sink : judge->options_.sinks) {
    judge->sinks_.push_back(std::make_unique<Sink>(sink, parts.origin, parts.log));
  }
  return judge;
}

Judge::Judge(AlertOptions options, Log& log, Ledger ledger, std::vector<DefaultRule> rules)
    : options_(std::move(options)),
      log_(log),
      ledger_(std::move(ledger)),
      rules_(std::move(rules)),
      alerts_(machines(rules_)) {}

Judge::~Judge() {
  for (const std::unique_ptr<Sink>& sink : sinks_) sink->end();
}

std::vector<AlertNotice> Judge::step(JudgeReading reading) {
  ledger_.record({.now = reading.wall,
                  .run = reading.run,
                  .total = reading.requests.total,
                  .failed = reading.requests.failed,
                  .state = reading.state});
  availability_ = ledger_.availability(reading.wall);
  burns_.clear();
  if (goals().find("availability") != nullptr) {
    reading.sample.availability = availability_.ratio;
    for (const BurnRule& rule : burn_rules(goals().slo)) {
      burns_.push_back(ledger_.burn(rule, reading.wall));
    }
  }
  results_.clear();
  for (const Goal& goal : goals().list) {
    results_.push_back(evaluate(goal, reading.sample, goals().context()));
  }
  remember_crashes(reading);
  std::vector<AlertInput> inputs;
  inputs.reserve(rules_.size());
  for (const DefaultRule& rule : rules_) inputs.push_back(input(rule, reading));
  std::vector<AlertNotice> changed = alerts_.step(reading.now, reading.wall, inputs);
  tell(changed);
  last_ = std::move(reading);
  return changed;
}

void Judge::tell(const std::vector<AlertNotice>& changed) {
  for (const AlertNotice& notice : changed) {
    const bool firing = notice.state == AlertState::firing;
    log_.write(firing ? LogLevel::warning : LogLevel::info,
               firing ? "alert fires" : "alert is resolved",
               {{"alert", notice.name},
                {"severity", to_string(notice.severity)},
                {"value", notice.value}});
  }
  const std::vector<AlertNotice> visible = alerts_.visible();
  for (const std::unique_ptr<Sink>& sink : sinks_) sink->tell(changed, visible);
}

AlertInput Judge::input(const DefaultRule& rule, const JudgeReading& reading) const {
  if (reading.state == ServiceState::planned) return {};
  switch (rule.cause) {
    case AlertCause::burn:
      return burn_input(rule.rule.severity);
    case AlertCause::goal:
      return goal_input(rule.goal);
    case AlertCause::loop_lag:
      if (!reading.loop_lag) return {};
      return when(*reading.loop_lag > options_.loop_threshold,
                  format_goal_value(GoalMetric::mean,
                                    std::chrono::duration<double>(*reading.loop_lag).count()));
    case AlertCause::worker_memory:
      if (!reading.worker_memory) return {};
      return when(*reading.worker_memory > options_.worker_memory_bound,
                  format_goal_value(GoalMetric::memory, *reading.worker_memory));
    case AlertCause::crash_loop:
      return crash_input();
    case AlertCause::no_worker:
      return when(reading.state == ServiceState::down, "no worker is ready");
  }
  return {};
}

AlertInput Judge::burn_input(Severity severity) const {
  AlertInput worst{.condition = Condition::clear};
  for (const Burn& burn : burns_) {
    if (burn.rule.severity != severity) continue;
    if (burn.state == BurnState::firing) {
      const double bad = burn.long_rate * goals().slo.budget();
      return when(true, format_goal_value(GoalMetric::error_rate, bad) + " bad over " +
                            format_duration(burn.rule.long_window) + ", allowed " +
                            format_percent(burn.rule.threshold(goals().slo)));
    }
    if (burn.state == BurnState::insufficient_traffic) worst.condition = Condition::unknown;
  }
  return worst;
}

AlertInput Judge::goal_input(std::size_t goal) const {
  const GoalResult& result = results_[goal];
  if (result.state == GoalState::unknown) return {};
  return when(result.state == GoalState::missed, result.reason);
}

void Judge::remember_crashes(const JudgeReading& reading) {
  crashes_.push_back({.at = reading.now, .count = reading.crashes});
  while (reading.now - crashes_.front().at > kCrashWindow) crashes_.pop_front();
}

AlertInput Judge::crash_input() const {
  const std::uint64_t now = crashes_.back().count;
  const std::uint64_t then = std::min(now, crashes_.front().count);
  return when(now - then > kCrashesMax,
              std::to_string(now - then) + " in " + format_duration(kCrashWindow));
}

}  // namespace paceline
