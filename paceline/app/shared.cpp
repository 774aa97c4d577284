// What the roles and commands share: configuration, seats, reports.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "paceline/app/inside.h"

extern char** environ;  // NOLINT: POSIX says so

namespace paceline::app {

ConfigRegistry config_registry() {
  static constexpr ConfigKey kOwn[] = {
      {.name = "dir",
       .kind = ConfigKind::path,
       .fallback = "\"paceline-data\"",
       .meaning = "The instance folder: database, control socket, pid file. One instance each."}};
  ConfigRegistry registry;
  registry.add(kOwn);
  registry.add(cluster_config_keys());
  registry.add(http_config_keys());
  registry.add(log_config_keys());
  registry.add(self_config_keys());
  registry.add(monitor_config_keys());
  registry.add(goals_config_keys());
  registry.add_table("alert", alert_config_keys(),
                     "Who is told of alerts: a webhook, an Alertmanager or a command. The log "
                     "always is.");
  add_service_config(registry);
  return registry;
}

Result<Config> load_config(const Invocation& invocation, const Program& program) {
  ConfigSources sources;
  if (!invocation.file.empty()) {
    Result<std::string> text = read_file(invocation.file);
    if (!text) {
      return fail(text.error().code, "cannot read the configuration " + invocation.file + ": " +
                                         text.error().text() + "; `" + invocation.name + " init " +
                                         invocation.file + "` writes one");
    }
    sources.file_name = invocation.file;
    sources.file_text = std::move(*text);
  } else if (!program.default_config.empty()) {
    sources.file_name = "built-in";  // where messages and origins say a value stands
    sources.file_text = program.default_config;
  }
  for (char** entry = environ; *entry != nullptr; ++entry) sources.environment.emplace_back(*entry);
  sources.sets = invocation.sets;
  sources.flags = invocation.flags;
  return Config::load(config_registry(), sources);
}

Result<Config> child_config(const std::string& text) {
  ConfigSources sources;
  sources.file_text = text;
  return Config::load(config_registry(), sources);
}

int report(const Invocation& invocation, Error error, std::string_view hint) {
  // Lower modules know the commands, but not what this application's program is called.
  constexpr std::string_view kCommand = "`paceline ";
  for (std::size_t at = error.message.find(kCommand); at != std::string::npos;
       at = error.message.find(kCommand, at + 1)) {
    error.message.replace(at + 1, kCommand.size() - 2, invocation.name);
  }
  if (invocation.json) {
    std::printf("%s\n", error_json(error, hint).c_str());
  } else {
    std::fprintf(stderr, "%s: %s\n", invocation.name.c_str(), error.text().c_str());
  }
  return 1;
}

std::string seat_part(std::size_t seat) { return "seat" + std::to_string(seat); }

Result<MetricsBlock> seat_metrics(const SharedRegion& region, std::size_t seat) {
  const std::span<std::byte> bytes = region.part(seat_part(seat));
  Result<MetricsBlock> block = MetricsBlock::attach(bytes);
  if (block) return block;
  return MetricsBlock::create(bytes);
}

Result<SelfOptions> self_options(const ConfigSection& config) {
  PACELINE_TRY_VALUE(SelfOptions options, worker_self_options(config));
  options.memory_limit = 0;
  return options;
}

Result<SelfOptions> worker_self_options(const ConfigSection& config) {
  PACELINE_TRY_VALUE(const WorkerPolicy policy, parse_worker_policy(config.text("workers")));
  return paceline::self_options(config, count_workers(policy, host_limits()).wanted);
}

SelfMonitor::Parts child_self(ChildProcess& child, Loop& loop, Log& log, MetricsBlock& metrics,
                              const SharedRegion& stalls) {
  return {.loop = loop,
          .log = log,
          .metrics = metrics,
          .seat = &child.state(),
          .stalls = stalls.part(seat_part(child.seat()))};
}

Result<Versions> attach_versions(const SharedRegion& region) {
  return Versions::attach(region.part(kVersionsRegion));
}

EverySecond::EverySecond(Loop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::move(callback)) {
  loop_.arm(*this, loop_.now() + std::chrono::seconds(1));
}

void EverySecond::fire() {
  callback_();
  loop_.arm(*this, loop_.now() + std::chrono::seconds(1));
}

}  // namespace paceline::app
