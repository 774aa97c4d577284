// paceline serve: the supervisor, in the foreground.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

/// The shared memory of one instance.
struct Regions {
  SharedRegion metrics;
  SharedRegion stalls;
  SharedRegion history;
  SharedRegion versions;
};

/// A part of `bytes` for every seat, and one for the supervisor.
Result<SharedRegion> create_seats(std::string_view purpose, std::size_t seats, std::size_t bytes) {
  std::vector<SharedRegion::Part> parts;
  parts.reserve(seats + 1);
  for (std::size_t seat = 0; seat < seats; ++seat) {
    parts.push_back({.name = seat_part(seat), .bytes = bytes});
  }
  parts.push_back({.name = std::string(kSupervisorPart), .bytes = bytes});
  return SharedRegion::create(purpose, parts);
}

Result<Regions> create_regions(std::size_t seats) {
  Regions regions;
  PACELINE_TRY_VALUE(regions.metrics, create_seats(kMetricsRegion, seats, metrics_block_bytes()));
  PACELINE_TRY_VALUE(regions.stalls, create_seats(kStallsRegion, seats, StallRing::bytes()));
  const SharedRegion::Part past{.name = std::string(kHistoryRegion), .bytes = History::bytes()};
  PACELINE_TRY_VALUE(regions.history, SharedRegion::create(kHistoryRegion, {&past, 1}));
  const SharedRegion::Part table{.name = std::string(kVersionsRegion), .bytes = Versions::bytes()};
  PACELINE_TRY_VALUE(regions.versions, SharedRegion::create(kVersionsRegion, {&table, 1}));
  PACELINE_TRY(Versions::create(regions.versions.part(kVersionsRegion)));
  return regions;
}

std::string url_of(const std::string& address) {
  return address.starts_with("unix:") ? address : "http://" + address;
}

/// `curl {url}/…` with the first address; curl takes a Unix socket as an option.
std::string with_url(std::string_view line, const ClusterStatus& status) {
  constexpr std::string_view kUrl = "{url}";
  constexpr std::string_view kUnix = "unix:";
  std::string text(line.empty() ? "curl {url}/" : line);
  if (status.listen.empty()) return text;
  const std::string& first = status.listen.front();
  const std::string url = first.starts_with(kUnix)
                              ? "--unix-socket " + first.substr(kUnix.size()) + " http://localhost"
                              : url_of(first);
  for (std::size_t at = text.find(kUrl); at != std::string::npos; at = text.find(kUrl, at)) {
    text.replace(at, kUrl.size(), url);
    at += url.size();
  }
  return text;
}

/// The sockets of the monitor. They outlive its process, so that nobody is refused meanwhile.
struct MonitorSockets {
  std::optional<ListenerGroup> tcp;
  std::string listen;  // where it answers, with the real port; empty: there is no monitor
  std::string note;    // why it is not where it was expected
  Fd local;
  std::string local_path;
  MonitorSockets() = default;
  MonitorSockets(const MonitorSockets&) = delete;
  MonitorSockets& operator=(const MonitorSockets&) = delete;
  ~MonitorSockets() {
    if (local) ::unlink(local_path.c_str());
  }
};

std::unexpected<Error> not_listening(Error error) {
  constexpr std::string_view kFlag = "--listen";
  if (const std::size_t at = error.message.find(kFlag); at != std::string::npos) {
    error.message.replace(at, kFlag.size(), "monitor.listen");
  }
  error.message.insert(0, "the monitor ");
  return std::unexpected(std::move(error));
}

Result<void> open_monitor(const MonitorPlan& plan, const InstanceFolder& folder,
                          MonitorSockets& sockets) {
  if (!plan.listen) return {};
  ListenAddress address = *plan.listen;
  Result<ListenerGroup> expected = ListenerGroup::open({&address, 1}, 1, folder.address_patience());
  if (expected) {
    sockets.tcp.emplace(std::move(*expected));
  } else if (expected.error().os == EADDRINUSE && plan.port_is_free) {
    sockets.note = " (" + std::to_string(address.port) + " is taken)";
    address.port = 0;
    PACELINE_TRY_VALUE(ListenerGroup other, ListenerGroup::open({&address, 1}, 1));
    sockets.tcp.emplace(std::move(other));
  } else {
    return not_listening(expected.error());
  }
  sockets.listen = sockets.tcp->addresses().front().text();
  sockets.local_path = folder.path() + "/" + std::string(kMonitorSocketFile);
  PACELINE_TRY_VALUE(sockets.local, listen_unix(sockets.local_path));
  return {};
}

void print_started(const ClusterStatus& status, const Invocation& invocation,
                   const Program& program, const MonitorSockets& monitor) {
  std::string addresses;
  for (const std::string& address : status.listen) {
    addresses += (addresses.empty() ? "" : ", ") + url_of(address);
  }
  const std::size_t workers = status.worker_count.wanted;
  std::printf("%s %s: %zu worker%s%s, supervisor %d\n", invocation.name.c_str(),
              status.version.c_str(), workers, workers == 1 ? "" : "s",
              status.keeper ? " and a keeper" : "", static_cast<int>(status.supervisor_pid));
  std::printf("  workers  %s\n", status.worker_count.reason.c_str());
  std::printf("  service  %s\n", addresses.c_str());
  if (!monitor.listen.empty()) {
    std::printf("  monitor  %s%s\n", url_of(monitor.listen).c_str(), monitor.note.c_str());
  }
  std::printf("  data     %s\n", status.dir.c_str());
  // A file may have other routes than the program's own line tries.
  const std::string_view line = invocation.file.empty() ? program.try_line : std::string_view();
  std::printf("  try      %s\n", with_url(line, status).c_str());
  std::printf("  stop     Ctrl-C\n");
  std::fflush(stdout);
}

/// Where workers reach the keeper. Its name in the folder goes with the instance.
struct KeeperSocket {
  Fd fd;
  std::string path;
  ~KeeperSocket() {
    if (fd) ::unlink(path.c_str());
  }
};

/// A child knows what it was given, but not the file that it comes from: mistakes in resources are
/// told again with their places. Everybody has left by now.
Error with_places(Error error, const Plan& plan) {
  if (!plan.service.active()) return error;
  Result<void> checked = check_resources(plan.service);
  const bool same = !checked && checked.error().message.contains(": resource ");
  return same ? std::move(checked).error() : error;
}

Result<void> run_cluster(const Invocation& invocation, const Program& program, const Config& config,
                         Log& log) {
  PACELINE_TRY_VALUE(const Plan plan, make_plan(config));
  PACELINE_TRY_VALUE(const InstanceFolder folder, InstanceFolder::open(plan.dir));
  PACELINE_TRY_VALUE(
      ListenerGroup listeners,
      ListenerGroup::open(plan.addresses, plan.workers.wanted, folder.address_patience()));
  std::vector<RoleSpec> roles;
  KeeperSocket keeper_socket{.fd = {},
                             .path = folder.path() + "/" + std::string(kKeeperSocketFile)};
  std::optional<Versions> versions;
  if (plan.service.active()) {
    PACELINE_TRY_VALUE(keeper_socket.fd, listen_unix(keeper_socket.path));
    // Before the next keeper answers anything: a commit of the dead one may not have been told.
    const auto raise = [&versions](const ChildDeath&) { versions->raise_epoch(); };
    roles.push_back({.name = "keeper",
                     .stage = 0,
                     .sockets = {{std::string(kKeeperSocket), keeper_socket.fd.get()}},
                     .on_death = raise});
  }
  MonitorSockets monitor;
  PACELINE_TRY(open_monitor(plan.monitor, folder, monitor));
  if (!monitor.listen.empty()) {
    roles.push_back({.name = "monitor",
                     .stage = 0,
                     .sockets = {{std::string(kMonitorSocket), monitor.tcp->sockets().front().fd},
                                 {std::string(kMonitorLocalSocket), monitor.local.get()}}});
  }
  roles.push_back({.name = "worker",
                   .count = plan.workers.wanted,
                   .stage = 1,
                   .listens = RoleSpec::Listens::yes});
  PACELINE_TRY_VALUE(const Regions regions, create_regions(seat_count(roles)));
  PACELINE_TRY_VALUE(versions, attach_versions(regions.versions));

  RealKernel kernel;
  Loop loop(kernel);
  PACELINE_TRY_VALUE(MetricsBlock block,
                     MetricsBlock::create(regions.metrics.part(kSupervisorPart)));
  PACELINE_TRY_VALUE(SelfOptions self_watch, self_options(config.top()));
  SelfMonitor self(
      {.loop = loop, .log = log, .metrics = block, .stalls = regions.stalls.part(kSupervisorPart)},
      std::move(self_watch));
  const EverySecond every_second(loop, [&self] { self.publish(); });
  SupervisorOptions options;
  options.version = program.version.empty() ? std::string(version()) : program.version;
  options.config_text = config.serialise();
  options.worker_count = plan.workers;
  options.monitor_listen = monitor.listen;
  options.roles = std::move(roles);
  options.regions = {{std::string(kMetricsRegion), &regions.metrics},
                     {std::string(kStallsRegion), &regions.stalls},
                     {std::string(kHistoryRegion), &regions.history},
                     {std::string(kVersionsRegion), &regions.versions}};
  options.drain_timeout = plan.drain_timeout;
  options.on_started = [&](const ClusterStatus& status) {
    print_started(status, invocation, program, monitor);
  };
  Supervisor supervisor(loop, log, folder, listeners, std::move(options));
  const Result<StopReport> stopped = supervisor.run();
  if (!stopped) return std::unexpected(with_places(stopped.error(), plan));
  if (stopped->killed > 0) {
    log.write(LogLevel::warning, "stopped before everything in flight was answered",
              {{"killed", static_cast<std::int64_t>(stopped->killed)}});
  }
  return {};
}

}  // namespace

int serve(const Invocation& invocation, const Program& program) {
  const Result<Config> config = load_config(invocation, program);
  if (!config) return report(invocation, config.error());
  Result<LogOptions> options = log_options(config->top(), "supervisor", STDERR_FILENO);
  if (!options) return report(invocation, options.error());
  Log log(std::move(*options));
  const Result<void> ran = run_cluster(invocation, program, *config, log);
  if (!ran) return report(invocation, ran.error());
  return 0;
}

}  // namespace paceline::app
