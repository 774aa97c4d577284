// Statistics as wrk computes and scripts expect them: over values and how often each occurred.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "paceline/load/hdr_histogram.h"

namespace paceline {

class LoadStatistic {
 public:
  LoadStatistic() = default;
  /// To three digits, as the histogram has them.
  explicit LoadStatistic(const HdrHistogram& histogram);
  explicit LoadStatistic(std::vector<std::uint64_t> values);

  std::uint64_t count() const { return total_; }
  std::uint64_t min() const { return values_.empty() ? 0 : values_.front().first; }
  std::uint64_t max() const { return values_.empty() ? 0 : values_.back().first; }
  double mean() const;
  double deviation() const;  // of a sample: divided by one less than the count
  /// Of all values, the percentage that is at most one deviation away from the mean.
  double near_mean() const;
  std::uint64_t percentile(double percent) const;
  std::size_t distinct() const { return values_.size(); }
  /// Distinct values from the smallest on, and how often each occurred; {0, 0} beyond the last.
  std::pair<std::uint64_t, std::uint64_t> at(std::size_t index) const {
    return index < values_.size() ? values_[index] : std::pair<std::uint64_t, std::uint64_t>{};
  }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> values_;
  std::uint64_t total_ = 0;
};

/// wrk's answer to coordinated omission in a closed loop: with a request every `interval_us` by
/// each connection, a value of n stands for others of n - interval, n - 2 * interval, … that were
/// not asked. It assumes that everybody waited, so it overstates what only some met.
HdrHistogram with_omitted(const HdrHistogram& seen, std::uint64_t interval_us);

}  // namespace paceline
