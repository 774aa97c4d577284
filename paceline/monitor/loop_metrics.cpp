#include "paceline/monitor/loop_metrics.h"

#include <algorithm>

#include "paceline/monitor/self_metric.h"

namespace paceline {
namespace {

/// Counting takes nanoseconds a timer: with so many more it is done a second later each.
constexpr std::size_t kTimersASecond = 10'000;

}  // namespace

LoopMetrics::LoopMetrics(Loop& loop, MetricsBlock& metrics)
    : loop_(loop),
      busy_(metrics.counter(loop_metric::time, {{"state", "busy"}})),
      idle_(metrics.counter(loop_metric::time, {{"state", "idle"}})),
      iterations_(metrics.counter(loop_metric::iterations)),
      events_(metrics.counter(loop_metric::events)),
      events_waiting_(metrics.counter(loop_metric::events_waiting)),
      tasks_(metrics.gauge(loop_metric::tasks)),
      timers_(metrics.gauge(loop_metric::timers)),
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
  events_waiting_.add(now.events_waiting - published_.events_waiting);
  published_ = now;
  tasks_.set(static_cast<std::int64_t>(frames_alive()));
  if (timers_pause_-- > 0) return;
  const std::size_t timers = loop_.timers();
  timers_.set(static_cast<std::int64_t>(timers));
  timers_pause_ = timers / kTimersASecond;
}

}  // namespace paceline
