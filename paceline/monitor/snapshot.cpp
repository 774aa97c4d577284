// The view as JSON; docs/reference/monitor.md describes every field.
#include <cmath>
#include <nlohmann/json.hpp>

#include "paceline/monitor/view.h"

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Six significant digits are more than the measurements have; null for what is not known.
Json number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  if (*value == 0) return 0;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(*value))));
  return std::round(*value * scale) / scale;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double unix_time(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

Json memory_kind(const std::map<std::string, std::int64_t, std::less<>>& memory,
                 std::string_view kind) {
  const auto found = memory.find(kind);
  return found == memory.end() ? Json(nullptr) : Json(found->second);
}

Json instance(const View& view, const Json& facts, std::string_view name,
              std::string_view config_hash) {
  const auto fact = [&facts](const char* key) {
    return facts.contains(key) ? facts[key] : Json(nullptr);
  };
  const Json monitor = fact("monitor");
  return {{"name", name},
          {"version", fact("version")},
          {"dir", fact("dir")},
          {"generation", fact("generation")},
          {"supervisor_pid", view.supervisor > 0 ? Json(view.supervisor) : Json(nullptr)},
          {"uptime_s", number(view.uptime)},
          {"listen", facts.contains("listen") ? facts["listen"] : Json::array()},
          {"monitor", monitor.is_object() ? monitor["listen"] : Json(nullptr)},
          {"config_hash", config_hash},
          {"phase", to_string(view.phase)}};
}

Json key_metrics(const View& view) {
  Json by_reason = Json::object();
  for (const auto& [reason, rate] : view.rejected_by) by_reason[reason] = number(rate);
  return {{"throughput",
           {{"rate", number(view.rate)},
            {"total", view.total},
            {"expected_rate", number(view.expected_rate)},
            {"received_bytes_rate", number(view.received_rate)},
            {"sent_bytes_rate", number(view.sent_rate)}}},
          {"latency",
           {{"p50", number(view.p50)},
            {"p95", number(view.p95)},
            {"p99", number(view.p99)},
            {"mean", number(view.mean)},
            {"window_s", view.latency_window}}},
          {"utilization",
           {{"cpu", number(view.cpu)},
            {"cpu_limit", number(view.host.cpus)},
            {"memory", number(view.host.memory_ratio())},
            {"memory_bytes", or_null(view.host.memory_used)},
            {"memory_limit_bytes", or_null(view.host.memory_limit)},
            {"loop_max", number(view.loop_max)},
            {"disk_read_bytes_rate", number(view.disk_read_rate)},
            {"disk_write_bytes_rate", number(view.disk_write_rate)}}},
          {"errors",
           {{"ratio", number(view.error_ratio)},
            {"rate", number(view.error_rate)},
            {"failed_total", view.failed},
            {"aborted_total", view.aborted},
            {"rejected_total", view.rejected},
            {"by_reason", by_reason}}},
          {"concurrency",
           {{"average", number(view.concurrency)},
            {"in_flight", view.in_flight},
            {"connections", view.connections}}},
          {"headroom", number(view.headroom)}};
}

Json goals(const View& view) {
  Json list = Json::array();
  for (const GoalView& one : view.goals) {
    list.push_back({{"name", one.goal.name},
                    {"expr", format_goal(one.goal)},
                    {"value", number(one.result.value)},
                    {"bound", number(one.goal.bound)},
                    {"unit", goal_unit(one.goal.metric)},
                    {"state", to_string(one.result.state)},
                    {"window_s", seconds(one.goal.window)},
                    {"reason", one.result.reason}});
  }
  return list;
}

Json availability(const View& view) {
  if (!view.availability || !view.slo) return nullptr;
  const Availability& is = *view.availability;
  Json burns = Json::array();
  for (const Burn& burn : view.burns) {
    burns.push_back({{"severity", to_string(burn.rule.severity)},
                     {"factor", number(burn.rule.factor)},
                     {"long_s", number(seconds(burn.rule.long_window))},
                     {"short_s", number(seconds(burn.rule.short_window))},
                     {"long_rate", number(burn.long_rate)},
                     {"short_rate", number(burn.short_rate)},
                     {"state", to_string(burn.state)}});
  }
  return {{"ratio", is.ratio},  // all digits: 0.9999 and 0.99999 are two different services
          {"goal", view.slo->target},
          {"period_s", seconds(view.slo->period)},
          {"total", is.total},
          {"failed", is.failed},
          {"down_s", number(seconds(is.down))},
          {"budget_s", number(seconds(is.budget))},
          {"budget_left", number(is.budget_left)},
          {"burn", burns}};
}

Json stalls(const View& view) {
  Json list = Json::array();
  for (const StallView& one : view.stalls) {
    list.push_back({{"time", one.time},
                    {"worker", one.slot},
                    {"role", one.role},
                    {"duration_s", number(one.duration)},
                    {"ongoing", one.ongoing},
                    {"route", one.route},
                    {"site", one.site},
                    {"stack", one.stack}});
  }
  return list;
}

Json loop(const View& view) {
  return {{"threshold_s", number(view.loop_threshold)},
          {"interval_s", number(view.loop_interval)},
          {"lag_max", number(view.lag_max)},
          {"lag_p99", number(view.lag_p99)},
          {"iteration_p99", number(view.iteration_p99)},
          {"utilization_max", number(view.loop_max)},
          {"stalls_total", view.stalls_total},
          {"stalls", stalls(view)}};
}

Json memory(const View& view) {
  Json cluster = Json::object();
  for (const char* kind : {"rss", "pss", "heap_total", "heap_used", "external", "cache"}) {
    cluster[kind] = memory_kind(view.memory, kind);
  }
  const bool limited = view.worker_memory_limit > 0;
  return {{"worker_limit_bytes", limited ? Json(view.worker_memory_limit) : Json(nullptr)},
          {"limit_reason", view.worker_memory_reason},
          {"cluster", cluster},
          {"host",
           {{"used_bytes", or_null(view.host.memory_used)},
            {"limit_bytes", or_null(view.host.memory_limit)},
            {"ratio", number(view.host.memory_ratio())},
            {"source", view.host.source}}},
          {"pressure",
           {{"cpu", number(view.host.pressure_cpu)},
            {"memory", number(view.host.pressure_memory)},
            {"io", number(view.host.pressure_io)}}}};
}

Json worker(const WorkerView& one) {
  return {{"slot", one.slot},
          {"pid", one.pid > 0 ? Json(one.pid) : Json(nullptr)},
          {"state", to_string(one.state)},
          {"age_s", number(one.age)},
          {"restarts", one.restarts},
          {"last_exit", one.last_exit.empty() ? Json(nullptr) : Json(one.last_exit)},
          {"rate", number(one.rate)},
          {"share", number(one.share)},
          {"in_flight", one.in_flight},
          {"p95", number(one.p95)},
          {"utilization", number(one.utilization)},
          {"cpu", number(one.cpu)},
          {"lag_max", number(one.lag_max)},
          {"rss", memory_kind(one.memory, "rss")},
          {"pss", memory_kind(one.memory, "pss")},
          {"heap_used", memory_kind(one.memory, "heap_used")},
          {"heap_total", memory_kind(one.memory, "heap_total")},
          {"external", memory_kind(one.memory, "external")},
          {"cache", memory_kind(one.memory, "cache")},
          {"connections", one.connections},
          {"blocked_s", number(one.blocked)},
          {"doing", one.doing.empty() ? Json(nullptr) : Json(one.doing)}};
}

Json workers(const View& view) {
  Json list = Json::array();
  for (const WorkerView& one : view.workers) list.push_back(worker(one));
  return list;
}

Json processes(const View& view) {
  Json list = Json::array();
  for (const ProcessView& one : view.processes) {
    list.push_back({{"role", one.role},
                    {"pid", one.pid > 0 ? Json(one.pid) : Json(nullptr)},
                    {"cpu", number(one.cpu)},
                    {"rss", or_null(one.rss)}});
  }
  return list;
}

Json cache(const View& view) {
  Json list = Json::array();
  for (const CacheView& one : view.cache) {
    list.push_back({{"level", one.level},
                    {"hit_rate", number(one.hit_rate)},
                    {"miss_rate", number(one.miss_rate)},
                    {"hit_ratio", number(one.hit_ratio)},
                    {"entries", one.entries},
                    {"bytes", one.bytes},
                    {"evictions_rate", number(one.evictions_rate)}});
  }
  return list;
}

Json routes(const View& view) {
  Json list = Json::array();
  for (const RouteView& one : view.routes) {
    list.push_back({{"route", one.route},
                    {"method", one.method},
                    {"rate", number(one.rate)},
                    {"p95", number(one.p95)},
                    {"error_ratio", number(one.error_ratio)}});
  }
  return list;
}

Json alerts(const View& view) {
  Json list = Json::array();
  for (const AlertNotice& one : view.alerts) {
    list.push_back({{"name", one.name},
                    {"severity", to_string(one.severity)},
                    {"state", to_string(one.state)},
                    {"since", unix_time(one.state == AlertState::resolved ? one.ended : one.began)},
                    {"value", one.value},
                    {"summary", one.summary}});
  }
  return list;
}

Json incidents(const View& view) {
  Json list = Json::array();
  for (const Incident& one : view.incidents) {
    list.push_back({{"time", one.time}, {"kind", one.kind}, {"text", one.text}});
  }
  return list;
}

std::string document(const View& view, const char* name, Json content) {
  return line({{"schema", 1}, {"time", view.time}, {name, std::move(content)}});
}

}  // namespace

std::string_view to_string(WorkerState state) {
  switch (state) {
    case WorkerState::starting:
      return "starting";
    case WorkerState::ready:
      return "ready";
    case WorkerState::draining:
      return "draining";
    case WorkerState::backoff:
      return "backoff";
    case WorkerState::blocked:
      return "blocked";
    case WorkerState::silent:
      return "silent";
  }
  return "unknown";
}

std::string snapshot_json(const View& view, std::string_view facts, std::string_view name,
                          std::string_view config_hash) {
  Json known = Json::parse(facts, nullptr, false);
  if (!known.is_object()) known = Json::object();
  return line({{"schema", 1},
               {"time", view.time},
               {"instance", instance(view, known, name, config_hash)},
               {"state", view.state},
               {"reasons", view.reasons},
               {"key", key_metrics(view)},
               {"status",
                {{"2xx", number(view.status[1])},
                 {"3xx", number(view.status[2])},
                 {"4xx", number(view.status[3])},
                 {"5xx", number(view.status[4])}}},
               {"goals", goals(view)},
               {"availability", availability(view)},
               {"loop", loop(view)},
               {"memory", memory(view)},
               {"workers", workers(view)},
               {"processes", processes(view)},
               {"dependencies", Json::array()},
               {"cache", cache(view)},
               {"routes", routes(view)},
               {"alerts", alerts(view)},
               {"incidents", incidents(view)},
               {"heat", view.heat},
               {"self",
                {{"tick_s", number(view.tick_seconds)},
                 {"scrape_s", number(view.scrape_seconds)},
                 {"series", view.series},
                 {"series_dropped", view.series_dropped},
                 {"clients", view.clients},
                 {"unreadable", view.unreadable}}}});
}

std::string version_of(std::string_view facts) {
  const Json known = Json::parse(facts, nullptr, false);
  return known.is_object() ? known.value("version", std::string()) : std::string();
}

std::string goals_json(const View& view) {
  return line({{"schema", 1},
               {"time", view.time},
               {"goals", goals(view)},
               {"availability", availability(view)}});
}
std::string alerts_json(const View& view) { return document(view, "alerts", alerts(view)); }
std::string workers_json(const View& view) { return document(view, "workers", workers(view)); }
std::string stalls_json(const View& view) { return document(view, "stalls", stalls(view)); }
std::string incidents_json(const View& view) {
  return document(view, "incidents", incidents(view));
}

}  // namespace paceline
