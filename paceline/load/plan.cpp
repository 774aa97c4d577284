#include "paceline/load/plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace paceline {
namespace {

using Seconds = std::chrono::duration<long double>;

constexpr double kRateMax = 1e7;  // requests per second, beyond any generator
constexpr Duration kLengthMax = std::chrono::hours(24 * 30);

std::optional<double> parse_rate(std::string_view text) {
  double rate = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, rate, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !(rate >= 0 && rate <= kRateMax)) return {};
  return rate;
}

Result<PlanStep> parse_step(std::string_view text) {
  const auto wrong = [text] {
    return fail(Code::invalid,
                "a plan's step is LENGTH@RATE or LENGTH@FROM..TO, as 30s@50..500, not " +
                    printable(text, 60));
  };
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return wrong();
  const Result<Duration> length = parse_duration(text.substr(0, at));
  const std::string_view rates = text.substr(at + 1);
  const std::size_t dots = rates.find("..");
  const std::optional<double> from = parse_rate(rates.substr(0, dots));
  std::optional<double> to = from;
  if (dots != std::string_view::npos) to = parse_rate(rates.substr(dots + 2));
  if (!length || *length <= Duration::zero() || *length > kLengthMax || !from || !to) {
    return wrong();
  }
  return PlanStep{*length, *from, *to};
}

long double count_of(const PlanStep& step) {
  const long double mean = (static_cast<long double>(step.from) + step.to) / 2;
  return mean * Seconds(step.length).count();
}

}  // namespace

Result<ArrivalPlan> ArrivalPlan::parse(std::string_view text) {
  std::vector<PlanStep> steps;
  long double count = 0;
  Duration length{};
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view piece = text.substr(0, comma);
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    PACELINE_TRY_VALUE(const PlanStep step, parse_step(piece));
    steps.push_back(step);
    count += count_of(step);
    length += step.length;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (!(count > 0)) return fail(Code::invalid, "a plan needs at least one request");
  if (length > kLengthMax) return fail(Code::invalid, "a plan takes at most 30 days");
  return ArrivalPlan(std::move(steps));
}

ArrivalPlan::ArrivalPlan(std::vector<PlanStep> steps) : steps_(std::move(steps)) {
  long double count = 0;
  for (const PlanStep& step : steps_) {
    count += count_of(step);
    ends_.push_back(count);
    length_ += step.length;
  }
  check(count > 0, "a plan has arrivals");
}

double ArrivalPlan::rate_mean() const {
  return static_cast<double>(ends_.back() / Seconds(length_).count());
}

double ArrivalPlan::rate_max() const {
  double rate = 0;
  for (const PlanStep& step : steps_) rate = std::max({rate, step.from, step.to});
  return rate;
}

ArrivalPlan ArrivalPlan::after(Duration warmup) const {
  std::vector<PlanStep> steps = steps_;
  if (warmup > Duration::zero()) {
    steps.insert(steps.begin(), PlanStep{warmup, steps.front().from, steps.front().from});
  }
  return ArrivalPlan(std::move(steps));
}

/// Within a step n(t) = from * t + slope * t² / 2, which is solved for t in the form that keeps
/// its digits when the slope is small, and is n / from when there is none.
Duration ArrivalPlan::at(long double count, std::size_t& step) const {
  while (step < steps_.size() && count >= ends_[step]) ++step;
  if (step == steps_.size()) return Duration::max();
  const PlanStep& here = steps_[step];
  Duration start{};
  for (std::size_t i = 0; i < step; ++i) start += steps_[i].length;
  const long double n = count - (step == 0 ? 0 : ends_[step - 1]);
  if (n <= 0) return start;
  const long double from = here.from;
  const long double slope = (here.to - from) / Seconds(here.length).count();
  const long double seconds =
      slope == 0 ? n / from
                 : 2 * n / (from + std::sqrt(std::max(0.0L, from * from + 2 * slope * n)));
  const auto inside = static_cast<std::int64_t>(seconds * 1e9L);
  return start + std::min(Duration(inside), here.length - Duration(1));
}

Arrivals::Arrivals(const ArrivalPlan& plan, ArrivalKind kind, std::uint64_t seed, Part part)
    : plan_(plan), kind_(kind), threads_(part.threads), random_(seed + part.thread) {
  count_ = kind == ArrivalKind::uniform ? part.thread : gap();
  next_ = plan_.at(count_, step_);
}

long double Arrivals::gap() {
  const double chance = std::generate_canonical<double, 53>(random_);  // from 0, below 1
  return -std::log1p(-static_cast<long double>(chance)) * threads_;
}

void Arrivals::advance() {
  count_ += kind_ == ArrivalKind::uniform ? threads_ : gap();
  next_ = plan_.at(count_, step_);
}

}  // namespace paceline
