#include "paceline/load/statistic.h"

#include <algorithm>
#include <cmath>

namespace paceline {
namespace {

std::uint64_t middle_of(const HdrHistogram& histogram, std::size_t slot) {
  const std::uint64_t middle = HdrHistogram::value_of(slot) + HdrHistogram::width_of(slot) / 2;
  return std::clamp(middle, histogram.min(), histogram.max());
}

}  // namespace

LoadStatistic::LoadStatistic(const HdrHistogram& histogram) : total_(histogram.count()) {
  for (std::size_t slot = histogram.first_slot(); slot < histogram.end_slot(); ++slot) {
    const std::uint64_t here = histogram.in_slot(slot);
    if (here > 0) values_.emplace_back(middle_of(histogram, slot), here);
  }
}

LoadStatistic::LoadStatistic(std::vector<std::uint64_t> values) : total_(values.size()) {
  std::ranges::sort(values);
  for (const std::uint64_t value : values) {
    if (values_.empty() || values_.back().first != value) values_.emplace_back(value, 0);
    ++values_.back().second;
  }
}

double LoadStatistic::mean() const {
  if (total_ == 0) return 0;
  double sum = 0;
  for (const auto& [value, times] : values_) {
    sum += static_cast<double>(value) * static_cast<double>(times);
  }
  return sum / static_cast<double>(total_);
}

double LoadStatistic::deviation() const {
  if (total_ < 2) return 0;
  const double middle = mean();
  double sum = 0;
  for (const auto& [value, times] : values_) {
    const double away = static_cast<double>(value) - middle;
    sum += away * away * static_cast<double>(times);
  }
  return std::sqrt(sum / static_cast<double>(total_ - 1));
}

double LoadStatistic::near_mean() const {
  if (total_ == 0) return 0;
  const double middle = mean();
  const double away = deviation();
  std::uint64_t near = 0;
  for (const auto& [value, times] : values_) {
    if (std::abs(static_cast<double>(value) - middle) <= away) near += times;
  }
  return 100 * static_cast<double>(near) / static_cast<double>(total_);
}

/// wrk answers 0 for a rank beyond the last value, such as that of 100 %; here it is the last.
std::uint64_t LoadStatistic::percentile(double percent) const {
  const double rank = std::round(percent / 100 * static_cast<double>(total_) + 0.5);
  std::uint64_t seen = 0;
  for (const auto& [value, times] : values_) {
    seen += times;
    if (static_cast<double>(seen) >= rank) return value;
  }
  return max();
}

HdrHistogram with_omitted(const HdrHistogram& seen, std::uint64_t interval_us) {
  HdrHistogram all = seen;
  if (interval_us == 0) return all;
  for (std::size_t slot = seen.first_slot(); slot < seen.end_slot(); ++slot) {
    const std::uint64_t here = seen.in_slot(slot);
    const std::uint64_t value = middle_of(seen, slot);
    if (here == 0 || value < 2 * interval_us) continue;
    for (std::uint64_t each = value - interval_us; each > interval_us; each -= interval_us) {
      all.record(each, here);
    }
  }
  return all;
}

}  // namespace paceline
