// The commands that are not a role: status, stop, init, config.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

constexpr std::string_view kDefaultFile = "paceline.toml";

std::string start_hint(const Invocation& invocation) {
  return "start one: " + invocation.name + " serve --dir " + invocation.dir;
}

void print_status(const nlohmann::json& status) {
  const auto text = [](const nlohmann::json& value) { return value.get<std::string>(); };
  const auto number = [](const nlohmann::json& value) { return value.get<double>(); };
  std::printf("version     %s\n", text(status["version"]).c_str());
  std::printf("folder      %s\n", text(status["dir"]).c_str());
  std::printf("supervisor  %.0f, up %.0f s, generation %.0f\n", number(status["supervisor"]["pid"]),
              number(status["supervisor"]["uptime_s"]), number(status["generation"]));
  for (const nlohmann::json& address : status["listen"]) {
    std::printf("service     %s\n", text(address).c_str());
  }
  if (!status["keeper"].is_null()) {
    std::printf("keeper      %.0f\n", number(status["keeper"]["pid"]));
  }
  if (!status["monitor"].is_null()) {
    const std::string listen = text(status["monitor"]["listen"]);
    std::printf("monitor     %.0f, %s%s\n", number(status["monitor"]["pid"]),
                listen.starts_with("unix:") ? "" : "http://", listen.c_str());
  }
  std::printf("workers     %s\n\n", text(status["worker_count"]["reason"]).c_str());
  std::printf("%-6s %8s  %-9s %8s %9s %12s %12s\n", "worker", "pid", "state", "restarts", "uptime",
              "requests", "connections");
  for (const nlohmann::json& worker : status["workers"]) {
    const nlohmann::json& pid = worker["pid"];  // null while none runs
    std::printf("%-6.0f %8s  %-9s %8.0f %8.0fs %12.0f %12.0f\n", number(worker["slot"]),
                pid.is_null() ? "-" : pid.dump().c_str(), text(worker["state"]).c_str(),
                number(worker["restarts"]), number(worker["uptime_s"]), number(worker["requests"]),
                number(worker["connections"]));
  }
}

}  // namespace

int status(const Invocation& invocation) {
  const Result<std::string> answer = control_request_blocking(invocation.dir, "status");
  if (!answer) return report(invocation, answer.error(), start_hint(invocation));
  if (invocation.json) {
    std::printf("%s\n", answer->c_str());
    return 0;
  }
  const nlohmann::json status = nlohmann::json::parse(*answer, nullptr, false);
  if (status.is_discarded() || !status.contains("workers")) {
    return report(invocation,
                  fail(Code::corrupt, "the supervisor answered: " + printable(*answer)).error());
  }
  print_status(status);
  return 0;
}

int stop(const Invocation& invocation) {
  const Result<std::string> answer = stop_instance_blocking(invocation.dir);
  if (!answer) {
    const std::string hint =
        answer.error().code == Code::not_found ? start_hint(invocation) : std::string();
    return report(invocation, answer.error(), hint);
  }
  if (invocation.json) {
    std::printf("%s\n", answer->c_str());
  } else {
    std::printf("stopped %s\n", invocation.dir.c_str());
  }
  return 0;
}

int init(const Invocation& invocation, const Program& program) {
  const std::string file = invocation.file.empty() ? std::string(kDefaultFile) : invocation.file;
  if (!invocation.force && ::access(file.c_str(), F_OK) == 0) {
    return report(invocation, fail(Code::conflict, file + " exists; --force replaces it").error());
  }
  const std::string preamble = invocation.name + " configuration. Every key is optional; what is " +
                               "commented out shows its default.\nStart: " + invocation.name +
                               " serve " + file;
  const std::string text = config_template(config_registry(), preamble, program.default_config);
  const Result<void> written = write_file(file, text);
  if (!written) return report(invocation, written.error());
  std::printf("wrote %s; start: %s serve %s\n", file.c_str(), invocation.name.c_str(),
              file.c_str());
  return 0;
}

int config(const Invocation& invocation, const Program& program) {
  const Result<Config> config = load_config(invocation, program);
  if (!config) return report(invocation, config.error());
  const Result<Plan> plan = make_plan(*config);
  if (!plan) return report(invocation, plan.error());
  std::printf("%s", config->describe().c_str());
  std::printf("\n# Alerts, as they are scaled and rounded.\n");
  for (const std::string& line : effective_thresholds(plan->alerts.goals)) {
    std::printf("# %s\n", line.c_str());
  }
  return 0;
}

int config_rules(const Invocation& invocation, const Program& program) {
  const Result<Config> config = load_config(invocation, program);
  if (!config) return report(invocation, config.error());
  const Result<AlertOptions> alerts = alert_options(*config);
  if (!alerts) return report(invocation, alerts.error());
  std::printf("%s", prometheus_rules(*alerts).c_str());
  return 0;
}

}  // namespace paceline::app
