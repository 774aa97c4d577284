#include "paceline/cluster/supervisor.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "paceline/cluster/inside.h"

namespace paceline {

std::size_t seat_count(const std::vector<RoleSpec>& roles) {
  std::size_t slots = 0;
  for (const RoleSpec& role : roles) slots += role.count;
  return slots * kSeatsPerSlot;
}

Supervisor::Supervisor(Loop& loop, Log& log, const InstanceFolder& folder, ListenerGroup& listeners,
                       SupervisorOptions options)
    : inside_(std::make_unique<Inside>(loop, log, folder, listeners, std::move(options))) {}
Supervisor::~Supervisor() = default;
Result<StopReport> Supervisor::run() { return inside_->run(); }
void Supervisor::request_stop() { inside_->request_stop(); }
ClusterStatus Supervisor::status() const { return inside_->status(); }

Supervisor::Inside::Inside(Loop& loop, Log& log, const InstanceFolder& folder,
                           ListenerGroup& listeners, SupervisorOptions options)
    : loop_(loop),
      log_(log),
      folder_(folder),
      listeners_(listeners),
      options_(std::move(options)),
      started_(loop.now()),
      random_(static_cast<unsigned>(::getpid()) ^
              static_cast<unsigned>(loop.now().time_since_epoch().count())) {
  make_members();
}

Supervisor::Inside::~Inside() {
  for (const auto& member : members_) {
    if (!member->child) continue;
    kill(*member);
    ::waitpid(member->pid(), nullptr, 0);
  }
}

void Supervisor::Inside::make_members() {
  std::size_t seat = 0;
  for (const RoleSpec& role : options_.roles) {
    for (std::size_t slot = 0; slot < role.count; ++slot, seat += kSeatsPerSlot) {
      auto member = std::make_unique<Member>();
      Member* m = member.get();
      m->role = &role;
      m->slot = slot;
      m->seat_first = seat;
      m->boot_timer.callback = [this, m] { boot_timed_out(*m); };
      m->restart_timer.callback = [this, m] { spawn_or_fail(*m); };
      m->adoption_timer.callback = [this] { adopt_orphans(); };
      m->release_timer.callback = [this, m] { serve_now(*m); };
      members_.push_back(std::move(member));
    }
  }
}

Result<void> Supervisor::Inside::open() {
  PACELINE_TRY_VALUE(generation_, Generation::capture(1, options_.config_text));
  PACELINE_TRY_VALUE(control_, create_control_region(seat_count(options_.roles)));
  roster_ = RosterWriter(control_roster(control_));
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe");
  lifetime_read_.reset(pipe[0]);
  lifetime_write_.reset(pipe[1]);
  signals_ = std::make_unique<Signals>(loop_, std::initializer_list<int>{SIGTERM, SIGINT},
                                       [this](int) { request_stop(); });
  ControlCommands commands{
      .status = [this] { return to_json(status()); },
      // A second `stop` waits with the first; only a signal stops hard.
      .stop = [this] { begin_drain(); },
      .stopped =
          [this] {
            return "{\"stopped\":true,\"killed\":" + std::to_string(report_.killed) + "}";
          }};
  PACELINE_TRY_VALUE(control_server_,
                     ControlServer::open(loop_, folder_.control_path(),
                                         options_.control_clients_max, std::move(commands)));
  return {};
}

Result<StopReport> Supervisor::Inside::run() {
  PACELINE_TRY(open());
  const std::optional<int> first = next_stage_up(INT32_MIN);
  check(first.has_value(), "a supervisor needs a role");
  publish_roster();  // the first child already looks
  start_stage(*first);
  while (!finished_) {
    publish_roster();
    loop_.turn();
  }
  // Nobody accepts any more: what still knocks is refused, also after a start that failed.
  listeners_.close();
  control_server_->finish();
  control_server_.reset();
  if (error_) return std::unexpected(*error_);
  return report_;
}

void Supervisor::Inside::start_stage(int stage) {
  stage_ = stage;
  for (const auto& member : members_) {
    if (member->role->stage == stage && phase_ == Phase::starting) spawn_or_fail(*member);
  }
}

/// After a READY during the start: the next stage, or the end of the start.
void Supervisor::Inside::advance_start() {
  for (const auto& member : members_) {
    if (member->role->stage == stage_ && member->machine.state() != SlotState::ready) return;
  }
  if (const std::optional<int> next = next_stage_up(stage_)) return start_stage(*next);
  phase_ = Phase::running;
  for (const auto& member : members_) serve(*member);
  facts_ = to_json(status());
  if (options_.on_started) options_.on_started(status());
}

ChildManifest Supervisor::Inside::manifest_of(const Member& member, int channel) const {
  ChildManifest manifest{.role = member.role->name,
                         .slot = member.slot,
                         .seat = member.seat(),
                         .generation = generation_->number(),
                         .config = generation_->config_fd(),
                         .channel = channel,
                         .lifetime = lifetime_read_.get(),
                         .lock = folder_.lock_fd(),
                         .regions = {{"control", control_.fd()}},
                         .sockets = {},
                         .listeners = {},
                         .dir = folder_.path()};
  for (const SharedMemory& memory : options_.regions) {
    manifest.regions.push_back({memory.name, memory.region->fd()});
  }
  for (const SharedSocket& socket : member.role->sockets) {
    manifest.sockets.push_back({socket.name, socket.fd});
  }
  if (member.listens()) {
    manifest.listeners.assign(listeners_.sockets().begin(), listeners_.sockets().end());
  }
  return manifest;
}

Result<void> Supervisor::Inside::spawn(Member& member) {
  PACELINE_TRY_VALUE(auto ends, Channel::make_pair());
  member.machine.spawned(now());
  SeatState& seat = control_seats(control_)[member.seat()];
  seat.requests.store(0, std::memory_order_relaxed);
  seat.connections.store(0, std::memory_order_relaxed);
  seat.busy_since.store(0, std::memory_order_relaxed);
  seat.alive_at.store(0, std::memory_order_relaxed);
  member.failure.clear();
  member.serving = false;
  member.accept_ended = false;
  Member* m = &member;
  const ChildManifest manifest = manifest_of(member, ends.second.get());
  const Result<pid_t> pid = generation_->spawn(manifest, "paceline: " + member.title());
  if (!pid) {
    member.machine.died(now(), 0);
    return std::unexpected(pid.error());
  }
  member.channel = std::make_unique<Channel>(
      loop_, std::move(ends.first), [this, m](std::string_view text) { handle(*m, text); }, [] {});
  Result<std::unique_ptr<Child>> child =
      Child::watch(loop_, *pid, [this, m](ExitStatus status) { exited(*m, status); });
  if (!child) {
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    member.channel.reset();
    member.machine.died(now(), 0);
    return std::unexpected(child.error());
  }
  member.child = std::move(*child);
  loop_.arm(member.boot_timer, now() + options_.boot_timeout);
  return {};
}

void Supervisor::Inside::spawn_or_fail(Member& member) {
  const Result<void> spawned = spawn(member);
  if (spawned) return;
  if (phase_ == Phase::starting) return fail_start(spawned.error());
  // Out of processes or memory: it may pass.
  note(LogLevel::error, "spawn_failed", member, spawned.error().text());
  restart_later(member, RestartPolicy::kDelayMax);
}

void Supervisor::Inside::handle(Member& member, std::string_view message) {
  const std::size_t space = std::min(message.find(' '), message.size());
  const std::string_view verb = message.substr(0, space);
  const std::string_view rest = message.substr(std::min(space + 1, message.size()));
  if (verb == "READY") {
    ready(member, rest);
  } else if (verb == "FAIL") {
    member.failure = printable(rest, Channel::kMessageMax);
  } else if (verb == "RELEASED") {
    released(member, rest);
  } else if (verb == "STOPPED") {
    member.accept_ended = true;
    close_listeners_when_unused();
  }
}

void Supervisor::Inside::ready(Member& member, std::string_view claim) {
  const std::string expected =
      std::to_string(member.pid()) + " " + std::to_string(generation_->number());
  if (member.machine.state() != SlotState::starting || claim != expected) {
    note(LogLevel::error, "ready_refused", member, printable(claim, 40));
    return kill(member);
  }
  member.boot_timer.cancel();
  member.machine.ready();
  note(LogLevel::debug, "ready", member);
  switch (phase_) {
    case Phase::starting:
      return advance_start();
    case Phase::running:
      return serve(member);
    case Phase::draining:
      serve(member);
      if (member.role->stage >= stage_) drain_member(member);
      return;
    case Phase::killing:
      return;
  }
}

void Supervisor::Inside::boot_timed_out(Member& member) {
  member.failure = "was not ready after " + format_duration(options_.boot_timeout);
  kill(member);
}

void Supervisor::Inside::exited(Member& member, ExitStatus status) {
  // Its last words may still be in the channel.
  if (member.channel) member.channel->receive_all();
  const bool orderly =
      member.machine.state() == SlotState::draining && status.code == 0 && status.signal == 0;
  const bool failed_start = phase_ == Phase::starting && member.machine.never_ready();
  const std::string reason = member.failure.empty() ? status.text() : member.failure;
  const pid_t pid = member.pid();
  member.last_exit = reason;
  // A start that failed is told once, as its error.
  if (!orderly && !failed_start && phase_ != Phase::killing) {
    note(LogLevel::warning, "died", member, reason);
  }
  member.channel.reset();
  member.child.reset();
  member.boot_timer.cancel();
  if (member.role->on_death) {
    member.role->on_death({.slot = member.slot, .pid = pid, .status = status});
  }
  const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
  const Duration delay = member.machine.died(now(), chance);
  if (failed_start) {
    const std::string what =
        member.failure.empty() ? member.title() + " ended during its start: " + reason : reason;
    return fail_start(fail(Code::unavailable, what).error());
  }
  left(member);
  if (restarts(member)) restart_later(member, delay);
  finish_when_empty();
}

bool Supervisor::Inside::restarts(const Member& member) const {
  return phase_ == Phase::starting || phase_ == Phase::running ||
         (phase_ == Phase::draining && member.role->stage < stage_);
}

void Supervisor::Inside::restart_later(Member& member, Duration delay) {
  if (delay == Duration{0}) return spawn_or_fail(member);
  loop_.arm(member.restart_timer, now() + delay);
}

void Supervisor::Inside::fail_start(Error error) {
  if (!error_) error_ = std::move(error);
  kill_all();
}

void Supervisor::Inside::kill(Member& member) {
  if (member.child) std::ignore = member.child->signal(SIGKILL);
}

void Supervisor::Inside::kill_all() {
  phase_ = Phase::killing;
  queue_timer_.cancel();
  drain_timer_.cancel();
  for (const auto& member : members_) {
    member->restart_timer.cancel();
    member->adoption_timer.cancel();
    member->release_timer.cancel();
    if (member->child) ++report_.killed;
    kill(*member);
  }
  finish_when_empty();
}

void Supervisor::Inside::finish_when_empty() {
  if (phase_ == Phase::draining) advance_drain();
  if (phase_ != Phase::killing) return;
  finished_ = std::ranges::none_of(members_, [](const auto& m) { return m->child != nullptr; });
}

void Supervisor::Inside::note(LogLevel level, std::string_view event, const Member& member,
                              std::string_view detail) {
  const std::string title = member.title();
  std::array<LogField, 3> fields = {{{.name = "child", .value = std::string_view(title)}}};
  std::size_t count = 1;
  if (member.pid() > 0) {  // a slot whose process is gone has none
    fields[count++] = {.name = "pid", .value = static_cast<std::int64_t>(member.pid())};
  }
  if (!detail.empty()) fields[count++] = {.name = "detail", .value = detail};
  log_.write(level, event, std::span(fields).first(count));
}

std::optional<int> Supervisor::Inside::next_stage_up(int above) const {
  std::optional<int> next;
  for (const RoleSpec& role : options_.roles) {
    if (role.stage > above && (!next || role.stage < *next)) next = role.stage;
  }
  return next;
}

/// After every turn: cheap when nothing changed, and no change can be forgotten.
void Supervisor::Inside::publish_roster() {
  const bool stops = phase_ == Phase::draining || phase_ == Phase::killing;
  Roster roster{.phase = stops                       ? ClusterPhase::draining
                         : phase_ == Phase::starting ? ClusterPhase::starting
                                                     : ClusterPhase::running,
                .started = started_,
                .slots = {},
                .facts = facts_};
  for (const auto& member : members_) {
    RosterSlot slot{.role = member->role->name,
                    .slot = member->slot,
                    .seat_first = member->seat_first,
                    .seat = {},
                    .pid = member->pid(),
                    .state = member->machine.state(),
                    .restarts = member->machine.restarts(),
                    .generation = generation_->number(),
                    .since = member->machine.since(),
                    .last_exit = member->last_exit};
    if (member->child) slot.seat = member->seat();
    roster.slots.push_back(std::move(slot));
  }
  roster_.publish(roster);
}

ClusterStatus Supervisor::Inside::status() const {
  const auto seconds = [this](Time since) {
    return std::chrono::duration<double>(now() - since).count();
  };
  ClusterStatus status{
      .version = options_.version,
      .dir = folder_.path(),
      .generation = generation_ ? generation_->number() : 0,
      .supervisor_pid = ::getpid(),
      .uptime_seconds = seconds(started_),
      .drain_timeout_seconds = std::chrono::duration<double>(options_.drain_timeout).count(),
      .listen = {},
      .keeper = {},
      .monitor = {},
      .worker_count = options_.worker_count,
      .workers = {}};
  for (const ListenAddress& address : listeners_.addresses()) {
    status.listen.push_back(address.text());
  }
  const std::span<const SeatState> seats = control_seats(control_);
  for (const auto& member : members_) {
    if (member->role->name == "keeper" && member->child) status.keeper = member->pid();
    if (member->role->name == "monitor" && member->child) {
      status.monitor = {.pid = member->pid(), .listen = options_.monitor_listen};
    }
    if (member->role->name != "worker") continue;
    WorkerStatus worker{.slot = member->slot,
                        .pid = member->pid(),
                        .generation = generation_ ? generation_->number() : 0,
                        .state = member->machine.state(),
                        .restarts = member->machine.restarts()};
    if (member->child) {
      const SeatState& seat = seats[member->seat()];
      worker.uptime_seconds = seconds(member->machine.since());
      worker.requests = seat.requests.load(std::memory_order_relaxed);
      worker.connections = seat.connections.load(std::memory_order_relaxed);
    }
    status.workers.push_back(worker);
  }
  return status;
}

}  // namespace paceline
