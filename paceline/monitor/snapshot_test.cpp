#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "paceline/monitor/view.h"

namespace paceline {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFacts =
    R"({"version":"1.2.3","dir":"/srv/shop","generation":1,"listen":["127.0.0.1:8000"],)"
    R"("monitor":{"listen":"127.0.0.1:8001","pid":7}})";

Json snapshot(const View& view, std::string_view facts = kFacts) {
  const std::string text = snapshot_json(view, facts, "shop", "abcd");
  EXPECT_EQ(text.find('\n'), std::string::npos);  // one line is one event of the stream
  return Json::parse(text);
}

TEST(Snapshot, WhatIsNotKnownIsNull) {
  const Json empty = snapshot({}, "");
  EXPECT_EQ(empty["schema"], 1);
  for (const char* path :
       {"/instance/version", "/instance/monitor", "/instance/supervisor_pid", "/key/latency/p95",
        "/key/throughput/rate", "/key/utilization/cpu", "/key/errors/ratio", "/availability",
        "/loop/lag_max", "/memory/worker_limit_bytes", "/memory/cluster/rss",
        "/memory/pressure/cpu", "/status/5xx", "/self/tick_s"}) {
    EXPECT_TRUE(empty.at(Json::json_pointer(path)).is_null()) << path;
  }
  for (const char* path : {"/instance/listen", "/workers", "/processes", "/routes", "/alerts"}) {
    EXPECT_EQ(empty.at(Json::json_pointer(path)), Json::array()) << path;
  }
}

TEST(Snapshot, FactsOfTheStartAndTheLookStandTogether) {
  View view;
  view.phase = ClusterPhase::running;
  view.supervisor = 42;
  view.uptime = 12.5;
  const Json instance = snapshot(view)["instance"];
  EXPECT_EQ(instance["name"], "shop");
  EXPECT_EQ(instance["version"], "1.2.3");
  EXPECT_EQ(instance["monitor"], "127.0.0.1:8001");
  EXPECT_EQ(instance["listen"], Json::array({"127.0.0.1:8000"}));
  EXPECT_EQ(instance["supervisor_pid"], 42);
  EXPECT_EQ(instance["uptime_s"], 12.5);
  EXPECT_EQ(instance["config_hash"], "abcd");
  EXPECT_EQ(instance["phase"], "running");
  EXPECT_EQ(version_of(kFacts), "1.2.3");
  EXPECT_EQ(version_of("no json"), "");
}

TEST(Snapshot, NumbersHaveSixDigitsAndNoneIsInfinite) {
  View view;
  view.p50 = 0.123456789;
  view.p95 = std::numeric_limits<double>::infinity();
  view.p99 = std::numeric_limits<double>::quiet_NaN();
  view.rate = 0;
  const Json key = snapshot(view)["key"];
  EXPECT_EQ(key["latency"]["p50"], 0.123457);
  EXPECT_TRUE(key["latency"]["p95"].is_null());
  EXPECT_TRUE(key["latency"]["p99"].is_null());
  EXPECT_EQ(key["throughput"]["rate"], 0);
}

TEST(Snapshot, TextOfOthersStaysText) {
  View view;
  RouteView route;
  route.route = "/\"</script>\n\xff";  // not UTF-8
  view.routes.push_back(route);
  EXPECT_EQ(snapshot(view)["routes"][0]["route"], "/\"</script>\n\xef\xbf\xbd");
}

TEST(Snapshot, AWorkerWithoutAProcessHasNoNumberOfOne) {
  View view;
  view.workers.resize(2);
  view.workers[0].state = WorkerState::backoff;
  view.workers[0].last_exit = "signal 9 (Killed)";
  view.workers[1].pid = 5;
  view.workers[1].state = WorkerState::blocked;
  view.workers[1].doing = "/slow";
  view.workers[1].memory["pss"] = 7;
  view.processes.push_back({.role = "keeper", .pid = 0, .cpu = {}, .rss = {}});
  const Json all = snapshot(view);
  EXPECT_TRUE(all["workers"][0]["pid"].is_null());
  EXPECT_EQ(all["workers"][0]["last_exit"], "signal 9 (Killed)");
  EXPECT_TRUE(all["workers"][0]["doing"].is_null());
  EXPECT_EQ(all["workers"][1]["state"], "blocked");
  EXPECT_EQ(all["workers"][1]["doing"], "/slow");
  EXPECT_EQ(all["workers"][1]["pss"], 7);
  EXPECT_TRUE(all["workers"][1]["rss"].is_null());
  EXPECT_TRUE(all["processes"][0]["pid"].is_null());
  EXPECT_EQ(Json::parse(workers_json(view))["workers"], all["workers"]);
}

}  // namespace
}  // namespace paceline
