#include "paceline/monitor/loop_metrics.h"

#include <algorithm>

#include "paceline/monitor/self_metric.h"

namespace paceline {

LoopMetrics::LoopMetrics(Loop& loop, MetricsBlock& metrics)
    : loop_(loop),
      busy_(metrics.counter(loop_metric::time, {{"state", "busy"}})),
      idle_(metrics.counter(loop_metric::time, {{"state", "idle"}})),
      iterations_(metrics.counter(loop_metric::iterations)),
      events_(metrics.counter(loop_metric::events)),
      utilization_(metrics.gauge(loop_metric::utilization)),
      lag_max_(metrics.gauge(loop_metric::lag_max)),
      iteration_(metrics.histogram(loop_metric::iteration)),
      lag_(metrics.histogram(loop_metric::lag)) {
  interval_began_ = loop_.take_stats();
  loop_.observe(this);
}

LoopMetrics::~LoopMetrics() { loop_.observe(nullptr); }

void LoopMetrics::turned(Duration busy, Duration late) {
  iteration_.record(busy);
  if (late >= Duration::zero()) lag_.record(late);
}

void LoopMetrics::end_interval() {
  const LoopStats now = loop_.take_stats();
  lag_max_.set(std::max(now.lag_worst, now.timer_late_worst));
  const Duration busy = now.busy - interval_began_.busy;
  const Duration all = busy + (now.idle - interval_began_.idle);
  if (all > Duration::zero()) {
    utilization_.set_ratio(static_cast<double>(busy.count()) / static_cast<double>(all.count()));
  }
  interval_began_ = now;
}

void LoopMetrics::publish() {
  const LoopStats& now = loop_.stats();
  busy_.add(now.busy - published_.busy);
  idle_.add(now.idle - published_.idle);
  iterations_.add(now.turns - published_.turns);
  events_.add(now.events - published_.events);
  published_ = now;
}

}  // namespace paceline
