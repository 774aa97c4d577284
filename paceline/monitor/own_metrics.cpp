#include "paceline/monitor/own_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "paceline/monitor/collector.h"

namespace paceline {
namespace {

constexpr std::string_view kDeliveries = "paceline_alert_deliveries_total";

constexpr MetricInfo kBuild{.name = "paceline_build_info",
                            .kind = MetricKind::gauge,
                            .help = "1; what runs.",
                            .labels = {"version"}};
constexpr MetricInfo kConfig{.name = "paceline_config_info",
                             .kind = MetricKind::gauge,
                             .help = "1; tells configurations apart.",
                             .labels = {"hash"}};
constexpr MetricInfo kWorkers{.name = "paceline_workers",
                              .kind = MetricKind::gauge,
                              .help =
                                  "Worker slots by state: starting, ready, draining, backoff, "
                                  "blocked (its loop is stuck), silent (it publishes nothing).",
                              .labels = {"state"}};
constexpr MetricInfo kRestarts{.name = "paceline_worker_restarts_total",
                               .help = "Worker processes that took the place of a dead one."};
constexpr MetricInfo kBlocked{.name = "paceline_loop_blocked_seconds",
                              .kind = MetricKind::gauge,
                              .help = "For how long the worker's loop is stuck now; 0: it is not.",
                              .labels = {"worker"}};
constexpr MetricInfo kImbalance{
    .name = "paceline_requests_imbalance_ratio",
    .kind = MetricKind::gauge,
    .help = "Requests of the busiest worker, of the mean of all, in the last second."};
constexpr MetricInfo kPressure{
    .name = "paceline_pressure_ratio",
    .kind = MetricKind::gauge,
    .help = "Share of the last 10 s in which something on this host waited for it (PSI).",
    .labels = {"resource"}};
constexpr MetricInfo kClients{.name = "paceline_monitor_clients",
                              .kind = MetricKind::gauge,
                              .help = "Clients that read the event stream."};
constexpr MetricInfo kSeries{.name = "paceline_metrics_series",
                             .kind = MetricKind::gauge,
                             .help = "Series of all processes, merged."};
constexpr MetricInfo kFramesDropped{.name = "paceline_monitor_frames_dropped_total",
                                    .help =
                                        "Frames that a client of the event stream missed "
                                        "because it read too slowly."};
constexpr MetricInfo kUnreadable{.name = "paceline_metrics_unreadable_total",
                                 .help =
                                     "Readings of a process's metrics that failed; its last "
                                     "ones stand meanwhile."};
constexpr MetricInfo kScrape{.name = "paceline_scrape_seconds",
                             .kind = MetricKind::histogram,
                             .help = "How long /metrics took to gather and write.",
                             .bounds = kLoopBounds};
constexpr MetricInfo kTick{.name = "paceline_monitor_tick_seconds",
                           .kind = MetricKind::histogram,
                           .help = "How long a look at everything took, once a second.",
                           .bounds = kLoopBounds};

void put(MetricsTotals& totals, const MetricInfo& info, std::string labels, std::int64_t level) {
  totals[{std::string(info.name), std::move(labels), info.kind}].level = level;
}

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return text + '"';
}

std::int64_t billionths(double value) { return std::llround(value * 1e9); }

}  // namespace

std::span<const MetricInfo> monitor_metrics() {
  static constexpr MetricInfo kAll[] = {kBuild,      kConfig,   kWorkers, kRestarts, kBlocked,
                                        kImbalance,  kPressure, kClients, kSeries,   kFramesDropped,
                                        kUnreadable, kScrape,   kTick};
  return kAll;
}

MetricsTotals own_series(const View& view, std::string_view version, std::string_view config_hash) {
  MetricsTotals totals;
  put(totals, kBuild, label("version", version), 1);
  put(totals, kConfig, label("hash", config_hash), 1);
  std::array<std::int64_t, 6> states{};
  std::uint64_t restarts = 0;
  double sum = 0;
  double most = 0;
  for (const WorkerView& worker : view.workers) {
    ++states[static_cast<std::size_t>(worker.state)];
    restarts += worker.restarts;
    sum += worker.rate.value_or(0);
    most = std::max(most, worker.rate.value_or(0));
    put(totals, kBlocked, label("worker", std::to_string(worker.slot)), billionths(worker.blocked));
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    put(totals, kWorkers, label("state", to_string(static_cast<WorkerState>(i))), states[i]);
  }
  totals[{std::string(kRestarts.name), {}, kRestarts.kind}].count = restarts;
  if (sum > 0) {
    put(totals, kImbalance, {}, billionths(most * static_cast<double>(view.workers.size()) / sum));
  }
  const auto pressure = [&totals](std::string_view resource, const std::optional<double>& share) {
    if (share) put(totals, kPressure, label("resource", resource), billionths(*share));
  };
  pressure("cpu", view.host.pressure_cpu);
  pressure("memory", view.host.pressure_memory);
  pressure("io", view.host.pressure_io);
  put(totals, kClients, {}, static_cast<std::int64_t>(view.clients));
  put(totals, kSeries, {}, static_cast<std::int64_t>(view.series));
  return totals;
}

OwnCounters::OwnCounters(MetricsBlock& block)
    : block_(block), scrape_(block.histogram(kScrape)), tick_(block.histogram(kTick)) {
  frames_dropped_.counter = block.counter(kFramesDropped);
  unreadable_.counter = block.counter(kUnreadable);
}

void OwnCounters::publish(std::uint64_t frames_dropped, std::uint64_t unreadable) {
  frames_dropped_.to(frames_dropped);
  unreadable_.to(unreadable);
}

bool OwnCounters::takes_over(const MetricKey& key) { return key.name == kDeliveries; }

void OwnCounters::publish_deliveries(const MetricsTotals& judged) {
  static constexpr MetricInfo kInfo{.name = kDeliveries, .labels = {"sink", "result"}};
  for (const auto& [key, value] : judged) {
    if (!takes_over(key)) continue;
    Rising& rising = deliveries_[key.labels];
    if (!rising.counter) {
      rising.counter = block_.counter(kInfo, {{"sink", label_value(key.labels, "sink")},
                                              {"result", label_value(key.labels, "result")}});
    }
    rising.to(value.count);
  }
}

}  // namespace paceline
