#include <nlohmann/json.hpp>

#include "paceline/load/report.h"

namespace paceline {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Json latency(const HdrHistogram& histogram) {
  return {{"count", histogram.count()}, {"min", histogram.min()},      {"mean", histogram.mean()},
          {"p50", histogram.at(0.5)},   {"p90", histogram.at(0.9)},    {"p95", histogram.at(0.95)},
          {"p99", histogram.at(0.99)},  {"p999", histogram.at(0.999)}, {"max", histogram.max()}};
}

Json requests(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  return {{"planned", result.planned()},       {"sent", tally.sent},
          {"completed", tally.completed},      {"failed", tally.failed()},
          {"unfinished", tally.unfinished},    {"unsent", tally.unsent},
          {"lower_bounds", tally.lower_bounds}};
}

Json errors(const LoadTally& tally) {
  Json out = Json::object();
  for (std::size_t i = 0; i < load_stage_count; ++i) {
    out[std::string(to_string(static_cast<LoadStage>(i)))] = tally.errors[i];
  }
  return out;
}

Json latencies(const LoadResult& result) {
  const LoadTally& tally = result.tally;
  Json out = {{"response", latency(tally.response)}, {"service", latency(tally.service)}};
  out["failed"] = latency(tally.failed_response);
  out["connect"] = latency(tally.connect);
  if (!tally.handshake.empty()) out["handshake"] = latency(tally.handshake);
  if (!result.open) return out;
  out["lag"] = latency(tally.lag);
  out["lag_generator"] = latency(tally.lag_generator);
  out["lag_connections"] = latency(tally.lag_connections);
  return out;
}

Json goals(const LoadResult& result) {
  Json out = Json::array();
  for (const auto& [goal, verdict] : result.goals) {
    Json each = {{"expr", goal.text}, {"value", nullptr}, {"state", to_string(verdict.state)}};
    if (verdict.value) each["value"] = plain_load_value(goal, *verdict.value);
    if (!verdict.reason.empty()) each["reason"] = verdict.reason;
    out.push_back(std::move(each));
  }
  return out;
}

Json each_second(const LoadTally& tally) {
  Json out = Json::array();
  for (const LoadSecond& second : tally.seconds) {
    const HdrHistogram histogram = second.histogram();
    out.push_back({{"completed", second.completed},
                   {"failed", second.failed},
                   {"p50", histogram.at(0.5)},
                   {"p99", histogram.at(0.99)},
                   {"max", histogram.max()}});
  }
  return out;
}

}  // namespace

std::string load_report_json(std::string_view url, const LoadOptions& options,
                             const LoadResult& result) {
  const LoadTally& tally = result.tally;
  Json out = {{"url", url},
              {"mode", result.open ? "open" : "closed"},
              {"coordinated_omission_free", result.open},
              {"started", format_rfc3339(result.started)},
              {"duration_s", seconds(result.duration)},
              {"elapsed_s", seconds(result.elapsed)},
              {"threads", options.threads},
              {"connections", options.connections},
              {"http", options.version == LoadVersion::http10 ? "1.0" : "1.1"},
              {"keep_alive", options.keep_alive},
              {"pipeline", options.pipeline}};
  if (options.target.tls) {
    out["tls"] = {{"protocol", result.tls.protocol},
                  {"cipher", result.tls.cipher},
                  {"verified", options.tls_verify}};
  }
  if (result.open) {
    out["arrivals"] = options.arrivals == ArrivalKind::uniform ? "uniform" : "poisson";
    if (options.arrivals == ArrivalKind::poisson) out["seed"] = options.seed;
    out["rate_offered"] = result.rate_offered;
  }
  out["rate_achieved"] = result.rate_achieved();
  out["requests"] = requests(result);
  out["status"] = Json::object();
  for (std::size_t i = 0; i < tally.status.size(); ++i) {
    if (tally.status[i] > 0) out["status"][std::to_string(i)] = tally.status[i];
  }
  out["errors"] = errors(tally);
  out["failures"] = Json::array();
  for (const LoadFailure& each : tally.failures) {
    out["failures"].push_back({{"what", each.text()}, {"count", each.count}});
  }
  out["bytes"] = tally.bytes_read;
  out["bytes_body"] = tally.bytes_body;
  out["connects"] = tally.connects;
  out["latency_us"] = latencies(result);
  out["seconds"] = each_second(tally);
  out["in_flight"] = {{"mean", tally.in_flight}, {"expected", result.in_flight_expected()}};
  out["generator_cpu"] = tally.cpu_share;
  out["goals"] = goals(result);
  if (!result.ended_by.empty()) out["ended_by"] = result.ended_by;
  const std::vector<LoadResult::Doubt> doubts = result.doubts();
  out["verdict"] = result.interrupted ? "interrupted" : doubts.empty() ? "valid" : doubts[0].name;
  out["doubts"] = Json::array();
  for (const auto& doubt : doubts)
    out["doubts"].push_back({{"name", doubt.name}, {"text", doubt.text}});
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace paceline
