// What the monitor answers; docs/reference/monitor.md is its description.
#include "paceline/monitor/dashboard.h"
#include "paceline/monitor/inside.h"

namespace paceline {
namespace {

// Answers hold what happens now, belong to nobody's page, and are never a page themselves.
constexpr std::string_view kHeaders =
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n";

Response plain(unsigned status, std::string_view literal) {
  Response response = Response::text(literal);
  response.status(status);
  return response;
}

Response dashboard_answer(const Request& request, const DashboardFile& file) {
  const bool known = request.header(KnownHeader::if_none_match) == file.etag;
  Response response(known ? 304 : 200);
  if (!known) {
    response.borrowed_body(file.bytes);
    response.content_type(file.content_type);
  }
  response.header("ETag", file.etag);
  response.header("Cache-Control", "no-cache");
  response.header("Content-Security-Policy", kDashboardPolicy);
  response.header("Cross-Origin-Resource-Policy", "same-origin");
  response.header("Referrer-Policy", "no-referrer");
  response.header("X-Content-Type-Options", "nosniff");
  return response;
}

}  // namespace

void Monitor::Inside::add(Routes& routes, Door door, Access::Need need, std::string_view path,
                          Answer answer) {
  routes.get(path, [this, door, need, name = std::string(path.substr(1)),
                    answer = std::move(answer)](Request& request) {
    if (door == Door::tcp) {
      if (std::optional<Response> refusal = access_.refuse(request, need, name)) {
        refusal->prepared_headers(kHeaders);
        return std::move(*refusal);
      }
    }
    Response response = answer(request);
    response.prepared_headers(kHeaders);
    return response;
  });
}

void Monitor::Inside::add_routes(Routes& routes, Door door) {
  using enum Access::Need;
  const auto json = [this](std::string (*text)(const View&)) {
    return [this, text](Request&) { return Response::json(text(view_)); };
  };
  add(routes, door, open, "/livez", [](Request&) { return Response::text("alive\n"); });
  add(routes, door, open, "/readyz", [this](Request&) { return readyz(); });
  add(routes, door, open, "/metrics", [this](Request& request) { return metrics(request); });
  add(routes, door, read, "/api/v1/snapshot",
      [this](Request&) { return Response::json(std::string(snapshot_)); });
  add(routes, door, read, "/api/v1/history", [this](Request& request) { return history(request); });
  add(routes, door, read, "/api/v1/stream", [this](Request&) { return stream(); });
  add(routes, door, read, "/api/v1/goals", json(&goals_json));
  add(routes, door, read, "/api/v1/alerts", json(&alerts_json));
  add(routes, door, read, "/api/v1/workers", json(&workers_json));
  add(routes, door, read, "/api/v1/stalls", json(&stalls_json));
  add(routes, door, read, "/api/v1/incidents", json(&incidents_json));
  add_session(routes, door);
  add_dashboard(routes, door);
}

void Monitor::Inside::add_session(Routes& routes, Door door) {
  const auto refuse = [this, door](Request& request) -> std::optional<Response> {
    if (door == Door::local) return {};
    return access_.refuse(request, Access::Need::act, "api/v1/session");
  };
  routes.post("/api/v1/session", [this, refuse](Request& request) {
    std::optional<Response> response = refuse(request);
    if (!response) {
      response.emplace(204);
      response->header("Set-Cookie", access_.begin_session(parts_.loop.now()));
    }
    response->prepared_headers(kHeaders);
    return std::move(*response);
  });
  routes.del("/api/v1/session", [this, refuse](Request& request) {
    std::optional<Response> response = refuse(request);
    if (!response) {
      response.emplace(204);
      response->header("Set-Cookie", access_.end_session(request));
    }
    response->prepared_headers(kHeaders);
    return std::move(*response);
  });
}

void Monitor::Inside::add_dashboard(Routes& routes, Door door) {
  const auto add_file = [this, &routes, door](const DashboardFile& file) {
    routes.get(file.path, [this, door, file](Request& request) {
      if (door == Door::tcp) {
        if (std::optional<Response> refusal =
                access_.refuse(request, Access::Need::page, file.path)) {
          refusal->prepared_headers(kHeaders);
          return std::move(*refusal);
        }
      }
      return dashboard_answer(request, file);
    });
  };
  for (const DashboardFile& file : dashboard_files()) add_file(file);
  if (dashboard_files().empty()) add_file(dashboard_missing());
}

Response Monitor::Inside::readyz() {
  const Roster* roster = watcher_.roster();
  if (roster == nullptr || roster->phase == ClusterPhase::starting) {
    return plain(503, "starting\n");
  }
  if (roster->phase == ClusterPhase::draining) return plain(503, "draining\n");
  for (const RosterSlot& slot : roster->slots) {
    if (slot.role == "worker" && slot.state == SlotState::ready) return plain(200, "ready\n");
  }
  return plain(503, "no worker is ready\n");
}

Response Monitor::Inside::metrics(const Request& request) {
  const MetricsFormat format = negotiate_format(request.header(KnownHeader::accept).value_or(""));
  const Time began = Clock::now();
  watcher_.collect();
  Exposition text(format);
  for (const auto& [key, value] : watcher_.totals()) text.add(key, value);
  if (judge_) {
    for (const auto& [key, value] : judge_->series()) text.add(key, value);
  }
  Response response = Response::text(text.take());
  response.content_type(content_type(format));
  scrape_seconds_ = std::chrono::duration<double>(Clock::now() - began).count();
  return response;
}

Response Monitor::Inside::history(const Request& request) {
  std::string scratch;
  const auto resolution = query_value(request.query(), "resolution", scratch);
  if (!resolution) return Response::problem(400, "resolution is given twice, or not readable");
  const std::string_view word = resolution->value_or("1s");
  if (word == "1s") return Response::json(history_json(history_.seconds(), 1));
  if (word == "1m") return Response::json(history_json(history_.minutes(), 60));
  return Response::problem(400, "resolution is 1s or 1m");
}

Response Monitor::Inside::stream() {
  if (streams_.full()) {
    Response response =
        Response::problem(503, "32 clients read the stream already; close a dashboard.");
    response.header("Retry-After", "5");
    return response;
  }
  return Response::stream("text/event-stream",
                          [this](BodyWriter& writer) { return streams_.serve(writer); });
}

}  // namespace paceline
