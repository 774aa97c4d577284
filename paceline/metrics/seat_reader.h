// Reads one block again and again: its directory is understood once, after that only cells are
// loaded. For whoever looks at many blocks every second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "paceline/core.h"
#include "paceline/metrics/reader.h"

namespace paceline {

class SeatReader {
 public:
  struct Series {
    MetricKey key;
    MetricValue value;
  };

  /// `bytes` is borrowed.
  explicit SeatReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// Code::corrupt when the bytes are no sound block, or changed meanwhile: what was read before
  /// stands.
  Result<void> read();
  /// Changes when the block was formatted anew; 0 before the first good reading.
  std::uint64_t incarnation() const { return incarnation_; }
  /// `paceline_metrics_series_dropped_total`, then the block's own in the order of their making.
  /// Only grows within an incarnation.
  std::span<const Series> series() const { return series_; }
  /// What the last incarnation held when it was last seen; once, then empty.
  std::vector<Series> take_former() { return std::exchange(former_, {}); }

 private:
  struct Place {
    std::uint32_t first_cell;
    std::uint32_t cells;
  };
  std::span<const std::byte> bytes_;
  std::uint64_t incarnation_ = 0;
  std::vector<Place> places_;   // of the directory's entries
  std::vector<Series> series_;  // one more, at the front
  std::vector<Series> former_;
};

}  // namespace paceline
