// The keeper's role: the one process that writes the database.
#include <unistd.h>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

constexpr Duration kDrainLimit =
    std::chrono::seconds(10);  // workers are gone: only the disk is left

Task<void> leave(Keeper& keeper, ChildProcess& child, Loop& loop, Log& log) {
  const bool complete = co_await keeper.drain(Deadline::after(loop.now(), kDrainLimit));
  if (!complete) log.write(LogLevel::warning, "the keeper stopped with answers unsent");
  child.drained();
  loop.stop();
}

Result<void> run_keeper(ChildProcess& child, Loop& loop, const Config& config, Log& log) {
  PACELINE_TRY_VALUE(const SharedRegion metrics_region, child.region(kMetricsRegion));
  PACELINE_TRY_VALUE(MetricsBlock metrics, seat_metrics(metrics_region, child.seat()));
  PACELINE_TRY_VALUE(const SharedRegion versions_region, child.region(kVersionsRegion));
  PACELINE_TRY_VALUE(const Versions versions, attach_versions(versions_region));
  PACELINE_TRY_VALUE(const Fd socket, child.take_socket(kKeeperSocket));
  PACELINE_TRY_VALUE(const ServiceConfig service, service_config(config, child.dir()));
  PACELINE_TRY_VALUE(const std::unique_ptr<Keeper> keeper, start_keeper({.loop = loop,
                                                                         .listen_fd = socket.get(),
                                                                         .versions = versions,
                                                                         .log = log,
                                                                         .metrics = &metrics},
                                                                        service));
  PACELINE_TRY_VALUE(const SharedRegion stalls_region, child.region(kStallsRegion));
  PACELINE_TRY_VALUE(SelfOptions options, self_options(config.top()));
  SelfMonitor self(child_self(child, loop, log, metrics, stalls_region), std::move(options));
  Scope scope(loop);
  const EverySecond every_second(loop, [&] {
    keeper->publish();
    self.publish();
    if (keeper->replaced()) loop.stop();
  });
  child.start(loop, {.stop_accepting = [&] { scope.spawn(leave(*keeper, child, loop, log)); }});
  child.ready();
  loop.run();
  if (keeper->replaced()) {
    return fail(Code::unavailable, service.database + " was replaced by another file while in use");
  }
  return {};
}

}  // namespace

int keeper(ChildProcess& child, Loop& loop) {
  const Result<Config> config = child_config(child.config_text());
  if (!config) return child.fail_start(config.error().text());
  Result<LogOptions> options = log_options(config->top(), "keeper", STDERR_FILENO);
  if (!options) return child.fail_start(options.error().text());
  Log log(std::move(*options));
  const Result<void> ran = run_keeper(child, loop, *config, log);
  if (!ran) return child.fail_start(ran.error().text());
  return 0;
}

}  // namespace paceline::app
