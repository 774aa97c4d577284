// Durations on a decimal log-linear scale. In every decade from 1 µs to 100 s the bounds go from
// 1 to 2 in steps of 0.1, from 2 to 5 in steps of 0.25, from 5 to 10 in steps of 0.5. So the goals
// of the guide (p95 < 0.2 s, p99 < 0.5 s) and every default bound of OpenTelemetry are exact
// bounds, merging is adding, and no bucket is wider than 12.5 % of its lower bound.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// The scale itself: nanoseconds to bucket and back.
class HistogramScale {
 public:
  static constexpr std::size_t decades = 8;
  static constexpr std::size_t per_decade = 32;
  /// Bucket 0 holds what is shorter than 1 µs, the last one what took 100 s and longer.
  static constexpr std::size_t buckets = decades * per_decade + 2;
  static constexpr std::uint64_t overflow_ns = 100'000'000'000;

  /// About 2 ns: two table look-ups and a multiplication instead of a logarithm and a division.
  static constexpr std::size_t bucket(std::uint64_t ns) {
    if (ns >= overflow_ns) [[unlikely]]
      return buckets - 1;
    std::size_t decade = tables_.decade_of_bits[static_cast<std::size_t>(std::bit_width(ns))];
    decade += ns >= tables_.decade_end[decade] ? 1 : 0;
    // Twentieths of the decade's unit: ns / (50 * 10^decade), as a shift and an exact multiply.
    const std::uint64_t twentieths =
        ((ns >> (decade + 1)) * tables_.reciprocal[decade]) >> reciprocal_bits;
    return decade * per_decade + tables_.step_of_twentieth[twentieths];
  }

  /// The shortest duration that falls into `bucket`, in nanoseconds.
  static constexpr std::uint64_t lower_ns(std::size_t bucket) {
    if (bucket == 0) return 0;
    if (bucket >= buckets - 1) return overflow_ns;
    const std::size_t step = (bucket - 1) % per_decade;
    const std::uint64_t twentieths = step < 10   ? 20 + step * 2
                                     : step < 22 ? 40 + (step - 10) * 5
                                                 : 100 + (step - 22) * 10;
    std::uint64_t unit = 50;
    for (std::size_t i = (bucket - 1) / per_decade; i > 0; --i) unit *= 10;
    return twentieths * unit;
  }

  /// Where the next bucket begins; the last bucket has no end.
  static constexpr std::uint64_t upper_ns(std::size_t bucket) {
    return bucket >= buckets - 1 ? UINT64_MAX : lower_ns(bucket + 1);
  }

 private:
  // With n = ns >> (decade + 1) and b = 5^(decade + 2): n < 200 b and b < 2^21, so the rounding
  // error n * (b * ceil(2^50 / b) - 2^50) stays below 2^50 and the quotient is exact; the
  // product stays below 2^58.
  static constexpr unsigned reciprocal_bits = 50;

  struct Tables {
    std::array<std::uint64_t, decades> reciprocal{};
    std::array<std::uint64_t, decades> decade_end{};
    std::array<std::uint8_t, 200> step_of_twentieth{};
    std::array<std::uint8_t, 38> decade_of_bits{};

    constexpr Tables() {
      std::uint64_t five = 25;
      std::uint64_t end = 10'000;
      for (std::size_t i = 0; i < decades; ++i, five *= 5, end *= 10) {
        reciprocal[i] = ((std::uint64_t{1} << reciprocal_bits) + five - 1) / five;
        decade_end[i] = end;
      }
      for (std::size_t i = 20; i < step_of_twentieth.size(); ++i) {
        const std::size_t step = i < 40    ? (i - 20) / 2
                                 : i < 100 ? 10 + (i - 40) / 5
                                           : 22 + (i - 100) / 10;
        step_of_twentieth[i] = static_cast<std::uint8_t>(step + 1);
      }
      for (std::size_t bits = 1; bits < decade_of_bits.size(); ++bits) {
        while (decade_end[decade_of_bits[bits]] <= std::uint64_t{1} << (bits - 1)) {
          ++decade_of_bits[bits];
        }
      }
    }
  };
  static const Tables tables_;
};

inline constexpr HistogramScale::Tables HistogramScale::tables_{};

/// A histogram that was read: one writer's, or the sum of many. Empty until something was merged.
class HistogramTotals {
 public:
  HistogramTotals() = default;
  HistogramTotals(std::vector<std::uint64_t> buckets, std::uint64_t sum_ns);

  void merge(const HistogramTotals& other);
  std::uint64_t count() const;
  /// The sum of all recorded durations. It is stored beside the buckets, so a reader of a running
  /// process may see it one record ahead of or behind them.
  std::uint64_t sum_ns() const { return sum_ns_; }
  /// How many were shorter than `bound`: exact when `bound` is one of the scale's bounds (0.2 s
  /// and 0.5 s are), else of the next lower one.
  std::uint64_t count_below(Duration bound) const;
  /// The duration below which the share `q` (0 to 1) lies: the middle of its bucket, so within
  /// 6.25 % of the true one between 1 µs and 100 s. Zero when nothing was recorded.
  Duration quantile(double q) const;
  const std::vector<std::uint64_t>& buckets() const { return buckets_; }

 private:
  std::vector<std::uint64_t> buckets_;  // HistogramScale::buckets, or none
  std::uint64_t sum_ns_ = 0;
};

}  // namespace paceline
