#include "paceline/monitor/monitor.h"

#include <unistd.h>

#include <cmath>

#include "paceline/monitor/config.h"
#include "paceline/monitor/inside.h"

namespace paceline {
namespace {

constexpr std::size_t kIncidentsShown = 20;
constexpr std::size_t kStallNote = History::slots_max - 1;  // among the numbers to remember

ServerOptions server_limits() {
  ServerOptions options;
  options.body_max = std::uint64_t{64} << 10;
  options.connections_max = 256;
  options.connections_soft = 200;
  options.drain_idle = std::chrono::milliseconds(50);  // no stop waits for an idle scraper
  options.output_max = std::size_t{16} << 10;          // of a stream: then its client misses frames
  return options;
}

AccessPolicy no_access_log() {
  AccessPolicy policy;
  policy.errors = false;
  return policy;
}

std::string title(const RosterSlot& slot) {
  return slot.role == "worker" ? slot.role + " " + std::to_string(slot.slot) : slot.role;
}

bool is_loopback(const ListenAddress& address) {
  return address.kind == ListenAddress::Kind::unix_path || address.host.starts_with("127.") ||
         address.host == "::1";
}

double or_nan(const std::optional<double>& value) {
  return value.value_or(std::numeric_limits<double>::quiet_NaN());
}

/// The minute's row, from its seconds: means, the worst lag, percentiles' mean where the window is
/// gone by now.
HistoryRow minute_of(std::span<const HistoryRow> seconds) {
  HistoryRow row;
  for (std::size_t column = 0; column < kColumns; ++column) {
    double sum = 0;
    double worst = 0;
    std::size_t known = 0;
    for (const HistoryRow& one : seconds) {
      if (std::isnan(one.values[column])) continue;
      sum += one.values[column];
      worst = std::max(worst, one.values[column]);
      ++known;
    }
    if (known == 0) continue;
    const bool peak = column == static_cast<std::size_t>(Column::lag);
    row.values[column] = peak ? worst : sum / static_cast<double>(known);
  }
  for (std::size_t bucket = 0; bucket < kHeatRows; ++bucket) {
    std::uint64_t sum = 0;
    for (const HistoryRow& one : seconds) sum += one.heat[bucket];
    row.heat[bucket] = static_cast<std::uint32_t>(sum / seconds.size());
  }
  return row;
}

/// From the start of the supervisor to its end: the same run whichever monitor looks.
LedgerRun run_of(const Roster* roster, Time now, WallTime wall) {
  const Time started = roster == nullptr ? now : roster->started;
  return {.id = static_cast<std::uint64_t>(started.time_since_epoch().count()),
          .began = wall - std::chrono::duration_cast<WallTime::duration>(now - started)};
}

WatcherOptions watcher_options(const SelfOptions& workers) {
  return {.loop_threshold = workers.threshold,
          .loop_interval = workers.interval,
          .worker_memory_limit = workers.memory_limit,
          .worker_memory_reason = workers.memory_reason};
}

/// The configured token, of a key or of a file, or the folder's own.
Result<std::string> find_token(const ConfigSection& config, const std::string& dir) {
  const std::string& token = config.text("monitor.token");
  const std::string& file = config.text("monitor.token_file");
  if (token.empty() && file.empty()) return admin_token(dir + "/admin.token");
  if (!token.empty()) return token;
  Result<std::string> text = read_file(file, 4096);
  if (!text) return fail(text.error().code, "monitor.token_file: " + text.error().text());
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  const Result<void> checked = check_token(*text);
  if (!checked) return fail(Code::invalid, "monitor.token_file: " + checked.error().message);
  return text;
}

}  // namespace

Monitor::Inside::Inside(Parts parts, History history, AccessRules rules,
                        std::unique_ptr<Judge> judge, LedgerRun run)
    : parts_(std::move(parts)),
      watcher_({.metrics = parts_.metrics,
                .control = parts_.control,
                .stalls = parts_.stalls,
                .supervisor = ::getppid()},  // whose child the monitor is
               watcher_options(parts_.workers)),
      history_(history),
      access_(std::move(rules)),
      streams_(parts_.loop),
      own_(parts_.block),
      judge_(std::move(judge)),
      run_(run) {
  catalogue_.add(http_metrics());
  catalogue_.add(block_metrics());
  catalogue_.add(loop_metrics());
  catalogue_.add(process_metrics());
  catalogue_.add(judge_metrics());
  catalogue_.add(monitor_metrics());
  for (const std::span<const MetricInfo> infos : parts_.metric_infos) catalogue_.add(infos);
  catalogue_.add_bounds("http_server_request_duration_seconds",
                        goal_latency_bounds(judge_->goals()));
  add_routes(routes_, Door::tcp);
  add_routes(local_routes_, Door::local);
  server_.emplace(Server::Parts{parts_.loop, routes_, parts_.log, nullptr, no_access_log()},
                  server_limits());
  local_server_.emplace(
      Server::Parts{parts_.loop, local_routes_, parts_.log, nullptr, no_access_log()},
      server_limits());
  stall_seen_ = static_cast<double>(history_.noted(kStallNote)) * 1e-3;
  if (history_.openings() > 1) {
    history_.add_incident(
        {.time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                     .count(),
         .kind = "monitor",
         .text = "the monitor was replaced"});
  }
  tick();  // the first request finds something
}

void Monitor::Inside::tick() {
  const Time began = Clock::now();
  now_ = parts_.loop.now();
  wall_ = std::chrono::system_clock::now();
  view_ = watcher_.look(now_, wall_);
  if (const Roster* roster = watcher_.roster(); roster != nullptr) {
    learn(roster->facts);
    note_incidents(*roster);
  }
  note_stalls(view_);
  hold_against_goals(view_);
  decide_state(view_);
  view_.incidents = history_.incidents();
  if (view_.incidents.size() > kIncidentsShown) view_.incidents.resize(kIncidentsShown);
  view_.tick_seconds = tick_seconds_;
  view_.scrape_seconds = scrape_seconds_;
  view_.clients = streams_.clients();
  remember(view_);
  snapshot_ = snapshot_json(view_, facts_, parts_.name, parts_.config_hash);
  streams_.publish(event_text("snapshot", snapshot_));
  own_.publish(streams_.dropped(), view_.unreadable);
  own_.publish_deliveries(judged_);
  const Duration took = Clock::now() - began;
  own_.count_tick(took);
  tick_seconds_ = std::chrono::duration<double>(took).count();
}

void Monitor::Inside::note_incidents(const Roster& roster) {
  for (std::size_t i = 0; i < std::min(roster.slots.size(), kStallNote); ++i) {
    const RosterSlot& slot = roster.slots[i];
    if (slot.restarts == history_.noted(i)) continue;
    history_.note(i, slot.restarts);
    history_.add_incident({.time = view_.time,
                           .kind = "exit",
                           .text = title(slot) + " ended: " + slot.last_exit + "; restart " +
                                   std::to_string(slot.restarts)});
  }
  if (roster.phase == ClusterPhase::draining && phase_ != ClusterPhase::draining) {
    history_.add_incident({.time = view_.time, .kind = "drain", .text = "the instance stops"});
  }
  phase_ = roster.phase;
}

void Monitor::Inside::note_stalls(const View& view) {
  for (auto stall = view.stalls.rbegin(); stall != view.stalls.rend(); ++stall) {
    if (stall->time <= stall_seen_) continue;
    stall_seen_ = stall->time;
    history_.note(kStallNote, static_cast<std::uint64_t>(std::ceil(stall->time * 1e3)));
    std::string text = stall->role;
    if (stall->role == "worker") text += " " + std::to_string(stall->slot);
    text += " stalled";
    if (!stall->route.empty()) text += " in " + stall->route;
    if (!stall->site.empty()) text += " (" + stall->site + ")";
    history_.add_incident({.time = stall->time, .kind = "stall", .text = std::move(text)});
  }
}

void Monitor::Inside::remember(const View& view) {
  HistoryRow row;
  row[Column::time] = view.time;
  row[Column::rate] = or_nan(view.rate);
  row[Column::p50] = or_nan(view.p50);
  row[Column::p95] = or_nan(view.p95);
  row[Column::p99] = or_nan(view.p99);
  row[Column::error_ratio] = or_nan(view.error_ratio);
  row[Column::cpu] = or_nan(view.cpu);
  row[Column::memory] = or_nan(view.host.memory_ratio());
  row[Column::loop] = or_nan(view.loop_max);
  row[Column::lag] = or_nan(view.lag_max);
  row[Column::in_flight] = static_cast<double>(view.in_flight);
  row[Column::connections] = static_cast<double>(view.connections);
  row[Column::status_2xx] = or_nan(view.status[1]);
  row[Column::status_3xx] = or_nan(view.status[2]);
  row[Column::status_4xx] = or_nan(view.status[3]);
  row[Column::status_5xx] = or_nan(view.status[4]);
  if (const auto pss = view.memory.find("pss"); pss != view.memory.end()) {
    row[Column::pss] = static_cast<double>(pss->second);
  }
  row.heat = view.heat;
  const auto minute = static_cast<std::int64_t>(view.time / 60);
  if (minute_ != 0 && minute != minute_) {
    std::vector<HistoryRow> seconds = history_.seconds();
    std::erase_if(seconds, [this](const HistoryRow& one) {
      return static_cast<std::int64_t>(one[Column::time] / 60) != minute_;
    });
    if (!seconds.empty()) {
      HistoryRow whole = minute_of(seconds);
      whole[Column::time] = static_cast<double>(minute_ * 60);
      history_.add_minute(whole);
    }
  }
  minute_ = minute;
  history_.add_second(row);
}

void Monitor::Inside::learn(const std::string& facts) {
  if (facts == facts_) return;
  facts_ = facts;
  version_ = version_of(facts);
}

Task<bool> Monitor::Inside::stop(Deadline deadline) {
  judge_->stop_planned(std::chrono::system_clock::now());
  streams_.end();
  for (Server* server : {&*server_, &*local_server_}) {
    server->unlisten_all();
    server->drain();
  }
  const bool empty = co_await server_->drained(deadline);
  const bool local_empty = co_await local_server_->drained(deadline);
  co_return empty&& local_empty;
}

Monitor::Monitor(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Monitor::~Monitor() = default;

Result<std::unique_ptr<Monitor>> Monitor::create(Parts parts) {
  PACELINE_TRY_VALUE(History history, History::attach(parts.history.part("history")));
  const ConfigSection& config = parts.config.top();
  PACELINE_TRY_VALUE(MonitorPlan plan, monitor_plan(config));
  AccessRules rules;
  rules.reach =
      is_loopback(parts.listen) ? AccessRules::Reach::this_host : AccessRules::Reach::other_hosts;
  rules.host = parts.listen.host;
  rules.open_paths = std::move(plan.open_paths);
  PACELINE_TRY_VALUE(rules.token, find_token(config, parts.dir));
  PACELINE_TRY_VALUE(AlertOptions alerts, alert_options(parts.config));
  RosterReader roster(control_roster(parts.control));
  const WallTime wall = std::chrono::system_clock::now();
  const LedgerRun run = run_of(roster.read(), parts.loop.now(), wall);
  const std::string address = parts.listen.text();
  PACELINE_TRY_VALUE(std::unique_ptr<Judge> judge,
                     Judge::create(std::move(alerts),
                                   {.log = parts.log,
                                    .ledger = parts.dir + "/availability.ledger",
                                    .run = run,
                                    .now = wall,
                                    .origin = {.instance = address, .url = "http://" + address}}));
  return std::unique_ptr<Monitor>(new Monitor(std::make_unique<Inside>(
      std::move(parts), history, std::move(rules), std::move(judge), run)));
}

Result<void> Monitor::listen(int fd) { return inside_->server().listen(fd); }
Result<void> Monitor::listen_local(int fd) { return inside_->local().listen(fd); }
void Monitor::tick() { inside_->tick(); }

Task<bool> Monitor::stop(Deadline deadline) { return inside_->stop(deadline); }

}  // namespace paceline
