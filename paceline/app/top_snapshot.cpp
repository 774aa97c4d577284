#include "paceline/app/top_snapshot.h"

#include <nlohmann/json.hpp>

namespace paceline::app {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTextMax = 200;

const Json* find(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) ? &json[at] : nullptr;
}

TopValue number(const Json& json, const char* pointer) {
  const Json* found = find(json, pointer);
  return found != nullptr && found->is_number() ? TopValue(found->get<double>()) : std::nullopt;
}

std::string text_of(const Json* json) {
  if (json == nullptr || !json->is_string()) return {};
  return printable(json->get_ref<const std::string&>(), kTextMax);
}

std::string text(const Json& json, const char* pointer) { return text_of(find(json, pointer)); }

template <class Take>
void each(const Json& json, const char* pointer, Take take) {
  const Json* array = find(json, pointer);
  if (array == nullptr || !array->is_array()) return;
  for (const Json& entry : *array) take(entry);
}

TopWorker worker(const Json& json) {
  TopWorker worker{.state = text(json, "/state"),
                   .doing = text(json, "/doing"),
                   .last_exit = text(json, "/last_exit"),
                   .blocked_seconds = number(json, "/blocked_s"),
                   .values = {}};
  static constexpr std::array<const char*, kTopColumns> members = {
      "/slot",        "/pid",   "/state",     "/rate", "/in_flight",   "/p95",
      "/utilization", "/cpu",   "/lag_max",   "/rss",  "/connections", "/restarts",
      "/age_s",       "/share", "/heap_used", "/cache"};
  for (std::size_t i = 0; i < kTopColumns; ++i) worker.values[i] = number(json, members[i]);
  return worker;
}

void take_key_metrics(TopSnapshot& snapshot, const Json& json) {
  snapshot.rate = number(json, "/key/throughput/rate");
  snapshot.expected_rate = number(json, "/key/throughput/expected_rate");
  snapshot.received = number(json, "/key/throughput/received_bytes_rate");
  snapshot.sent = number(json, "/key/throughput/sent_bytes_rate");
  snapshot.p50 = number(json, "/key/latency/p50");
  snapshot.p95 = number(json, "/key/latency/p95");
  snapshot.p99 = number(json, "/key/latency/p99");
  snapshot.cpu = number(json, "/key/utilization/cpu");
  snapshot.memory = number(json, "/key/utilization/memory");
  snapshot.memory_bytes = number(json, "/key/utilization/memory_bytes");
  snapshot.memory_limit = number(json, "/key/utilization/memory_limit_bytes");
  snapshot.loop = number(json, "/key/utilization/loop_max");
  snapshot.error_ratio = number(json, "/key/errors/ratio");
  snapshot.error_rate = number(json, "/key/errors/rate");
  snapshot.rejected = number(json, "/key/errors/rejected_total");
  snapshot.concurrency = number(json, "/key/concurrency/average");
  snapshot.in_flight = number(json, "/key/concurrency/in_flight");
  snapshot.connections = number(json, "/key/concurrency/connections");
  snapshot.headroom = number(json, "/key/headroom");
}

}  // namespace

Result<TopSnapshot> parse_top_snapshot(std::string_view bytes) {
  const Json json = Json::parse(bytes, nullptr, false);
  if (!json.is_object() || number(json, "/schema") != TopValue(1)) {
    return fail(Code::corrupt, "not a snapshot that this version understands");
  }
  TopSnapshot snapshot;
  snapshot.time = number(json, "/time").value_or(0);
  snapshot.version = text(json, "/instance/version");
  snapshot.dir = text(json, "/instance/dir");
  snapshot.phase = text(json, "/instance/phase");
  snapshot.generation = number(json, "/instance/generation");
  snapshot.uptime = number(json, "/instance/uptime_s");
  each(json, "/instance/listen", [&](const Json& address) {
    snapshot.listen += (snapshot.listen.empty() ? "" : " ") + text_of(&address);
  });
  snapshot.state = text(json, "/state");
  each(json, "/reasons", [&](const Json& reason) { snapshot.reasons.push_back(text_of(&reason)); });
  take_key_metrics(snapshot, json);
  snapshot.availability = number(json, "/availability/ratio");
  snapshot.availability_goal = number(json, "/availability/goal");
  snapshot.availability_period = number(json, "/availability/period_s");
  snapshot.budget_left = number(json, "/availability/budget_left");
  each(json, "/goals", [&](const Json& goal) {
    snapshot.goals.push_back({.name = text(goal, "/name"),
                              .state = text(goal, "/state"),
                              .reason = text(goal, "/reason"),
                              .value = number(goal, "/value")});
  });
  each(json, "/alerts", [&](const Json& alert) {
    snapshot.alerts.push_back({.name = text(alert, "/name"),
                               .severity = text(alert, "/severity"),
                               .state = text(alert, "/state"),
                               .summary = text(alert, "/summary"),
                               .since = number(alert, "/since")});
  });
  each(json, "/workers", [&](const Json& entry) { snapshot.workers.push_back(worker(entry)); });
  each(json, "/routes", [&](const Json& route) {
    snapshot.routes.push_back({.method = text(route, "/method"),
                               .route = text(route, "/route"),
                               .rate = number(route, "/rate"),
                               .p95 = number(route, "/p95"),
                               .error_ratio = number(route, "/error_ratio")});
  });
  return snapshot;
}

}  // namespace paceline::app
