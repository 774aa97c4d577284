// Burn rates: how fast failures eat the error budget, over several windows at once (SRE workbook,
// ch. 5, "Multiwindow, Multi-Burn-Rate Alerts"). At burn rate 1 the budget lasts the period.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// Availability over a period.
struct Slo {
  double target = 0.999;                          // guide: 99.9 % uptime, 43 minutes a month
  Duration period = std::chrono::hours(30 * 24);  // guide: a month

  double budget() const { return 1 - target; }
};

enum class Severity : std::uint8_t { page, ticket };
std::string_view to_string(Severity severity);

/// Burns when the bad share exceeds factor * budget over the long and over the short window. The
/// short one ends the alert soon after the trouble ended.
struct BurnRule {
  Severity severity = Severity::page;
  double factor = 14.4;
  Duration long_window = std::chrono::hours(1);
  Duration short_window = std::chrono::minutes(5);

  double threshold(const Slo& slo) const { return factor * slo.budget(); }
};

/// A window is never shorter than two ticks of the monitor.
inline constexpr Duration kBurnWindowMin = std::chrono::seconds(2);

/// 2 % of the budget in 1 h, 5 % in 6 h (pages), 10 % in 1 d and in 3 d (tickets) of 30 days:
/// factors 14.4, 6, 3, 1. With another period all windows scale, so the factors stay.
std::array<BurnRule, 4> burn_rules(const Slo& slo);

/// What happened in one window.
struct WindowShare {
  std::uint64_t total = 0;
  std::uint64_t failed = 0;
  Duration down = {};
  Duration observed = {};  // serving or down; planned stops are not

  /// 1 - (1 - failed / total)(1 - down / observed); 0 when nothing happened.
  double bad() const;
};

enum class BurnState : std::uint8_t { ok, firing, insufficient_traffic };
std::string_view to_string(BurnState state);

struct Burn {
  BurnRule rule;
  double long_rate = 0;  // bad share / budget
  double short_rate = 0;
  BurnState state = BurnState::ok;
};

/// Low traffic: without downtime the long window needs at least 1 / (factor * budget) requests
/// and 3 bad ones, else a burn is `insufficient_traffic`.
Burn evaluate_burn(const BurnRule& rule, const Slo& slo, const WindowShare& long_share,
                   const WindowShare& short_share);

}  // namespace paceline
