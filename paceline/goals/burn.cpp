#include "paceline/goals/burn.h"

#include <algorithm>
#include <cmath>

#include "paceline/goals/goal.h"

namespace paceline {
namespace {

using Seconds = std::chrono::duration<double>;

/// `window` of 30 days, as a window of `period`.
Duration scale(Duration window, Duration period) {
  const double factor = Seconds(period).count() / Seconds(Slo{}.period).count();
  // Prometheus knows milliseconds and nothing smaller.
  const double ms = std::round(static_cast<double>(window / std::chrono::milliseconds(1)) * factor);
  return std::max(kBurnWindowMin, Duration(std::chrono::milliseconds(std::llround(ms))));
}

}  // namespace

std::string_view to_string(Severity severity) {
  return severity == Severity::page ? "page" : "ticket";
}

std::string_view to_string(BurnState state) {
  if (state == BurnState::ok) return "ok";
  return state == BurnState::firing ? "firing" : "insufficient_traffic";
}

std::array<BurnRule, 4> burn_rules(const Slo& slo) {
  const auto rule = [&](Severity severity, double factor, Duration window) {
    return BurnRule{.severity = severity,
                    .factor = factor,
                    .long_window = scale(window, slo.period),
                    .short_window = scale(window / 12, slo.period)};
  };
  using std::chrono::hours;
  return {{rule(Severity::page, 14.4, hours(1)), rule(Severity::page, 6, hours(6)),
           rule(Severity::ticket, 3, hours(24)), rule(Severity::ticket, 1, hours(72))}};
}

double WindowShare::bad() const {
  const double errors = total > 0 ? static_cast<double>(failed) / static_cast<double>(total) : 0.0;
  const double away = observed > Duration::zero()
                          ? std::min(1.0, Seconds(down).count() / Seconds(observed).count())
                          : 0.0;
  return 1 - (1 - errors) * (1 - away);
}

Burn evaluate_burn(const BurnRule& rule, const Slo& slo, const WindowShare& long_share,
                   const WindowShare& short_share) {
  Burn burn{.rule = rule,
            .long_rate = long_share.bad() / slo.budget(),
            .short_rate = short_share.bad() / slo.budget()};
  if (burn.long_rate <= rule.factor || burn.short_rate <= rule.factor) return burn;
  burn.state = BurnState::firing;
  // A cluster that is down answers nobody: then time alone decides.
  const WindowShare down{.down = long_share.down, .observed = long_share.observed};
  if (down.bad() > rule.threshold(slo)) return burn;
  const double needed = 1 / rule.threshold(slo);
  if (long_share.failed < kBadRequestsMin || static_cast<double>(long_share.total) < needed) {
    burn.state = BurnState::insufficient_traffic;
  }
  return burn;
}

}  // namespace paceline
