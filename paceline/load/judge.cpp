#include "paceline/load/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>

namespace paceline {
namespace {

constexpr double kDoubt = 0.05;  // 95 % confidence

/// Chance of at least `bad` bad ones among `total`, if a share `budget` of all is bad.
double chance_of(std::uint64_t bad, std::uint64_t total, double budget) {
  double below = 0;
  const auto n = static_cast<double>(total);
  for (std::uint64_t i = 0; i < bad; ++i) {
    const auto k = static_cast<double>(i);
    below += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                      k * std::log(budget) + (n - k) * std::log1p(-budget));
  }
  return std::max(0.0, 1 - below);
}

/// What is counted in a stretch of time; seconds enter and leave.
class Sample {
 public:
  void enter(const LoadSecond& second, std::optional<std::size_t> tag, Duration length) {
    count(second, tag, 1);
    length_ += length;
  }
  void leave(const LoadSecond& second, std::optional<std::size_t> tag, Duration length) {
    count(second, tag, -1);
    length_ -= length;
  }
  std::uint64_t total() const { return answered_ + lost_; }
  std::uint64_t lost() const { return lost_; }  // without an answer: slower than any bound
  std::uint64_t answered() const { return answered_; }
  std::uint64_t server_errors() const { return server_errors_; }
  double seconds() const { return std::chrono::duration<double>(length_).count(); }

  /// The value that a share of all does not exceed; none if that is one without an answer.
  std::optional<double> at(double quantile) const {
    const double share = std::nextafter(quantile, -1.0);
    const double rank = std::max(1.0, std::ceil(share * static_cast<double>(total())));
    std::uint64_t seen = 0;
    for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
      seen += counts_[slot];
      if (static_cast<double>(seen) >= rank) return top_of(slot);
    }
    return {};
  }
  std::optional<double> least() const {
    for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
      if (counts_[slot] > 0) return static_cast<double>(HdrHistogram::value_of(slot));
    }
    return {};
  }
  std::optional<double> mean() const {
    if (answered_ == 0) return {};
    double sum = 0;
    for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
      const double middle = static_cast<double>(HdrHistogram::value_of(slot)) +
                            static_cast<double>(HdrHistogram::width_of(slot) / 2);
      sum += static_cast<double>(counts_[slot]) * middle;
    }
    return sum / static_cast<double>(answered_);
  }
  /// Those that this goal calls bad.
  std::uint64_t beyond(const LoadGoal& goal) const {
    std::uint64_t found = lost_;
    for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
      if (counts_[slot] > 0 && !goal.holds(top_of(slot))) found += counts_[slot];
    }
    return found;
  }

 private:
  static double top_of(std::size_t slot) {
    return static_cast<double>(HdrHistogram::value_of(slot) + HdrHistogram::width_of(slot) - 1);
  }
  void count(const LoadSecond& second, std::optional<std::size_t> tag, int sign) {
    if (tag) return add(second.classes[*tag], sign);
    add(second.response, sign);
    add(second.unanswered, -sign);
    for (const auto& [slot, number] : second.unanswered) lost_ += wrap(number, sign);
    for (const auto& [status, number] : second.status) {
      if (status >= 500) server_errors_ += wrap(number, sign);
    }
  }
  void add(const HdrSlots& slots, int sign) {
    for (const auto& [slot, number] : slots) {
      if (slot >= counts_.size()) counts_.resize(slot + 1);
      counts_[slot] += wrap(number, sign);
      answered_ += wrap(number, sign);
    }
  }
  /// To subtract is to add modulo 2^64.
  static std::uint64_t wrap(std::uint64_t number, int sign) {
    return sign > 0 ? number : std::uint64_t{0} - number;
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t answered_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t server_errors_ = 0;
  Duration length_{};
};

/// A share of bad requests: decided by the share when there are enough of them, below that only if
/// chance does not explain it.
LoadVerdict judge_share(LoadVerdict verdict, bool holds, double budget, std::uint64_t bad,
                        std::uint64_t total) {
  const std::uint64_t needed = requests_to_decide(budget);
  if (total < needed && (holds || chance_of(bad, total, budget) >= kDoubt)) {
    verdict.reason = fmt::format("{} requests cannot decide it: {} can", total, needed);
    return verdict;
  }
  verdict.state = holds ? GoalState::met : GoalState::missed;
  if (!holds) verdict.reason = fmt::format("{} of {} requests are bad", bad, total);
  return verdict;
}

LoadVerdict judge_quantile(const LoadGoal& goal, const Sample& sample) {
  LoadVerdict verdict{.value = sample.at(goal.quantile)};
  const bool upper = goal.compare <= LoadCompare::less_equal;
  const bool holds = verdict.value ? goal.holds(*verdict.value) : !upper;
  const double budget = 1 - goal.quantile;
  if (!upper) {
    const bool enough = sample.total() >= requests_to_decide(budget);
    if (enough) verdict.state = holds ? GoalState::met : GoalState::missed;
    if (!enough) verdict.reason = fmt::format("only {} requests", sample.total());
    return verdict;
  }
  verdict = judge_share(verdict, holds, budget, sample.beyond(goal), sample.total());
  if (verdict.state == GoalState::missed && !verdict.value) {
    verdict.reason += fmt::format(", {} of them without an answer", sample.lost());
  }
  return verdict;
}

LoadVerdict judge_errors(const LoadGoal& goal, const Sample& sample) {
  const std::uint64_t bad = sample.lost() + sample.server_errors();
  const double share = static_cast<double>(bad) / static_cast<double>(sample.total());
  LoadVerdict verdict{.value = share};
  const bool upper = goal.compare <= LoadCompare::less_equal;
  if (upper && goal.bound > 0 && goal.bound < 1) {
    return judge_share(verdict, goal.holds(share), goal.bound, bad, sample.total());
  }
  verdict.state = goal.holds(share) ? GoalState::met : GoalState::missed;
  if (!goal.holds(share)) {
    verdict.reason = fmt::format("{} of {} requests are bad", bad, sample.total());
  }
  return verdict;
}

std::optional<double> value_of(const LoadGoal& goal, const Sample& sample) {
  switch (goal.measure) {
    case LoadMeasure::avg:
      return sample.mean();
    case LoadMeasure::min:
      return sample.least();
    case LoadMeasure::max:
      return sample.at(1);
    case LoadMeasure::count:
      return static_cast<double>(sample.total());
    case LoadMeasure::rate:
      if (sample.seconds() <= 0) return {};
      return static_cast<double>(sample.answered()) / sample.seconds();
    default:
      return {};
  }
}

LoadVerdict judge_sample(const LoadGoal& goal, const Sample& sample) {
  const bool counted = goal.measure == LoadMeasure::count || goal.measure == LoadMeasure::rate;
  if (sample.total() == 0 && !counted) return {.reason = "no requests"};
  if (goal.measure == LoadMeasure::quantile) return judge_quantile(goal, sample);
  if (goal.measure == LoadMeasure::error_rate) return judge_errors(goal, sample);
  LoadVerdict verdict{.value = value_of(goal, sample)};
  if (!verdict.value && sample.lost() == 0) {
    verdict.reason = "no time passed";
    return verdict;
  }
  const bool upper = goal.compare <= LoadCompare::less_equal;
  const bool holds = verdict.value ? goal.holds(*verdict.value) : !upper;
  verdict.state = holds ? GoalState::met : GoalState::missed;
  if (!holds && !verdict.value) {
    verdict.reason = fmt::format("{} requests without an answer", sample.lost());
  }
  return verdict;
}

/// Which of two verdicts of windows says more about the goal.
bool worse(const LoadGoal& goal, const LoadVerdict& a, const LoadVerdict& b) {
  const auto rank = [](GoalState state) {
    return state == GoalState::missed ? 2 : state == GoalState::met ? 1 : 0;
  };
  if (a.state != b.state) return rank(a.state) > rank(b.state);
  if (!a.value || !b.value) return b.value.has_value();
  return goal.compare <= LoadCompare::less_equal ? *a.value > *b.value : *a.value < *b.value;
}

}  // namespace

/// One goal and what counts for it: the whole run, or the last seconds and the worst so far.
class LoadJudge::Case {
 public:
  Case(const LoadGoal& goal, std::optional<std::size_t> tag) : goal_(goal), tag_(tag) {}

  void add(const LoadSecond& second, Duration length) {
    sample_.enter(second, tag_, length);
    if (goal_.window == Duration::zero()) return;
    seconds_.emplace_back(second, length);
    if (Duration(seconds_.size() * 1s) < goal_.window) return;
    // A shorter last second makes a shorter window; for what is counted that would be unfair.
    const bool fair = goal_.measure != LoadMeasure::count || length == Duration(1s);
    if (LoadVerdict now = judge_sample(goal_, sample_);
        fair && (!worst_ || worse(goal_, now, *worst_))) {
      worst_ = std::move(now);
    }
    sample_.leave(seconds_.front().first, tag_, seconds_.front().second);
    seconds_.pop_front();
  }
  /// A run that is shorter than the window is its own.
  LoadVerdict verdict() const { return worst_ ? *worst_ : judge_sample(goal_, sample_); }
  bool missed_so_far() const {
    if (goal_.window > Duration::zero()) return worst_ && worst_->state == GoalState::missed;
    const LoadVerdict now = judge_sample(goal_, sample_);
    // What only grows is not missed for being small yet.
    const bool growing = goal_.measure == LoadMeasure::count;
    return now.state == GoalState::missed && (!growing || *now.value > goal_.bound);
  }

 private:
  const LoadGoal& goal_;
  std::optional<std::size_t> tag_;
  Sample sample_;
  std::deque<std::pair<LoadSecond, Duration>> seconds_;  // of the window
  std::optional<LoadVerdict> worst_;
};

LoadJudge::LoadJudge(std::vector<LoadGoal> goals, std::vector<StatusClass> classes)
    : goals_(std::move(goals)) {
  for (const LoadGoal& goal : goals_) {
    std::optional<std::size_t> tag;
    if (goal.only) {
      const auto at = std::ranges::find(classes, *goal.only);
      check(at != classes.end(), "the run counts what its goals ask for");
      tag = static_cast<std::size_t>(at - classes.begin());
    }
    cases_.push_back(std::make_unique<Case>(goal, tag));
  }
}

LoadJudge::~LoadJudge() = default;

void LoadJudge::add(const LoadSecond& second, Duration length) {
  length_ += length;
  for (const auto& each : cases_) each->add(second, length);
}

std::vector<LoadVerdict> LoadJudge::verdicts() const {
  std::vector<LoadVerdict> found;
  found.reserve(cases_.size());
  for (const auto& each : cases_) found.push_back(each->verdict());
  return found;
}

const LoadGoal* LoadJudge::aborting() const {
  for (std::size_t i = 0; i < goals_.size(); ++i) {
    const LoadGoal& goal = goals_[i];
    if (goal.abort && length_ >= goal.abort_after && cases_[i]->missed_so_far()) return &goal;
  }
  return nullptr;
}

std::vector<StatusClass> classes_of(const std::vector<LoadGoal>& goals) {
  std::vector<StatusClass> found;
  for (const LoadGoal& goal : goals) {
    if (goal.only && std::ranges::find(found, *goal.only) == found.end()) {
      found.push_back(*goal.only);
    }
  }
  return found;
}

std::vector<LoadVerdict> judge_load(const std::vector<LoadGoal>& goals,
                                    const std::vector<StatusClass>& classes,
                                    const LoadResult& result) {
  LoadJudge judge(goals, classes);
  Duration left = result.elapsed;
  for (const LoadSecond& second : result.tally.seconds) {
    const Duration length = std::clamp<Duration>(left, Duration{}, 1s);
    judge.add(second, length);
    left -= length;
  }
  return judge.verdicts();
}

std::uint64_t requests_to_decide(double budget) {
  if (budget <= 0 || budget >= 1) return 1;
  return static_cast<std::uint64_t>(std::ceil(std::log(kDoubt) / std::log1p(-budget)));
}

}  // namespace paceline
