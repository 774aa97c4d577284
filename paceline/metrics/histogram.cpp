#include "paceline/metrics/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace paceline {

HistogramTotals::HistogramTotals(std::vector<std::uint64_t> buckets, std::uint64_t sum_ns)
    : buckets_(std::move(buckets)), sum_ns_(sum_ns) {
  check(buckets_.size() == HistogramScale::buckets, "a histogram has the scale's buckets");
}

void HistogramTotals::merge(const HistogramTotals& other) {
  if (other.buckets_.empty()) return;
  buckets_.resize(HistogramScale::buckets);
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  sum_ns_ += other.sum_ns_;
}

std::uint64_t HistogramTotals::count() const {
  return std::accumulate(buckets_.begin(), buckets_.end(), std::uint64_t{0});
}

std::uint64_t HistogramTotals::count_below(Duration bound) const {
  if (buckets_.empty() || bound <= Duration::zero()) return 0;
  const std::size_t end = HistogramScale::bucket(static_cast<std::uint64_t>(bound.count()));
  const auto begin = buckets_.begin();
  return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(end), std::uint64_t{0});
}

Duration HistogramTotals::quantile(double q) const {
  const std::uint64_t total = count();
  if (total == 0) return Duration::zero();
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total));
  const std::uint64_t rank = std::max(std::uint64_t{1}, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (bucket + 1 < buckets_.size() && seen + buckets_[bucket] < rank) {
    seen += buckets_[bucket++];
  }
  const std::uint64_t lower = HistogramScale::lower_ns(bucket);
  if (bucket == HistogramScale::buckets - 1) return Duration(static_cast<std::int64_t>(lower));
  return Duration(static_cast<std::int64_t>((lower + HistogramScale::upper_ns(bucket)) / 2));
}

}  // namespace paceline
