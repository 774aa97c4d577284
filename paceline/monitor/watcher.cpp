#include "paceline/monitor/watcher.h"

#include <algorithm>
#include <cmath>

namespace paceline {
namespace {

constexpr Duration kTick = 1s;
constexpr Duration kWindow = 10s;  // of latencies and of what workers did
constexpr std::size_t kRoutesShown = 10;
constexpr std::size_t kStallsShown = 16;
constexpr const char* kSupervisor = "supervisor";  // its role, and its part of the regions
constexpr std::string_view kRequests = "http_server_request_duration_seconds";

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double unix_time(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

std::optional<double> quantile(const HistogramTotals& histogram, double q) {
  if (histogram.count() == 0) return {};
  return seconds(histogram.quantile(q));
}

/// A gauge of one series, if there is one.
std::optional<std::int64_t> gauge(const MetricsTotals& totals, std::string_view name,
                                  std::string_view labels = {}) {
  for (const MetricKind kind : {MetricKind::gauge, MetricKind::gauge_max}) {
    const auto found = totals.find({std::string(name), std::string(labels), kind});
    if (found != totals.end()) return found->second.level;
  }
  return {};
}

std::optional<double> gauge_seconds(const MetricsTotals& totals, std::string_view name) {
  const std::optional<std::int64_t> level = gauge(totals, name);
  if (!level) return {};
  return static_cast<double>(*level) * metric_unit(name);
}

std::map<std::string, std::int64_t, std::less<>> memory_of(const MetricsTotals& totals) {
  constexpr std::string_view kName = "paceline_memory_bytes";
  std::map<std::string, std::int64_t, std::less<>> memory;
  for (auto at = totals.lower_bound({std::string(kName), {}, {}});
       at != totals.end() && at->first.name == kName; ++at) {
    memory[std::string(label_value(at->first.labels, "kind"))] = at->second.level;
  }
  return memory;
}

std::array<std::uint32_t, kHeatRows> heat_of(const HistogramTotals& histogram) {
  std::array<std::uint32_t, kHeatRows> heat{};
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kHeatBounds.size(); ++i) {
    const std::uint64_t next = histogram.count_below(Duration(std::llround(kHeatBounds[i] * 1e9)));
    heat[i] = static_cast<std::uint32_t>(next - below);
    below = next;
  }
  heat.back() = static_cast<std::uint32_t>(histogram.count() - below);
  return heat;
}

std::optional<double> ratio(double part, double whole) {
  if (whole <= 0) return {};
  return part / whole;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::uint64_t difference(std::uint64_t now, std::uint64_t before) {
  return now - std::min(now, before);
}

}  // namespace

Watcher::Watcher(Parts parts, WatcherOptions options)
    : parts_(parts),
      options_(std::move(options)),
      roster_(control_roster(parts.control)),
      collector_(parts.metrics) {}

View Watcher::look(Time now, WallTime wall) {
  View view;
  view.time = std::round(unix_time(wall) * 1000) / 1000;
  view.supervisor = parts_.supervisor;
  const Roster* roster = roster_.read();
  collector_.read(roster);
  trend_.add(reading_of(collector_.totals(), now));
  view.host = host_.read();
  look_at_cluster(view);
  look_at_latency(view);
  look_at_loops(view);
  look_at_cache(view);
  if (roster != nullptr) {
    view.phase = roster->phase;
    view.uptime = seconds(now - roster->started);
    look_at_routes(view, *roster, now);
    look_at_workers(view, *roster, now);
    look_at_stalls(view, *roster, wall);
  }
  look_at_processes(view, roster, now);
  view.series = collector_.totals().size();
  view.series_dropped =
      sum_of_counters(collector_.totals(), "paceline_metrics_series_dropped_total");
  view.unreadable = collector_.unreadable();
  return view;
}

void Watcher::look_at_cluster(View& view) {
  const MetricsTotals& totals = collector_.totals();
  const Reading& now = trend_.newest();
  view.total = now.requests();
  view.failed = now.failed();
  view.aborted = now.aborted;
  view.rejected = now.rejected;
  view.in_flight = sum_of_gauges(totals, "http_server_active_requests");
  view.connections = sum_of_gauges(totals, "paceline_open_connections");
  view.memory = memory_of(totals);
  view.received_rate = trend_.rate(kTick, &Reading::received);
  view.sent_rate = trend_.rate(kTick, &Reading::sent);
  view.disk_read_rate = trend_.rate(kTick, &Reading::disk_read);
  view.disk_write_rate = trend_.rate(kTick, &Reading::disk_written);
  const Reading* before = trend_.before(kTick);
  if (before == nullptr) return;
  const double elapsed = seconds(now.at - before->at);
  if (elapsed <= 0) return;
  view.rate = static_cast<double>(difference(now.requests(), before->requests())) / elapsed;
  for (std::size_t i = 0; i < view.status.size(); ++i) {
    view.status[i] = static_cast<double>(difference(now.status[i], before->status[i])) / elapsed;
  }
  view.cpu = seconds(now.cpu - before->cpu) / elapsed / view.host.cpus;
}

void Watcher::look_at_latency(View& view) {
  const Reading& now = trend_.newest();
  if (const Reading* before = trend_.before(kTick); before != nullptr) {
    view.heat = heat_of(between(before->latency, now.latency));
  }
  const Reading* before = trend_.before(kWindow);
  if (before == nullptr) return;
  const double elapsed = seconds(now.at - before->at);
  if (elapsed <= 0) return;
  const HistogramTotals recent = between(before->latency, now.latency);
  view.latency_window = std::round(elapsed);
  view.p50 = quantile(recent, 0.5);
  view.p95 = quantile(recent, 0.95);
  view.p99 = quantile(recent, 0.99);
  const double spent = static_cast<double>(recent.sum_ns()) * 1e-9;
  view.mean = ratio(spent, static_cast<double>(recent.count()));
  view.concurrency = spent / elapsed;  // Little's law: arrivals a second times time inside
  const auto failed = static_cast<double>(difference(now.failed(), before->failed()));
  view.error_rate = failed / elapsed;
  view.error_ratio =
      ratio(failed, static_cast<double>(difference(now.requests(), before->requests())));
  for (const auto& [reason, count] : now.rejected_by) {
    const auto found = before->rejected_by.find(reason);
    const std::uint64_t old = found == before->rejected_by.end() ? 0 : found->second;
    if (count > old) view.rejected_by[reason] = static_cast<double>(count - old) / elapsed;
  }
}

void Watcher::look_at_loops(View& view) {
  view.loop_threshold = seconds(options_.loop_threshold);
  view.loop_interval = seconds(options_.loop_interval);
  view.worker_memory_limit = options_.worker_memory_limit;
  view.worker_memory_reason = options_.worker_memory_reason;
  view.stalls_total = sum_of_counters(collector_.totals(), "paceline_loop_stalls_total");
  const Reading* before = trend_.before(kWindow);
  if (before == nullptr) return;
  view.lag_p99 = quantile(between(before->lag, trend_.newest().lag), 0.99);
  view.iteration_p99 = quantile(between(before->iteration, trend_.newest().iteration), 0.99);
}

void Watcher::look_at_cache(View& view) {
  const Reading& now = trend_.newest();
  const Reading* before = trend_.before(kWindow);
  for (const auto& [level, counts] : now.cache) {
    CacheView& cache = view.cache.emplace_back();
    cache.level = level;
    const std::string label = "level=\"" + level + "\"";
    cache.entries = sum_of_gauges(collector_.totals(), "paceline_cache_entries", label);
    cache.bytes = sum_of_gauges(collector_.totals(), "paceline_cache_bytes", label);
    if (before == nullptr || now.at <= before->at) continue;
    const auto found = before->cache.find(level);
    const Reading::CacheLevel old =
        found == before->cache.end() ? Reading::CacheLevel() : found->second;
    const double elapsed = seconds(now.at - before->at);
    const auto per_second = [elapsed](std::uint64_t is, std::uint64_t was) {
      return static_cast<double>(difference(is, was)) / elapsed;
    };
    cache.hit_rate = per_second(counts.hits, old.hits);
    cache.miss_rate = per_second(counts.misses, old.misses);
    cache.evictions_rate = per_second(counts.evictions, old.evictions);
    cache.hit_ratio = ratio(cache.hit_rate, cache.hit_rate + cache.miss_rate);
  }
}

/// Over the last 10 to 20 s: two baselines take turns. The first look is held against the start of
/// the instance, when all was zero, so that there is something to see at once.
void Watcher::look_at_routes(View& view, const Roster& roster, Time now) {
  const MetricsTotals& totals = collector_.totals();
  const auto first = totals.lower_bound({std::string(kRequests), {}, {}});
  const auto last = totals.upper_bound({std::string(kRequests), "\xff", MetricKind::histogram});
  if (routes_new_.at == Time()) {
    routes_old_.at = roster.started;
    routes_new_ = {.at = now, .totals = MetricsTotals(first, last)};
  } else if (now - routes_new_.at >= kWindow || now - routes_old_.at >= 2 * kWindow) {
    routes_old_ = routes_new_;
    if (now - routes_new_.at >= kWindow) {
      routes_new_ = {.at = now, .totals = MetricsTotals(first, last)};
    }
  }
  const double elapsed = seconds(now - routes_old_.at);
  if (elapsed <= 0) return;
  struct Sum {
    HistogramTotals all;
    std::uint64_t failed = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  for (auto at = first; at != last; ++at) {
    const auto& [key, value] = *at;
    const auto old = routes_old_.totals.find(key);
    const HistogramTotals recent = old == routes_old_.totals.end()
                                       ? value.histogram
                                       : between(old->second.histogram, value.histogram);
    if (recent.count() == 0) continue;
    Sum& sum = sums[{std::string(label_value(key.labels, "http_route")),
                     std::string(label_value(key.labels, "http_request_method"))}];
    sum.all.merge(recent);
    const std::string_view status = label_value(key.labels, "http_response_status_code");
    if (status.starts_with('5')) sum.failed += recent.count();
  }
  for (const auto& [name, sum] : sums) {
    const auto count = static_cast<double>(sum.all.count());
    view.routes.push_back({.route = name.first,
                           .method = name.second,
                           .rate = count / elapsed,
                           .p95 = seconds(sum.all.quantile(0.95)),
                           .error_ratio = static_cast<double>(sum.failed) / count});
  }
  std::ranges::sort(view.routes, std::greater(), &RouteView::rate);
  if (view.routes.size() > kRoutesShown) view.routes.resize(kRoutesShown);
}

void Watcher::look_at_workers(View& view, const Roster& roster, Time now) {
  double all = 0;
  // collector_.processes() has the roster's order.
  for (std::size_t i = 0; i < roster.slots.size(); ++i) {
    const RosterSlot& slot = roster.slots[i];
    if (slot.role != "worker" || i >= collector_.processes().size()) continue;
    WorkerView& worker = view.workers.emplace_back();
    look_at_worker(worker, slot, collector_.processes()[i], now);
    all += worker.rate.value_or(0);
    if (worker.utilization) {
      view.loop_max = std::max(view.loop_max.value_or(0), *worker.utilization);
    }
    if (worker.utilization_recent) {
      view.loop_recent = std::max(view.loop_recent.value_or(0), *worker.utilization_recent);
    }
    if (worker.lag_max) view.lag_max = std::max(view.lag_max.value_or(0), *worker.lag_max);
    if (worker.blocked > 0) {
      // The gauge of a loop that is stuck is from before; it is later than that now.
      view.lag_max = std::max(view.lag_max.value_or(0), worker.blocked);
      view.loop_max = 1;
    }
  }
  for (WorkerView& worker : view.workers) {
    if (worker.rate && all > 0) worker.share = *worker.rate / all;
  }
}

void Watcher::look_at_worker(WorkerView& worker, const RosterSlot& slot,
                             const ProcessTotals& process, Time now) {
  worker.slot = slot.slot;
  worker.pid = slot.pid;
  worker.state = static_cast<WorkerState>(slot.state);
  worker.age = slot.pid > 0 ? seconds(now - slot.since) : 0;
  worker.restarts = slot.restarts;
  worker.last_exit = slot.last_exit;
  const MetricsTotals& totals = process.series;
  WorkerReading reading{
      .at = now,
      .latency = sum_of_histograms(totals, kRequests),
      .busy = sum_of_counters(totals, "paceline_loop_time_seconds_total", "state=\"busy\""),
      .idle = sum_of_counters(totals, "paceline_loop_time_seconds_total", "state=\"idle\""),
      .cpu = sum_of_counters(totals, "process_cpu_seconds_total")};
  std::deque<WorkerReading>& readings = workers_["worker" + std::to_string(slot.slot)];
  while (readings.size() > 1 && readings[1].at + kWindow <= now) readings.pop_front();
  if (!readings.empty() && now > readings.front().at) {
    const WorkerReading& old = readings.front();
    const WorkerReading& last = readings.back();
    const HistogramTotals recent = between(old.latency, reading.latency);
    const double tick = seconds(now - last.at);
    worker.p95 = quantile(recent, 0.95);
    const auto busy = static_cast<double>(difference(reading.busy, old.busy));
    const auto idle = static_cast<double>(difference(reading.idle, old.idle));
    worker.utilization_recent = ratio(busy, busy + idle);
    worker.rate =
        static_cast<double>(difference(reading.latency.count(), last.latency.count())) / tick;
    worker.cpu = static_cast<double>(difference(reading.cpu, last.cpu)) * 1e-9 / tick;
  }
  readings.push_back(std::move(reading));
  worker.utilization = gauge_seconds(totals, "paceline_loop_utilization_ratio");
  worker.lag_max = gauge_seconds(totals, "paceline_loop_lag_max_seconds");
  worker.in_flight = sum_of_gauges(totals, "http_server_active_requests");
  worker.connections = sum_of_gauges(totals, "paceline_open_connections");
  worker.memory = memory_of(totals);
  if (!slot.seat || slot.state != SlotState::ready) return;
  const std::span<const SeatState> seats = control_seats(parts_.control);
  if (*slot.seat >= seats.size()) return;
  const auto since = seats[*slot.seat].busy_since.load(std::memory_order_relaxed);
  const auto alive = seats[*slot.seat].alive_at.load(std::memory_order_relaxed);
  const auto now_ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const Duration busy(since == 0 ? 0 : static_cast<std::int64_t>(difference(now_ns, since)));
  // One that has never published is as quiet as it is old.
  const Duration quiet = alive == 0
                             ? now - slot.since
                             : Duration(static_cast<std::int64_t>(difference(now_ns, alive)));
  if (options_.loop_threshold > Duration::zero() && busy > options_.loop_threshold) {
    worker.state = WorkerState::blocked;
    worker.blocked = seconds(busy);
  } else if (quiet > options_.silent_after) {
    worker.state = WorkerState::silent;
  }
}

void Watcher::look_at_processes(View& view, const Roster* roster, Time now) {
  const std::vector<ProcessTotals>& processes = collector_.processes();
  for (std::size_t i = 0; i < processes.size(); ++i) {
    const ProcessTotals& process = processes[i];
    if (process.role == "worker") continue;
    ProcessView one{.role = process.role, .pid = 0, .cpu = {}, .rss = {}};
    if (roster != nullptr && i < roster->slots.size()) one.pid = roster->slots[i].pid;
    if (process.role == kSupervisor) one.pid = parts_.supervisor;
    one.rss = gauge(process.series, "process_resident_memory_bytes");
    one.cpu = cpu_of(process, now);
    view.processes.push_back(std::move(one));
  }
}

std::optional<double> Watcher::cpu_of(const ProcessTotals& process, Time now) {
  std::deque<WorkerReading>& readings = workers_[process.role + std::to_string(process.slot)];
  WorkerReading reading{.at = now,
                        .latency = {},
                        .busy = 0,
                        .idle = 0,
                        .cpu = sum_of_counters(process.series, "process_cpu_seconds_total")};
  std::optional<double> cpu;
  if (!readings.empty() && now > readings.back().at) {
    cpu = static_cast<double>(difference(reading.cpu, readings.back().cpu)) * 1e-9 /
          seconds(now - readings.back().at);
  }
  readings.clear();
  readings.push_back(std::move(reading));
  return cpu;
}

void Watcher::look_at_stalls(View& view, const Roster& roster, WallTime wall) {
  if (!parts_.stalls) return;
  for (const RosterSlot& slot : roster.slots) {
    for (std::size_t i = 0; i < kSeatsPerSlot; ++i) {
      look_at_stalls_of(view, "seat" + std::to_string(slot.seat_first + i), slot, wall);
    }
  }
  // It stands in no roster, but its stalls count like everybody's.
  look_at_stalls_of(view, kSupervisor, {.role = kSupervisor, .pid = parts_.supervisor, .since = {}},
                    wall);
  std::ranges::sort(view.stalls, std::greater(), &StallView::time);
  if (view.stalls.size() > kStallsShown) view.stalls.resize(kStallsShown);
}

void Watcher::look_at_stalls_of(View& view, const std::string& part, const RosterSlot& slot,
                                WallTime wall) {
  for (const StallRecord& record : read_stalls(parts_.stalls.part(part))) {
    const bool ongoing = record.state == StallRecord::State::ongoing &&
                         record.pid == static_cast<std::uint64_t>(slot.pid);
    StallView stall{.time = unix_time(record.began),
                    .role = slot.role,
                    .slot = slot.slot,
                    .duration = seconds(ongoing ? wall - record.began : record.duration),
                    .ongoing = ongoing,
                    .route = record.route,
                    .site = record.site,
                    .stack = lines_of(record.stack)};
    for (WorkerView& worker : view.workers) {
      if (ongoing && slot.role == "worker" && worker.slot == slot.slot &&
          worker.state == WorkerState::blocked) {
        worker.doing = stall.route.empty() ? stall.site : stall.route;
      }
    }
    view.stalls.push_back(std::move(stall));
  }
}

}  // namespace paceline
