#include "paceline/load/capacity_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace paceline {
namespace {

constexpr double kZ = 1.645;  // one-sided, 95 %

/// Student's t, one-sided 95 %; beyond the table to within 0.5 %.
double t_quantile(std::size_t freedom) {
  constexpr std::array<double, 10> table = {6.314, 2.920, 2.353, 2.132, 2.015,
                                            1.943, 1.895, 1.860, 1.833, 1.812};
  if (freedom == 0) return std::numeric_limits<double>::infinity();
  if (freedom <= table.size()) return table[freedom - 1];
  return kZ + 1.52 / static_cast<double>(freedom);
}

}  // namespace

ShareBound share_bound(std::span<const ShareBlock> blocks) {
  double requests = 0;
  double bad = 0;
  std::size_t filled = 0;
  for (const ShareBlock& block : blocks) {
    requests += static_cast<double>(block.requests);
    bad += static_cast<double>(block.bad);
    filled += block.requests > 0 ? 1 : 0;
  }
  if (requests == 0) return {};
  const double share = bad / requests;
  // Wilson's interval, as if each request were on its own.
  const double z2 = kZ * kZ / requests;
  const double middle = (share + z2 / 2) / (1 + z2);
  const double half =
      kZ / (1 + z2) * std::sqrt(share * (1 - share) / requests + z2 / (4 * requests));
  ShareBound bound{.share = share,
                   .lower = bad > 0 ? std::max(0.0, middle - half) : 0,
                   .upper = std::min(1.0, std::max(middle + half, 3 / requests))};
  // The ratio estimator over the seconds.
  if (filled >= 2 && bad > 0) {
    double squares = 0;
    for (const ShareBlock& block : blocks) {
      const double off =
          static_cast<double>(block.bad) - share * static_cast<double>(block.requests);
      squares += off * off;
    }
    const auto count = static_cast<double>(filled);
    const double error = std::sqrt(count / (count - 1) * squares) / requests;
    const double reach = t_quantile(filled - 1) * error;
    bound.lower = std::max(0.0, std::min(bound.lower, share - reach));
    bound.upper = std::min(1.0, std::max(bound.upper, share + reach));
  }
  return bound;
}

double CapacitySearch::failed() const {
  for (const auto& [rate, score] : scores_) {
    if (score.failed > score.passed) return rate;
  }
  return std::numeric_limits<double>::infinity();
}

double CapacitySearch::passed() const {
  const double bad = failed();
  double best = 0;
  for (const auto& [rate, score] : scores_) {
    if (rate < bad && score.passed > score.failed) best = rate;
  }
  return best;
}

void CapacitySearch::note(const CapacityStep& step, bool passed) {
  ++trials_;
  if (step.purpose == TrialPurpose::confirm) {
    ++confirms_;
    if (passed) {
      confirmed_ = step.rate;
    } else {
      confirm_rate_ = step.rate * kConfirmStep;
    }
    return;
  }
  Score& score = scores_[step.rate];
  ++(passed ? score.passed : score.failed);
}

/// One side of the edge is not known yet.
std::optional<CapacityStep> CapacitySearch::outwards(double good, double bad) const {
  const double limit =
      options_.rate_max > 0 ? options_.rate_max : std::numeric_limits<double>::infinity();
  if (good == 0 && std::isinf(bad)) {
    return CapacityStep{std::min(options_.start, limit), TrialPurpose::range};
  }
  if (good == 0) {
    if (bad / 2 < kLeast) return std::nullopt;
    return CapacityStep{bad / 2, TrialPurpose::range};
  }
  // Near what a closed loop reached the steps are smaller.
  const bool near = options_.saturation > 0 && good > 0.6 * options_.saturation;
  return CapacityStep{std::min(good * (near ? 1.5 : 2.0), limit), TrialPurpose::range};
}

std::optional<CapacityStep> CapacitySearch::next() const {
  if (trials_ >= options_.trials || confirmed_ > 0 || confirms_ >= kConfirmsMax) {
    return std::nullopt;
  }
  if (confirm_rate_ > 0) return CapacityStep{confirm_rate_, TrialPurpose::confirm};
  for (const auto& [rate, score] : scores_) {
    if (score.passed == score.failed) return CapacityStep{rate, TrialPurpose::retest};
  }
  const double good = passed();
  const double bad = failed();
  const bool at_limit = options_.rate_max > 0 && good >= options_.rate_max;
  if (good == 0 || (std::isinf(bad) && !at_limit)) return outwards(good, bad);
  if (!at_limit && bad / good >= 1 + options_.width) {
    return CapacityStep{std::sqrt(good * bad), TrialPurpose::bisect};
  }
  if (!scores_.at(good).decided(true)) return CapacityStep{good, TrialPurpose::retest};
  if (!at_limit && !scores_.at(bad).decided(false)) {
    return CapacityStep{bad, TrialPurpose::retest};
  }
  return CapacityStep{good, TrialPurpose::confirm};
}

}  // namespace paceline
