// What `serve` will do, and `config` only checks: the values that their kinds alone cannot check.
#include <filesystem>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

Result<std::vector<ListenAddress>> listen_addresses(const ConfigSection& top) {
  const std::string place = top.place("server.listen").text() + ": server.listen";
  std::vector<ListenAddress> addresses;
  for (const std::string& text : top.list("server.listen")) {
    Result<ListenAddress> address = parse_listen_address(text);
    if (!address) return fail(Code::invalid, place + ": " + address.error().message);
    addresses.push_back(std::move(*address));
  }
  if (!addresses.empty()) return addresses;
  return fail(Code::invalid, place + " names no address, e.g. \"127.0.0.1:8000\"");
}

}  // namespace

Result<Plan> make_plan(const Config& config) {
  Plan plan;
  const ConfigSection& top = config.top();
  plan.dir = std::filesystem::absolute(top.text("dir")).lexically_normal().string();
  PACELINE_TRY_VALUE(const WorkerPolicy policy, parse_worker_policy(top.text("workers")));
  plan.workers = count_workers(policy, host_limits());
  PACELINE_TRY_VALUE(plan.addresses, listen_addresses(top));
  plan.drain_timeout = top.duration("server.drain_timeout");
  PACELINE_TRY(access_policy(top));
  PACELINE_TRY(worker_self_options(top));
  PACELINE_TRY_VALUE(plan.service, service_config(config, plan.dir));
  PACELINE_TRY_VALUE(plan.monitor, monitor_plan(top));
  PACELINE_TRY_VALUE(plan.alerts, alert_options(config));
  return plan;
}

}  // namespace paceline::app
