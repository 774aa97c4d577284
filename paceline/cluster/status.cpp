#include "paceline/cluster/status.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds_kept(double seconds) { return std::round(seconds * 1000) / 1000; }

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json worker_count_json(const WorkerCount& count) {
  return {{"wanted", count.wanted},     {"policy", count.policy},
          {"cpus", count.cpus},         {"quota", or_null(count.quota)},
          {"affinity", count.affinity}, {"memory_cap", or_null(count.memory_cap)},
          {"reason", count.reason}};
}

Json worker_json(const WorkerStatus& worker) {
  return {{"slot", worker.slot},
          {"pid", worker.pid > 0 ? Json(worker.pid) : Json(nullptr)},
          {"generation", worker.generation},
          {"state", to_string(worker.state)},
          {"restarts", worker.restarts},
          {"uptime_s", milliseconds_kept(worker.uptime_seconds)},
          {"requests", worker.requests},
          {"connections", worker.connections}};
}

std::string line(const Json& json) {
  // Paths may hold bytes that are not UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string_view to_string(SlotState state) {
  switch (state) {
    case SlotState::starting:
      return "starting";
    case SlotState::ready:
      return "ready";
    case SlotState::draining:
      return "draining";
    case SlotState::backoff:
      return "backoff";
  }
  return "unknown";
}

std::string to_json(const ClusterStatus& status) {
  Json workers = Json::array();
  for (const WorkerStatus& worker : status.workers) workers.push_back(worker_json(worker));
  Json keeper = nullptr;
  if (status.keeper) keeper = {{"pid", *status.keeper}};
  Json monitor = nullptr;
  if (status.monitor) {
    monitor = {{"pid", status.monitor->pid}, {"listen", status.monitor->listen}};
  }
  const Json supervisor = {{"pid", status.supervisor_pid},
                           {"uptime_s", milliseconds_kept(status.uptime_seconds)},
                           {"drain_timeout_s", milliseconds_kept(status.drain_timeout_seconds)}};
  return line({{"version", status.version},
               {"dir", status.dir},
               {"generation", status.generation},
               {"supervisor", supervisor},
               {"listen", status.listen},
               {"keeper", keeper},
               {"monitor", monitor},
               {"worker_count", worker_count_json(status.worker_count)},
               {"workers", workers}});
}

std::string error_json(const Error& error, std::string_view hint) {
  const Json body = {{"code", to_string(error.code)}, {"message", error.text()}, {"hint", hint}};
  return line({{"error", body}});
}

}  // namespace paceline
