// The trend: readings of the last five minutes, and what happened between two of them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "paceline/core.h"
#include "paceline/metrics.h"

namespace paceline {

/// One reading of the cluster: totals since the instance began. They never go back.
struct Reading {
  Time at;
  HistogramTotals latency;                // of every answered request
  std::array<std::uint64_t, 5> status{};  // answers 1xx, 2xx, … 5xx
  std::uint64_t aborted = 0;              // by the server
  std::uint64_t refused = 0;              // connections answered 503, or not at all
  std::uint64_t rejected = 0;             // requests that were not HTTP as we take it, timeouts
  std::map<std::string, std::uint64_t> rejected_by;  // by reason
  std::uint64_t received = 0;                        // bytes
  std::uint64_t sent = 0;
  std::uint64_t disk_read = 0;
  std::uint64_t disk_written = 0;
  Duration cpu{0};  // of all processes
  HistogramTotals lag;
  HistogramTotals iteration;
  struct CacheLevel {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t evictions = 0;
  };
  std::map<std::string, CacheLevel> cache;

  std::uint64_t requests() const { return latency.count() + aborted + refused; }
  /// 5xx, shed connections and aborts by the server; never 4xx.
  std::uint64_t failed() const { return status[4] + aborted + refused; }
};

/// The totals of a registry's metrics as one reading.
Reading reading_of(const MetricsTotals& totals, Time at);

/// What was recorded after `before`: `now` minus `before`.
HistogramTotals between(const HistogramTotals& before, const HistogramTotals& now);

class Trend {
 public:
  static constexpr Duration kKept = std::chrono::minutes(5);

  void add(Reading reading);
  bool empty() const { return readings_.empty(); }
  const Reading& newest() const { return readings_.back(); }
  /// The youngest reading that is at least `window` old, or the oldest there is. Null with fewer
  /// than two readings.
  const Reading* before(Duration window) const;
  /// Per second over the window; nothing before there are two readings.
  std::optional<double> rate(Duration window, std::uint64_t Reading::* member) const;
  /// What the window really covers.
  Duration elapsed(Duration window) const;

 private:
  std::deque<Reading> readings_;
};

}  // namespace paceline
