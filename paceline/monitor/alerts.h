// Alerts: one state machine a rule, over passed-in time and conditions. Nothing here sends.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/goals.h"

namespace paceline {

/// inactive → pending (the condition holds) → firing (it held for `hold`) → resolved (it was
/// clear for `keep`) → inactive (nobody needs to see it any more).
enum class AlertState : std::uint8_t { inactive, pending, firing, resolved };
std::string_view to_string(AlertState state);

struct AlertRule {
  std::string name;  // "ErrorBudgetBurnPage"
  Severity severity = Severity::ticket;
  Duration hold = {};  // a condition that holds for less is noise
  /// Hysteresis: a firing alert whose condition is clear for less has not ended.
  Duration keep = std::chrono::minutes(1);
  std::string summary;  // one sentence: what is wrong when it fires
};

/// What one tick saw. Unknown neither starts nor holds an alert: without traffic nobody suffers.
enum class Condition : std::uint8_t { clear, holds, unknown };

struct AlertInput {
  Condition condition = Condition::unknown;
  std::string value;  // for people: "p95 312ms, goal 200ms"
};

/// What receivers are told, and what a person sees.
struct AlertNotice {
  std::string name;
  Severity severity = Severity::ticket;
  AlertState state = AlertState::inactive;
  std::string summary;
  std::string value;  // of the last tick whose condition held
  WallTime began;     // when the condition began to hold
  WallTime ended;     // when it was resolved; meaningless before
};

/// How long a resolved alert is still shown and told to receivers that keep a state. Prometheus
/// does the same for 15 minutes.
inline constexpr Duration kResolvedShown = std::chrono::minutes(15);

class Alert {
 public:
  explicit Alert(AlertRule rule);
  /// One tick. True when it began to fire or was resolved: then notice() is to be told.
  bool step(Time now, WallTime wall, const AlertInput& input);
  const AlertRule& rule() const { return rule_; }
  const AlertNotice& notice() const { return notice_; }
  AlertState state() const { return notice_.state; }

 private:
  bool step_firing(Time now, WallTime wall, bool holds);

  AlertRule rule_;
  AlertNotice notice_;
  Time since_;                 // of the state
  std::optional<Time> clear_;  // while firing: since when the condition does not hold
};

/// All alerts of a program.
class Alerts {
 public:
  explicit Alerts(std::vector<AlertRule> rules);
  /// `inputs[i]` belongs to rule i. Returns what changed, to be told.
  std::vector<AlertNotice> step(Time now, WallTime wall, std::span<const AlertInput> inputs);
  /// Those that are not inactive, the firing ones first.
  std::vector<AlertNotice> visible() const;
  std::span<const Alert> all() const { return alerts_; }

 private:
  std::vector<Alert> alerts_;
};

}  // namespace paceline
