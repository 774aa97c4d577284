// The monitor's role: reads what all processes publish, answers operators.
#include "paceline/monitor.h"

#include <unistd.h>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

constexpr Duration kStopLimit = std::chrono::seconds(1);  // a client that does not read must wait

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
  PACELINE_TRY_VALUE(
      const std::unique_ptr<Monitor> monitor,
      Monitor::create(
          {.loop = loop, .log = log, .config = config, .metrics = metrics, .control = control}));
  PACELINE_TRY(monitor->listen(socket.get()));
  PACELINE_TRY(monitor->listen_local(local.get()));
  Scope scope(loop);
  const EverySecond every_second(loop, [&monitor] { monitor->tick(); });
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
