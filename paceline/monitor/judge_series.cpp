// What the judge adds to /metrics.
#include <array>
#include <cmath>

#include "paceline/monitor/judge.h"

namespace paceline {
namespace {

constexpr MetricInfo kRequests{
    .name = "paceline_slo_requests_total",
    .help =
        "Requests that count for the goals: answered, aborted by the server, refused for want "
        "of room."};
constexpr MetricInfo kFailed{.name = "paceline_slo_requests_failed_total",
                             .help =
                                 "Those of them that failed: 5xx, aborted by the server, "
                                 "refused for want of room; never 4xx."};
constexpr MetricInfo kMet{.name = "paceline_goal_met",
                          .kind = MetricKind::gauge,
                          .help = "1: the goal is met, 0: missed; absent while unknown.",
                          .labels = {"goal"}};
constexpr MetricInfo kCpu{.name = "paceline_cpu_used_ratio",
                          .kind = MetricKind::gauge,
                          .help = "CPU time of all processes, of what the quota allows."};
constexpr MetricInfo kMemory{.name = "paceline_memory_used_ratio",
                             .kind = MetricKind::gauge,
                             .help = "Memory in use, of the cgroup's limit or the host's."};
constexpr MetricInfo kHeadroom{.name = "paceline_headroom_ratio",
                               .kind = MetricKind::gauge,
                               .help = "What may come on top of the present load."};
constexpr MetricInfo kWorkerMemory{.name = "paceline_worker_memory_used_ratio",
                                   .kind = MetricKind::gauge,
                                   .help = "Memory of the fullest worker, of memory.limit."};
constexpr MetricInfo kAvailability{.name = "paceline_availability_ratio",
                                   .kind = MetricKind::gauge,
                                   .help = "Availability over slo.period, from the ledger."};
constexpr MetricInfo kBudget{
    .name = "paceline_error_budget_left_ratio",
    .kind = MetricKind::gauge,
    .help = "What is left of the error budget of slo.period; below 0 it is overdrawn."};
constexpr MetricInfo kServing{.name = "paceline_serving",
                              .kind = MetricKind::gauge,
                              .help = "1: a worker is ready, 0: none is; absent while stopping."};
constexpr MetricInfo kCrashes{.name = "paceline_worker_crashes_total",
                              .help = "Workers that ended without being told to."};
constexpr MetricInfo kAlerts{.name = "paceline_alerts",
                             .kind = MetricKind::gauge,
                             .help = "Alerts that are pending or firing, 1 each.",
                             .labels = {"alert", "severity", "state"}};
constexpr MetricInfo kDeliveries{
    .name = "paceline_alert_deliveries_total",
    .help =
        "Alerts by what became of them: sent; retried attempts; failed, given up; dropped, "
        "the queue was full.",
    .labels = {"sink", "result"}};

void put(MetricsTotals& totals, const MetricInfo& info, std::string labels, MetricValue value) {
  totals[{.name = std::string(info.name), .labels = std::move(labels), .kind = info.kind}] =
      std::move(value);
}

void put_ratio(MetricsTotals& totals, const MetricInfo& info, std::optional<double> share) {
  if (share) put(totals, info, {}, {.level = std::llround(*share * 1e9)});
}

/// Values come from configuration and code: what the text format reserves is all to escape.
std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c == '\n' ? ' ' : c;
  }
  return text + '"';
}

}  // namespace

std::span<const MetricInfo> judge_metrics() {
  static constexpr MetricInfo kAll[] = {kRequests, kFailed,       kMet,          kCpu,    kMemory,
                                        kHeadroom, kWorkerMemory, kAvailability, kBudget, kServing,
                                        kCrashes,  kAlerts,       kDeliveries};
  return kAll;
}

MetricsTotals Judge::series() const {
  MetricsTotals totals;
  put(totals, kRequests, {}, {.count = last_.requests.total});
  put(totals, kFailed, {}, {.count = last_.requests.failed});
  put(totals, kCrashes, {}, {.count = last_.crashes});
  put_ratio(totals, kCpu, last_.sample.cpu);
  put_ratio(totals, kMemory, last_.sample.memory);
  put_ratio(totals, kHeadroom, last_.sample.headroom);
  put_ratio(totals, kWorkerMemory, last_.worker_memory);
  put_ratio(totals, kAvailability, availability_.ratio);
  put_ratio(totals, kBudget, availability_.budget_left);
  if (last_.state == ServiceState::serving || last_.state == ServiceState::down) {
    put(totals, kServing, {}, {.level = last_.state == ServiceState::serving ? 1 : 0});
  }
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i].state == GoalState::unknown) continue;
    put(totals, kMet, label("goal", goals().list[i].name),
        {.level = results_[i].state == GoalState::met ? 1 : 0});
  }
  for (const AlertNotice& notice : alerts_.visible()) {
    if (notice.state == AlertState::resolved) continue;
    put(totals, kAlerts,
        label("alert", notice.name) + "," + label("severity", to_string(notice.severity)) + "," +
            label("state", to_string(notice.state)),
        {.level = 1});
  }
  for (const std::unique_ptr<Sink>& sink : sinks_) {
    const SinkCounts counts = sink->counts();
    const std::array<std::pair<std::string_view, std::uint64_t>, 4> results = {
        {{"sent", counts.sent},
         {"retried", counts.retried},
         {"failed", counts.failed},
         {"dropped", counts.dropped}}};
    for (const auto& [result, count] : results) {
      put(totals, kDeliveries, label("result", result) + "," + label("sink", sink->config().name),
          {.count = count});
    }
  }
  return totals;
}

}  // namespace paceline
