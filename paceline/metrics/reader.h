// The reading side: what a block holds, and the totals over all blocks of a host. The bytes
// belong to other processes and are not trusted; nothing here waits for anybody.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/metrics/block.h"

namespace paceline {

/// What makes two series one. Ordered by name, as the text formats want them.
struct MetricKey {
  std::string name;
  std::string labels;  // `route="/data/{id}",status="200"`: sorted, escaped, ready to print
  MetricKind kind = MetricKind::counter;
  auto operator<=>(const MetricKey&) const = default;
};

/// One record of a histogram, by the id that the log shows: an exemplar of OpenMetrics.
struct MetricExample {
  Duration duration{0};
  std::chrono::system_clock::time_point time;
  std::string id;  // printable, without quotes and backslashes
};

/// A counter's or gauge's number, or a histogram.
struct MetricValue {
  std::uint64_t count = 0;  // of a counter
  std::int64_t level = 0;   // of a gauge
  HistogramTotals histogram;
  std::vector<MetricExample> examples;  // of a histogram: at most one of each seat
};

using MetricsTotals = std::map<MetricKey, MetricValue>;

/// One block, read at once.
struct MetricsSnapshot {
  std::uint64_t incarnation = 0;  // changes when the block is formatted anew
  MetricsTotals series;
};

/// Code::corrupt when the bytes are no sound block. A block that is being formatted anew counts
/// as none. Beside the block's own series there is `paceline_metrics_series_dropped_total`.
Result<MetricsSnapshot> read_metrics(std::span<const std::byte> bytes);

/// Retired: its process is gone. What it counted stays, its gauges do not.
enum class SeatLife : std::uint8_t { live, retired };

struct MetricsSeat {
  std::span<const std::byte> bytes;  // borrowed until read() returns
  SeatLife state = SeatLife::live;
};

/// Merges the blocks of all seats. Between two reads no counter and no histogram goes back: a
/// retired seat still counts, one that was formatted anew is folded into the totals with what was
/// last seen of it, and one that cannot be read keeps its last values until it can.
class MetricsReader {
 public:
  /// `seats[i]` is the same seat in every call; there may be more of them than the last time.
  MetricsTotals read(std::span<const MetricsSeat> seats);
  /// Blocks that could not be read, so far.
  std::uint64_t unreadable() const { return unreadable_; }

 private:
  MetricsTotals folded_;               // what blocks held that exist no more
  std::vector<MetricsSnapshot> seen_;  // the last good reading of every seat
  std::uint64_t unreadable_ = 0;
};

}  // namespace paceline
