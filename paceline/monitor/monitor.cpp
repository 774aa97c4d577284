#include "paceline/monitor/monitor.h"

#include "paceline/monitor/collector.h"
#include "paceline/monitor/exposition.h"

namespace paceline {
namespace {

ServerOptions server_limits() {
  ServerOptions options;
  options.body_max = std::uint64_t{64} << 10;
  options.connections_max = 256;
  options.connections_soft = 200;
  return options;
}

Response plain(unsigned status, std::string_view literal) {
  Response response = Response::text(literal);
  response.status(status);
  return response;
}

AccessPolicy no_access_log() {
  AccessPolicy policy;
  policy.errors = false;
  return policy;
}

}  // namespace

class Monitor::Inside {
 public:
  explicit Inside(Parts parts)
      : parts_(parts), collector_(parts.metrics), roster_(control_roster(parts.control)) {
    routes_.get("/livez", [](Request&) { return Response::text("alive\n"); });
    routes_.get("/readyz", [this](Request&) { return readyz(); });
    routes_.get("/metrics", [this](Request& request) { return metrics(request); });
    server_.emplace(Server::Parts{parts_.loop, routes_, parts_.log, nullptr, no_access_log()},
                    server_limits());
  }

  Server& server() { return *server_; }

 private:
  Response readyz() {
    const Roster* roster = roster_.read();
    if (roster == nullptr || roster->phase == ClusterPhase::starting) {
      return plain(503, "starting\n");
    }
    if (roster->phase == ClusterPhase::draining) return plain(503, "draining\n");
    for (const RosterSlot& slot : roster->slots) {
      if (slot.role == "worker" && slot.state == SlotState::ready) {
        return Response::text("ready\n");
      }
    }
    return plain(503, "no worker is ready\n");
  }

  Response metrics(const Request& request) {
    const MetricsFormat format = negotiate_format(request.header(KnownHeader::accept).value_or(""));
    collector_.read(roster_.read());
    Exposition text(format);
    for (const auto& [key, value] : collector_.totals()) text.add(key, value);
    Response response = Response::text(text.take());
    response.content_type(content_type(format));
    return response;
  }

  Parts parts_;
  Collector collector_;
  RosterReader roster_;
  Routes routes_;
  std::optional<Server> server_;
};

Monitor::Monitor(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Monitor::~Monitor() = default;

Result<std::unique_ptr<Monitor>> Monitor::create(Parts parts) {
  return std::unique_ptr<Monitor>(new Monitor(std::make_unique<Inside>(parts)));
}

Result<void> Monitor::listen(int fd) { return inside_->server().listen(fd); }
Result<void> Monitor::listen_local(int fd) { return inside_->server().listen(fd); }
void Monitor::tick() {}

Task<bool> Monitor::stop(Deadline deadline) {
  inside_->server().unlisten_all();
  inside_->server().drain();
  const bool empty = co_await inside_->server().drained(deadline);
  co_return empty;
}

}  // namespace paceline
