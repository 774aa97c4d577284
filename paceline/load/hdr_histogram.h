// Latencies as HdrHistogram counts them: three decimal digits from 1 µs to 1 h, so that no
// quantile is off by more than 0.1 %, whatever the shape. Its published formats are the exchange
// with other tools, and merging is adding.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// Counts of values in microseconds. At most 184 KiB; grows with the largest value: 16 KiB up to
/// 2 ms, 40 KiB up to 16 ms.
class HdrHistogram {
 public:
  static constexpr std::uint64_t lowest = 1;
  static constexpr std::uint64_t highest = 3'600'000'000;  // 1 h; longer counts as this
  static constexpr int digits = 3;
  // 2048 steps of 1 µs keep three digits; each further bucket has twice the range and step.
  static constexpr std::size_t sub_buckets = 2048;
  static constexpr std::size_t buckets = 22;  // 2048 * 2^21 µs is the first end beyond 1 h
  static constexpr std::size_t slots = (buckets + 1) * (sub_buckets / 2);

  void record(std::uint64_t us, std::uint64_t count = 1) {
    if (us > highest) [[unlikely]] {
      us = highest;
    }
    const std::size_t slot = slot_of(us);
    if (slot >= counts_.size()) [[unlikely]] {
      grow(slot);
    }
    counts_[slot] += count;
    total_ += count;
    if (us < min_) min_ = us;
    if (us > max_) max_ = us;
  }
  void record(Duration value) {
    record(value <= Duration::zero() ? 0 : static_cast<std::uint64_t>(value.count()) / 1000);
  }
  /// For a loop that waits for its answers and was meant to ask every `interval_us`: adds what it
  /// did not ask meanwhile, value - interval, value - 2 * interval, … 0 adds nothing.
  void record_corrected(std::uint64_t us, std::uint64_t interval_us);
  void add(const HdrHistogram& other);
  void clear();

  std::uint64_t count() const { return total_; }
  bool empty() const { return total_ == 0; }
  /// Equal values to three digits: the lowest of the smallest, the highest of the largest. 0 when
  /// empty.
  std::uint64_t min() const { return empty() ? 0 : lowest_equal(min_); }
  std::uint64_t max() const { return empty() ? 0 : highest_equal(max_); }
  double mean() const;
  double deviation() const;
  /// The value that a share `quantile` (0 to 1) of all values does not exceed. 0 when empty.
  std::uint64_t at(double quantile) const;
  /// How many values are at most `us`, or equal to it to three digits.
  std::uint64_t count_to(std::uint64_t us) const;
  std::uint64_t in_slot(std::size_t slot) const {
    return slot < counts_.size() ? counts_[slot] : 0;
  }
  /// No value lies in a slot before the first or from the end on.
  std::size_t first_slot() const { return empty() ? 0 : slot_of(min_); }
  std::size_t end_slot() const { return empty() ? 0 : slot_of(max_) + 1; }

  static constexpr std::size_t slot_of(std::uint64_t us) {
    // Bucket 0 has 2048 steps; of the others the lower half would repeat the one before.
    const auto bucket = static_cast<std::size_t>(std::bit_width(us | (sub_buckets - 1))) - 11;
    return bucket * (sub_buckets / 2) + static_cast<std::size_t>(us >> bucket);
  }
  /// The smallest value of a slot.
  static constexpr std::uint64_t value_of(std::size_t slot) {
    if (slot < sub_buckets) return slot;
    const std::size_t bucket = slot / (sub_buckets / 2) - 1;
    return static_cast<std::uint64_t>(slot % (sub_buckets / 2) + sub_buckets / 2) << bucket;
  }
  static constexpr std::uint64_t width_of(std::size_t slot) {
    return slot < sub_buckets ? 1 : std::uint64_t{1} << (slot / (sub_buckets / 2) - 1);
  }
  static constexpr std::uint64_t lowest_equal(std::uint64_t us) { return value_of(slot_of(us)); }
  static constexpr std::uint64_t highest_equal(std::uint64_t us) {
    const std::size_t slot = slot_of(us);
    return value_of(slot) + width_of(slot) - 1;
  }

 private:
  static double middle_of(std::size_t slot) {
    return static_cast<double>(value_of(slot) + width_of(slot) / 2);
  }
  void grow(std::size_t slot);

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
};

/// The V2 encoding, deflated, in base64: "HISTFAAA…", as in interval logs.
std::string encode_hdr(const HdrHistogram& histogram);
/// The bytes before base64: V2 without and with deflation.
std::string encode_hdr_plain(const HdrHistogram& histogram);
/// Reads base64 of either. Histograms of another range or precision are converted, each count at
/// its own value; values beyond 1 h count as 1 h. Code::corrupt for anything else.
Result<HdrHistogram> decode_hdr(std::string_view text);

/// The percentile spectrum that hdrhistogram.github.io plots: values divided by `scale` (1000:
/// milliseconds), five lines each time the rest halves.
std::string hdr_spectrum(const HdrHistogram& histogram, double scale = 1000.0);

}  // namespace paceline
