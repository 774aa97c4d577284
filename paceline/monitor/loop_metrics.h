// The loop's own numbers.
#pragma once

#include "paceline/loop.h"
#include "paceline/metrics.h"

namespace paceline {

/// Records every turn of the loop that it observes.
class LoopMetrics final : TurnObserver {
 public:
  LoopMetrics(Loop& loop, MetricsBlock& metrics);
  LoopMetrics(const LoopMetrics&) = delete;
  LoopMetrics& operator=(const LoopMetrics&) = delete;
  ~LoopMetrics();

  /// The worst lag and the utilization since the last call: every loop.interval.
  void end_interval();
  /// All else: every second.
  void publish();

 private:
  void turned(Duration busy, Duration late) override;

  Loop& loop_;
  Counter busy_;
  Counter idle_;
  Counter iterations_;
  Counter events_;
  Counter events_waiting_;
  Gauge tasks_;
  Gauge timers_;
  Gauge utilization_;
  Gauge lag_max_;
  Histogram iteration_;
  Histogram lag_;
  LoopStats published_;
  std::size_t timers_pause_ = 0;  // calls of publish() until they are counted again
  LoopStats interval_began_;
};

}  // namespace paceline
