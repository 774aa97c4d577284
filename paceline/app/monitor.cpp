// The monitor's role: reads what all processes publish, answers operators.
#include "paceline/monitor.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

constexpr Duration kStopLimit = std::chrono::seconds(1);  // a client that does not read must wait

std::string program_name() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view text(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(text.substr(text.rfind('/') + 1));
}

/// FNV-1a: tells configurations apart, hides nothing.
std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return format_request_id(hash);
}

/// Where a listening socket is, with its real port.
Result<ListenAddress> bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_errno("getsockname");
  }
  ListenAddress address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    address.kind = ListenAddress::Kind::ipv6;
    address.port = ntohs(v6->sin6_port);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  } else if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    address.port = ntohs(v4->sin_port);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  } else {
    address.kind = ListenAddress::Kind::unix_path;
  }
  address.host = text.data();
  return address;
}

Task<void> leave(Monitor& monitor, ChildProcess& child, Loop& loop) {
  const bool empty = co_await monitor.stop(Deadline::after(loop.now(), kStopLimit));
  static_cast<void>(empty);  // nothing that was cut is worth a longer stop
  child.drained();
  loop.stop();
}

Result<void> run_monitor(ChildProcess& child, Loop& loop, const Config& config, Log& log) {
  PACELINE_TRY_VALUE(const SharedRegion metrics, child.region(kMetricsRegion));
  PACELINE_TRY_VALUE(const SharedRegion control, child.region("control"));
  PACELINE_TRY_VALUE(const Fd socket, child.take_socket(kMonitorSocket));
  PACELINE_TRY_VALUE(const Fd local, child.take_socket(kMonitorLocalSocket));
  PACELINE_TRY_VALUE(const SharedRegion stalls, child.region(kStallsRegion));
  PACELINE_TRY_VALUE(const SharedRegion history, child.region(kHistoryRegion));
  PACELINE_TRY_VALUE(MetricsBlock block, seat_metrics(metrics, child.seat()));
  PACELINE_TRY_VALUE(SelfOptions own, self_options(config.top()));
  PACELINE_TRY_VALUE(SelfOptions workers, worker_self_options(config.top()));
  PACELINE_TRY_VALUE(ListenAddress listen, bound_address(socket.get()));
  SelfMonitor self(child_self(child, loop, log, block, stalls), std::move(own));
  PACELINE_TRY_VALUE(const std::unique_ptr<Monitor> monitor,
                     Monitor::create({.loop = loop,
                                      .log = log,
                                      .config = config,
                                      .metrics = metrics,
                                      .control = control,
                                      .stalls = stalls,
                                      .history = history,
                                      .name = program_name(),
                                      .dir = child.dir(),
                                      .config_hash = hash_of(child.config_text()),
                                      .listen = std::move(listen),
                                      .workers = std::move(workers),
                                      .block = block,
                                      .metric_infos = {service_metrics()}}));
  PACELINE_TRY(monitor->listen(socket.get()));
  PACELINE_TRY(monitor->listen_local(local.get()));
  Scope scope(loop);
  const EverySecond every_second(loop, [&] {
    self.publish();
    monitor->tick();
  });
  child.start(loop, {.stop_accepting = [&] { scope.spawn(leave(*monitor, child, loop)); }});
  child.ready();
  loop.run();
  return {};
}

}  // namespace

int monitor(ChildProcess& child, Loop& loop) {
  const Result<Config> config = child_config(child.config_text());
  if (!config) return child.fail_start(config.error().text());
  Result<LogOptions> options = log_options(config->top(), "monitor", STDERR_FILENO);
  if (!options) return child.fail_start(options.error().text());
  Log log(std::move(*options));
  const Result<void> ran = run_monitor(child, loop, *config, log);
  if (!ran) return child.fail_start(ran.error().text());
  return 0;
}

}  // namespace paceline::app
