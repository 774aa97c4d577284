// The worker's role: one loop, one server, the application's routes, the configured resources.
#include <unistd.h>

#include <memory>

#include "paceline/app/inside.h"

namespace paceline::app {
namespace {

/// Everything a worker owns, in the order in which it is built.
class Worker {
 public:
  Worker(ChildProcess& child, Loop& loop, Config config, LogOptions log)
      : child_(child), config_(std::move(config)), log_(std::move(log)), loop_(loop) {}

  Result<void> open(const Configure& configure);
  int run();

 private:
  Result<void> open_service(const ServiceConfig& config);
  void stop_accepting();
  Task<void> leave();
  void publish();

  ChildProcess& child_;
  Config config_;
  Log log_;
  Loop& loop_;
  SharedRegion metrics_region_;
  SharedRegion stalls_region_;
  SharedRegion versions_region_;
  std::unique_ptr<MetricsBlock> metrics_;
  std::unique_ptr<SelfMonitor> self_;
  std::unique_ptr<App> app_;
  std::unique_ptr<KeeperLink> keeper_;
  std::unique_ptr<DataService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<EverySecond> every_second_;
  std::unique_ptr<Scope> scope_;
};

Result<void> Worker::open(const Configure& configure) {
  PACELINE_TRY_VALUE(metrics_region_, child_.region(kMetricsRegion));
  PACELINE_TRY_VALUE(MetricsBlock block, seat_metrics(metrics_region_, child_.seat()));
  metrics_ = std::make_unique<MetricsBlock>(std::move(block));
  PACELINE_TRY_VALUE(stalls_region_, child_.region(kStallsRegion));
  app_ = std::make_unique<App>(App::Parts{loop_, log_, config_, *metrics_, child_.slot()});
  if (configure) configure(*app_);
  PACELINE_TRY_VALUE(const ServiceConfig service, service_config(config_, child_.dir()));
  if (service.active()) PACELINE_TRY(open_service(service));
  PACELINE_TRY_VALUE(const AccessPolicy access, access_policy(config_.top()));
  server_ = std::make_unique<Server>(Server::Parts{loop_, *app_, log_, metrics_.get(), access},
                                     server_options(config_.top()));
  scope_ = std::make_unique<Scope>(loop_);
  PACELINE_TRY_VALUE(SelfOptions self, worker_self_options(config_.top()));
  self_ = std::make_unique<SelfMonitor>(child_self(child_, loop_, log_, *metrics_, stalls_region_),
                                        std::move(self));
  every_second_ = std::make_unique<EverySecond>(loop_, [this] { publish(); });
  return {};
}

Result<void> Worker::open_service(const ServiceConfig& config) {
  PACELINE_TRY_VALUE(versions_region_, child_.region(kVersionsRegion));
  PACELINE_TRY_VALUE(const Versions versions, attach_versions(versions_region_));
  keeper_ =
      std::make_unique<KeeperLink>(loop_, child_.dir() + "/" + std::string(kKeeperSocketFile));
  PACELINE_TRY_VALUE(service_, DataService::create({.loop = loop_,
                                                    .versions = versions,
                                                    .keeper = *keeper_,
                                                    .log = log_,
                                                    .metrics = metrics_.get()},
                                                   config));
  service_->add_to(*app_);
  return {};
}

int Worker::run() {
  const auto listen = [this](std::span<const ListenSocket> sockets) {
    for (const ListenSocket& socket : sockets) {
      const Result<void> listening = server_->listen(socket.fd);
      if (!listening) log_.write(LogLevel::error, listening.error().text());
    }
  };
  const auto unlisten = [this](std::span<const ListenSocket> sockets) {
    for (const ListenSocket& socket : sockets) server_->unlisten(socket.fd);
  };
  child_.start(loop_, {.serve = listen,
                       .adopt = [listen](std::size_t, auto sockets) { listen(sockets); },
                       .release = [unlisten](std::size_t, auto sockets) { unlisten(sockets); },
                       .drain = [this] { server_->drain(); },
                       .stop_accepting = [this] { stop_accepting(); }});
  child_.ready();
  loop_.run();
  return 0;
}

void Worker::stop_accepting() {
  server_->accept_queued();
  server_->unlisten_all();
  scope_->spawn(leave());
}

Task<void> Worker::leave() {
  // The supervisor's drain limit ends this worker if a connection never does.
  const bool empty = co_await server_->drained(Deadline::never());
  check(empty, "a wait without a deadline");
  publish();
  child_.drained();
  loop_.stop();
}

void Worker::publish() {
  SeatState& state = child_.state();
  state.requests.store(server_->counts().requests, std::memory_order_relaxed);
  state.connections.store(server_->counts().connections, std::memory_order_relaxed);
  if (service_) service_->publish();
  self_->publish(service_ ? service_->l1_stats().bytes : 0);
}

}  // namespace

int worker(ChildProcess& child, Loop& loop, const Configure& configure) {
  Result<Config> config = child_config(child.config_text());
  if (!config) return child.fail_start(config.error().text());
  Result<LogOptions> log =
      log_options(config->top(), "worker " + std::to_string(child.slot()), STDERR_FILENO);
  if (!log) return child.fail_start(log.error().text());
  Worker worker(child, loop, std::move(*config), std::move(*log));
  const Result<void> opened = worker.open(configure);
  if (!opened) return child.fail_start(opened.error().text());
  return worker.run();
}

}  // namespace paceline::app
