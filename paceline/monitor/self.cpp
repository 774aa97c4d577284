#include "paceline/monitor/self.h"

#include <optional>
#include <utility>

#include "paceline/monitor/loop_metrics.h"
#include "paceline/monitor/process_metrics.h"
#include "paceline/monitor/stall_report.h"

namespace paceline {

class SelfMonitor::Inside final : Timer {
 public:
  Inside(Parts parts, SelfOptions options)
      : parts_(parts),
        options_(std::move(options)),
        loop_metrics_(parts.loop, parts.metrics),
        process_metrics_(parts.metrics, options_.memory_limit, options_.memory_interval / 6),
        memory_due_(parts.loop.now() + options_.memory_interval),
        stall_report_(parts.log, parts.metrics, parts.stalls) {
    if (parts_.seat != nullptr) parts_.loop.share_busy_since(&parts_.seat->busy_since);
    parts_.loop.arm(*this, parts_.loop.now() + options_.interval);
    if (options_.threshold > Duration::zero()) {
      watch_.emplace(parts_.loop, stall_report_,
                     StallWatchOptions{.threshold = options_.threshold});
    }
  }
  ~Inside() {
    cancel();
    watch_.reset();
    parts_.loop.share_busy_since(nullptr);
  }

  void publish(std::uint64_t cache_bytes) {
    const Time now = parts_.loop.now();
    loop_metrics_.publish();
    process_metrics_.publish(cache_bytes);
    stall_report_.publish();
    if (now >= memory_due_) {
      memory_due_ = now + options_.memory_interval;
      if (options_.memory_log == SelfOptions::MemoryLog::on) log_memory();
    }
    if (parts_.seat != nullptr) {
      const auto alive = static_cast<std::uint64_t>(now.time_since_epoch().count());
      parts_.seat->alive_at.store(alive, std::memory_order_relaxed);
    }
  }

 private:
  /// Every loop.interval.
  void fire() override {
    loop_metrics_.end_interval();
    parts_.loop.arm(*this, parts_.loop.now() + options_.interval);
  }

  void log_memory() {
    const MemoryReport& memory = process_metrics_.memory();
    const auto field = [](std::string_view name, std::uint64_t bytes) {
      return LogField{name, static_cast<std::int64_t>(bytes)};
    };
    parts_.log.write(
        LogLevel::info, "memory",
        {field("rss_bytes", memory.rss), field("pss_bytes", memory.pss),
         field("heap_total_bytes", memory.heap_total), field("heap_used_bytes", memory.heap_used),
         field("external_bytes", memory.external), field("cache_bytes", memory.cache),
         field("limit_bytes", options_.memory_limit)});
  }

  Parts parts_;
  SelfOptions options_;
  LoopMetrics loop_metrics_;
  ProcessMetrics process_metrics_;
  Time memory_due_;
  StallReport stall_report_;
  std::optional<StallWatch> watch_;
};

SelfMonitor::SelfMonitor(Parts parts, SelfOptions options)
    : inside_(std::make_unique<Inside>(parts, std::move(options))) {}
SelfMonitor::~SelfMonitor() = default;
void SelfMonitor::publish(std::uint64_t cache_bytes) { inside_->publish(cache_bytes); }

}  // namespace paceline
