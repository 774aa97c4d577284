// What the monitor itself adds to /metrics: facts about the instance, and about its own work.
#pragma once

#include <map>
#include <span>
#include <string>

#include "paceline/metrics.h"
#include "paceline/monitor/view.h"

namespace paceline {

std::span<const MetricInfo> monitor_metrics();

/// Gauges and totals that follow from the last look.
MetricsTotals own_series(const View& view, std::string_view version, std::string_view config_hash);

/// Counters of the monitor's own work. They live in its block of metrics, so they go on when it is
/// replaced.
class OwnCounters {
 public:
  explicit OwnCounters(MetricsBlock& block);
  /// The present numbers of this process, all rising from 0.
  void publish(std::uint64_t frames_dropped, std::uint64_t unreadable);
  void count_scrape(Duration took) { scrape_.record(took); }
  void count_tick(Duration took) { tick_.record(took); }
  /// Deliveries of alerts, from the judge's series, which begin at 0 in every process.
  void publish_deliveries(const MetricsTotals& judged);
  /// True for series that publish_deliveries() has taken over.
  static bool takes_over(const MetricKey& key);

 private:
  struct Rising {
    Counter counter;
    std::uint64_t last = 0;
    void to(std::uint64_t now) {
      counter.add(now - last);
      last = now;
    }
  };
  MetricsBlock& block_;
  Rising frames_dropped_;
  Rising unreadable_;
  Histogram scrape_;
  Histogram tick_;
  std::map<std::string, Rising> deliveries_;  // by labels
};

}  // namespace paceline
