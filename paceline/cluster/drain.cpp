// The stop. Stages end in the reverse order of their start; within the listening stage:
//   no new handshakes -> DRAIN: workers answer with Connection: close and still accept -> the
//   accept queues are empty -> STOP: workers take the last ones and let go -> the sockets close ->
//   what is in flight ends -> what is left after the limit is killed.
#include <algorithm>

#include "paceline/cluster/inside.h"

namespace paceline {
namespace {

constexpr Duration kQueueStep = 5ms;    // between two looks at the accept queues
constexpr Duration kStageMinimum = 5s;  // for a later stage when an earlier one used up the limit

}  // namespace

void Supervisor::Inside::request_stop() {
  if (phase_ == Phase::draining) {
    log_.write(LogLevel::warning, "stop_hard");
    report_.manner = StopReport::Manner::hard;
    return kill_all();
  }
  begin_drain();
}

void Supervisor::Inside::begin_drain() {
  if (phase_ == Phase::draining || phase_ == Phase::killing) return;
  // Nothing was accepted before the whole start succeeded, so nothing is in flight.
  if (phase_ == Phase::starting) return kill_all();
  log_.write(LogLevel::info, "drain");
  phase_ = Phase::draining;
  drain_limit_ = now() + options_.drain_timeout;
  drain_timer_.callback = [this] { drain_timed_out(); };
  queue_timer_.callback = [this] { watch_queues(); };
  drain_stage(*next_stage_down(INT32_MAX));
}

void Supervisor::Inside::drain_stage(int stage) {
  stage_ = stage;
  loop_.arm(drain_timer_,
            std::max(drain_limit_, now() + std::min(kStageMinimum, options_.drain_timeout)));
  settle_starting(stage);
  bool listens = false;
  for (const auto& member : members_) {
    if (member->role->stage != stage) continue;
    listens = listens || member->listens();
    if (member->machine.state() == SlotState::ready) drain_member(*member);
  }
  if (listens) {
    const Result<void> stopped = listeners_.stop_handshakes();
    if (!stopped) log_.write(LogLevel::warning, "filter", {{"detail", stopped.error().text()}});
    adopt_orphans();
    queue_limit_ = now() + options_.drain_queue_limit;
    loop_.arm(queue_timer_, now() + options_.drain_grace);
  }
  advance_drain();
}

/// A process that still starts is of use only if connections wait that nobody else can take.
void Supervisor::Inside::settle_starting(int stage) {
  const bool served = std::ranges::any_of(
      members_, [](const auto& m) { return m->listens() && m->serving && m->channel; });
  for (const auto& member : members_) {
    if (member->role->stage != stage) continue;
    member->restart_timer.cancel();
    if (member->machine.state() == SlotState::starting && (served || !member->listens())) {
      kill(*member);
    }
  }
}

void Supervisor::Inside::drain_member(Member& member) {
  if (!member.channel || member.machine.state() == SlotState::draining) return;
  member.machine.drain();
  std::ignore = member.channel->send("DRAIN");
  if (!member.listens() || accept_ending_) std::ignore = member.channel->send("STOP");
}

void Supervisor::Inside::watch_queues() {
  if (listeners_.queued() > 0 && now() < queue_limit_) {
    loop_.arm(queue_timer_, now() + kQueueStep);
    return;
  }
  end_accepting();
}

void Supervisor::Inside::end_accepting() {
  accept_ending_ = true;
  for (const auto& member : members_) {
    if (member->listens() && member->channel) std::ignore = member->channel->send("STOP");
  }
  // Whoever is stuck cannot keep the sockets open: closing ends them for every holder.
  queue_timer_.callback = [this] { listeners_.close(); };
  loop_.arm(queue_timer_, std::max(queue_limit_, now() + options_.drain_grace));
  close_listeners_when_unused();
}

void Supervisor::Inside::close_listeners_when_unused() {
  if (!accept_ending_) return;
  for (const auto& member : members_) {
    if (member->listens() && member->channel && !member->accept_ended) return;
  }
  queue_timer_.cancel();
  listeners_.close();
}

void Supervisor::Inside::drain_timed_out() {
  for (const auto& member : members_) {
    if (member->role->stage < stage_ || !member->child) continue;
    note(LogLevel::warning, "drain_timed_out", *member);
    ++report_.killed;
    kill(*member);
  }
}

void Supervisor::Inside::advance_drain() {
  if (has_process_in(stage_)) return;
  queue_timer_.cancel();
  drain_timer_.cancel();
  if (const std::optional<int> next = next_stage_down(stage_)) return drain_stage(*next);
  finished_ = true;
}

std::optional<int> Supervisor::Inside::next_stage_down(int below) const {
  std::optional<int> next;
  for (const RoleSpec& role : options_.roles) {
    if (role.stage < below && (!next || role.stage > *next)) next = role.stage;
  }
  return next;
}

bool Supervisor::Inside::has_process_in(int stage) const {
  return std::ranges::any_of(members_, [&](const auto& member) {
    return member->role->stage == stage && member->child != nullptr;
  });
}

}  // namespace paceline
