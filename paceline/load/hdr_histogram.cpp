#include "paceline/load/hdr_histogram.h"

#include <algorithm>
#include <cmath>

namespace paceline {

static_assert(HdrHistogram::slot_of(2047) == 2047 && HdrHistogram::slot_of(2048) == 2048);
static_assert(HdrHistogram::slot_of(4095) == 3071 && HdrHistogram::slot_of(4096) == 3072);
static_assert(HdrHistogram::slot_of(HdrHistogram::highest) < HdrHistogram::slots);
static_assert(HdrHistogram::value_of(3072) == 4096 && HdrHistogram::width_of(3072) == 4);

void HdrHistogram::grow(std::size_t slot) {
  constexpr std::size_t step = sub_buckets / 2;
  counts_.resize((slot / step + 1) * step);
}

void HdrHistogram::record_corrected(std::uint64_t us, std::uint64_t interval_us) {
  record(us);
  if (interval_us == 0) return;
  us = std::min(us, highest);
  while (us >= 2 * interval_us) {
    us -= interval_us;
    record(us);
  }
}

void HdrHistogram::add(const HdrHistogram& other) {
  if (other.empty()) return;
  if (other.end_slot() > counts_.size()) grow(other.end_slot() - 1);
  for (std::size_t slot = other.first_slot(); slot < other.end_slot(); ++slot) {
    counts_[slot] += other.counts_[slot];
  }
  total_ += other.total_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void HdrHistogram::clear() {
  for (std::size_t slot = first_slot(); slot < end_slot(); ++slot) counts_[slot] = 0;
  total_ = max_ = 0;
  min_ = UINT64_MAX;
}

double HdrHistogram::mean() const {
  if (empty()) return 0;
  double sum = 0;
  for (std::size_t slot = first_slot(); slot < end_slot(); ++slot) {
    sum += static_cast<double>(counts_[slot]) * middle_of(slot);
  }
  return sum / static_cast<double>(total_);
}

double HdrHistogram::deviation() const {
  if (empty()) return 0;
  const double middle = mean();
  double sum = 0;
  for (std::size_t slot = first_slot(); slot < end_slot(); ++slot) {
    const double distance = middle_of(slot) - middle;
    sum += static_cast<double>(counts_[slot]) * distance * distance;
  }
  return std::sqrt(sum / static_cast<double>(total_));
}

std::uint64_t HdrHistogram::at(double quantile) const {
  if (empty()) return 0;
  // A share of 0.99 of 200 is 198 values, although 0.99 as a double is a little more.
  const double share = std::nextafter(std::clamp(quantile, 0.0, 1.0), -1.0);
  const double rank = std::ceil(share * static_cast<double>(total_));
  const std::uint64_t wanted = rank < 1 ? 1 : static_cast<std::uint64_t>(rank);
  std::uint64_t seen = 0;
  for (std::size_t slot = first_slot(); slot < end_slot(); ++slot) {
    seen += counts_[slot];
    if (seen >= wanted) return value_of(slot) + width_of(slot) - 1;
  }
  return max();
}

std::uint64_t HdrHistogram::count_to(std::uint64_t us) const {
  if (empty()) return 0;
  const std::size_t end = std::min(end_slot(), slot_of(std::min(us, highest)) + 1);
  std::uint64_t seen = 0;
  for (std::size_t slot = first_slot(); slot < end; ++slot) seen += counts_[slot];
  return seen;
}

}  // namespace paceline
