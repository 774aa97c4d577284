#include "paceline/monitor/alerts.h"

namespace paceline {
std::string_view to_string(AlertState state) {
  switch (state) {
    case AlertState::inactive:
      return "inactive";
    case AlertState::pending:
      return "pending";
    case AlertState::firing:
      return "firing";
    case AlertState::resolved:
      break;
  }
  return "resolved";
}

Alert::Alert(AlertRule rule) : rule_(std::move(rule)) {
  notice_ = {.name = rule_.name, .severity = rule_.severity, .summary = rule_.summary};
}

bool Alert::step(Time now, WallTime wall, const AlertInput& input) {
  const bool holds = input.condition == Condition::holds;
  if (holds) notice_.value = input.value;
  const AlertState state = notice_.state;
  if (state == AlertState::firing) return step_firing(now, wall, holds);
  if (!holds) {
    const bool shown = state == AlertState::resolved && now - since_ < kResolvedShown;
    if (!shown) notice_.state = AlertState::inactive;
    return false;
  }
  if (state != AlertState::pending) {
    notice_.state = AlertState::pending;
    notice_.began = wall;
    since_ = now;
  }
  if (now - since_ < rule_.hold) return false;
  notice_.state = AlertState::firing;
  since_ = now;
  clear_.reset();
  return true;
}

bool Alert::step_firing(Time now, WallTime wall, bool holds) {
  if (holds) {
    clear_.reset();
    return false;
  }
  if (!clear_) clear_ = now;
  if (now - *clear_ < rule_.keep) return false;
  notice_.state = AlertState::resolved;
  notice_.ended = wall;
  since_ = now;
  return true;
}

Alerts::Alerts(std::vector<AlertRule> rules) {
  alerts_.reserve(rules.size());
  for (AlertRule& rule : rules) alerts_.emplace_back(std::move(rule));
}

std::vector<AlertNotice> Alerts::step(Time now, WallTime wall, std::span<const AlertInput> inputs) {
  check(inputs.size() == alerts_.size(), "one input a rule");
  std::vector<AlertNotice> changed;
  for (std::size_t i = 0; i < alerts_.size(); ++i) {
    if (alerts_[i].step(now, wall, inputs[i])) changed.push_back(alerts_[i].notice());
  }
  return changed;
}

std::vector<AlertNotice> Alerts::visible() const {
  std::vector<AlertNotice> notices;
  for (const AlertState state : {AlertState::firing, AlertState::pending, AlertState::resolved}) {
    for (const Alert& alert : alerts_) {
      if (alert.state() == state) notices.push_back(alert.notice());
    }
  }
  return notices;
}

}  // namespace paceline
