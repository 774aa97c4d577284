// Who accepts for a slot without worker. Sockets never close meanwhile: connections wait in them.
#include <algorithm>

#include "paceline/cluster/inside.h"

namespace paceline {
namespace {

// A sibling that does not confirm a release is stuck; both may accept on one socket, so going on
// without it only costs an idle wake-up.
constexpr Duration kReleaseTimeout = 100ms;

}  // namespace

/// A READY process begins its work; if a sibling accepts for it, only after that one let go.
void Supervisor::Inside::serve(Member& member) {
  if (member.adopter == nullptr) return serve_now(member);
  const Result<void> sent = member.adopter->channel->send("RELEASE " + std::to_string(member.slot));
  if (!sent) return serve_now(member);
  loop_.arm(member.release_timer, now() + kReleaseTimeout);
}

void Supervisor::Inside::serve_now(Member& member) {
  member.release_timer.cancel();
  member.adopter = nullptr;
  if (!member.channel || member.serving) return;
  member.serving = true;
  member.adoption_timer.cancel();
  std::ignore = member.channel->send("SERVE");
  adopt_orphans();  // which nobody could adopt before
}

/// A process is gone: its slot, and those it had adopted, need another one.
void Supervisor::Inside::left(Member& member) {
  if (!member.listens()) return;
  if (std::exchange(member.serving, false)) member.away_since = now();
  member.accept_ended = true;
  member.release_timer.cancel();
  for (const auto& other : members_) {
    if (other->adopter != &member) continue;
    other->adopter = nullptr;
    if (other->machine.state() == SlotState::ready) serve_now(*other);
  }
  if (phase_ == Phase::killing) return;
  loop_.arm(member.adoption_timer, member.away_since + options_.adoption_delay);
  adopt_orphans();
  close_listeners_when_unused();
}

void Supervisor::Inside::adopt_orphans() {
  if (phase_ == Phase::starting || phase_ == Phase::killing || accept_ending_) return;
  for (const auto& orphan : members_) {
    if (!orphan->listens() || orphan->serving || orphan->adopter != nullptr) continue;
    if (orphan->machine.state() == SlotState::ready) continue;  // begins in a moment
    const bool hurry = phase_ == Phase::draining;
    if (!hurry && now() < orphan->away_since + options_.adoption_delay) continue;
    Member* const adopter = choose_adopter(*orphan);
    if (adopter == nullptr) continue;  // the queue waits for the replacement
    if (!adopter->channel->send("ADOPT " + std::to_string(orphan->slot))) continue;
    orphan->adopter = adopter;
    note(LogLevel::info, "adopted", *orphan, "by " + adopter->title());
  }
}

/// The serving sibling with the fewest adoptions; of equals the lowest slot.
Member* Supervisor::Inside::choose_adopter(const Member& orphan) {
  Member* best = nullptr;
  std::ptrdiff_t best_count = 0;
  for (const auto& sibling : members_) {
    if (sibling->role != orphan.role || !sibling->serving || !sibling->channel) continue;
    const auto count = std::ranges::count_if(
        members_, [&](const auto& other) { return other->adopter == sibling.get(); });
    if (best == nullptr || count < best_count) {
      best = sibling.get();
      best_count = count;
    }
  }
  return best;
}

void Supervisor::Inside::released(const Member& adopter, std::string_view slot) {
  for (const auto& member : members_) {
    if (member->adopter == &adopter && std::to_string(member->slot) == slot &&
        member->machine.state() != SlotState::starting) {
      serve_now(*member);
    }
  }
}

}  // namespace paceline
