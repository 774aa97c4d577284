// What the monitor answers; docs/reference/monitor.md is its description.
#include <algorithm>
#include <cmath>
#include <utility>

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

constexpr std::size_t kSeriesMax = 2000;  // notes: a whole host's, merged
constexpr std::string_view kRequests = "http_server_request_duration_seconds";
constexpr std::size_t kSeriesMaxPerWorker = 20'000;  // asked for by name, for a look

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

/// All blocks begin with the supervisor, and nobody's death makes a counter begin anew.
std::optional<double> counting_since(const std::vector<ProcessTotals>& processes) {
  constexpr std::string_view kStart = "process_start_time_seconds";
  if (processes.empty()) return {};
  const MetricsTotals& supervisor = processes.back().series;
  const auto found = supervisor.find({std::string(kStart), {}, MetricKind::gauge_max});
  if (found == supervisor.end()) return {};
  return std::round(static_cast<double>(found->second.level) / 1e6) / 1e3;
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
  std::string scratch;
  const auto per_worker = query_value(request.query(), "per_worker", scratch);
  if (!per_worker) return Response::problem(400, "per_worker is given twice, or not readable");
  const std::string_view word = per_worker->value_or("0");
  if (word != "0" && word != "1") return Response::problem(400, "per_worker is 0 or 1");
  const Time began = Clock::now();
  watcher_.collect();
  Exposition text(format, catalogue_, word == "1" ? kSeriesMaxPerWorker : kSeriesMax,
                  counting_since(watcher_.processes()));
  if (word == "1") {
    write_by_process(text);
  } else {
    write_merged(text);
  }
  if (text.left_out() > std::exchange(left_out_, text.left_out())) {
    parts_.log.write(LogLevel::warning, "series_left_out",
                     {{"series", static_cast<std::int64_t>(text.left_out())}});
  }
  Response response = Response::text(text.take());
  response.content_type(content_type(format));
  const Duration took = Clock::now() - began;
  own_.count_scrape(took);
  scrape_seconds_ = std::chrono::duration<double>(took).count();
  return response;
}

/// Two ordered lists as one. Requests come last: there are most of them, and what is beyond the
/// limit is left out.
void Monitor::Inside::write_merged(Exposition& text) {
  MetricsTotals added = own_series(view_, version_, parts_.config_hash);
  for (const auto& [key, value] : judged_) {
    if (!OwnCounters::takes_over(key)) added.try_emplace(key, value);
  }
  const MetricsTotals& totals = watcher_.totals();
  auto one = totals.begin();
  auto other = added.begin();
  while (one != totals.end() || other != added.end()) {
    const bool first = other == added.end() || (one != totals.end() && one->first < other->first);
    const auto& [key, value] = first ? *one++ : *other++;
    if (key.name != kRequests) text.add(key, value);
  }
  for (auto at = totals.lower_bound({std::string(kRequests), {}, {}});
       at != totals.end() && at->first.name == kRequests; ++at) {
    text.add(at->first, at->second);
  }
}

/// Every process by itself: role and, for workers, number. Rows of one name stand together.
void Monitor::Inside::write_by_process(Exposition& text) {
  struct Row {
    const MetricKey* key;
    const MetricValue* value;
    std::size_t process;
  };
  const std::vector<ProcessTotals>& processes = watcher_.processes();
  std::vector<Row> rows;
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    std::string label = "role=\"" + processes[i].role + "\"";
    if (processes[i].role == "worker") {
      label += ",worker=\"" + std::to_string(processes[i].slot) + "\"";
    }
    labels.push_back(std::move(label));
    for (const auto& [key, value] : processes[i].series) rows.push_back({&key, &value, i});
  }
  std::ranges::sort(rows, [](const Row& a, const Row& b) {
    return a.key->name != b.key->name ? a.key->name < b.key->name : a.process < b.process;
  });
  for (const Row& row : rows) text.add(*row.key, *row.value, labels[row.process]);
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
