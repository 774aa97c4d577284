// The inside of the supervisor: one Member a slot, and who stands for whom.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster/channel.h"
#include "paceline/cluster/control_server.h"
#include "paceline/cluster/generation.h"
#include "paceline/cluster/roster.h"
#include "paceline/cluster/slot.h"
#include "paceline/cluster/supervisor.h"

namespace paceline {

class CallbackTimer final : public Timer {
 public:
  std::function<void()> callback;

 private:
  void fire() override { callback(); }
};

/// One slot of one role, with the process that runs in it now, if any.
struct Member {
  const RoleSpec* role = nullptr;
  std::size_t slot = 0;        // within its role
  std::size_t seat_first = 0;  // of its two
  SlotMachine machine;
  std::unique_ptr<Child> child;
  std::unique_ptr<Channel> channel;
  std::string failure;        // the child's FAIL line
  std::string last_exit;      // how the last process ended
  bool serving = false;       // was told SERVE
  bool accept_ended = false;  // said STOPPED
  Member* adopter = nullptr;  // who accepts on this slot's sockets meanwhile
  Time away_since;            // of the last worker that served
  CallbackTimer boot_timer;   // READY must come before
  CallbackTimer restart_timer;
  CallbackTimer adoption_timer;
  CallbackTimer release_timer;

  bool listens() const { return role->listens == RoleSpec::Listens::yes; }
  pid_t pid() const { return child ? child->pid() : 0; }
  std::size_t seat() const { return seat_first + machine.seat(); }
  std::string title() const { return role->name + " " + std::to_string(slot); }
};

class Supervisor::Inside {
 public:
  Inside(Loop& loop, Log& log, const InstanceFolder& folder, ListenerGroup& listeners,
         SupervisorOptions options);
  ~Inside();
  Result<StopReport> run();
  void request_stop();
  ClusterStatus status() const;

 private:
  enum class Phase : std::uint8_t { starting, running, draining, killing };

  // supervisor.cpp: start, death, restart.
  Result<void> open();
  void make_members();
  void start_stage(int stage);
  void advance_start();
  Result<void> spawn(Member& member);
  ChildManifest manifest_of(const Member& member, int channel) const;
  void spawn_or_fail(Member& member);
  void handle(Member& member, std::string_view message);
  void ready(Member& member, std::string_view claim);
  void boot_timed_out(Member& member);
  void exited(Member& member, ExitStatus status);
  void restart_later(Member& member, Duration delay);
  void fail_start(Error error);
  void kill(Member& member);
  void kill_all();
  void finish_when_empty();
  void publish_roster();
  void note(LogLevel level, std::string_view event, const Member& member,
            std::string_view detail = {});

  // adoption.cpp: who accepts for whom.
  void serve(Member& member);
  void serve_now(Member& member);
  void left(Member& member);
  void adopt_orphans();
  Member* choose_adopter(const Member& orphan);
  void released(const Member& adopter, std::string_view slot);

  // drain.cpp: the stop.
  void begin_drain();
  void drain_stage(int stage);
  void drain_member(Member& member);
  void settle_starting(int stage);
  void watch_queues();
  void end_accepting();
  void close_listeners_when_unused();
  void drain_timed_out();
  void advance_drain();

  bool restarts(const Member& member) const;
  std::optional<int> next_stage_up(int above) const;
  std::optional<int> next_stage_down(int below) const;
  bool has_process_in(int stage) const;
  Time now() const { return loop_.now(); }

  Loop& loop_;
  Log& log_;
  const InstanceFolder& folder_;
  ListenerGroup& listeners_;
  SupervisorOptions options_;
  Phase phase_ = Phase::starting;
  int stage_ = 0;  // that starts, or drains
  bool finished_ = false;
  bool accept_ending_ = false;  // workers were told STOP
  std::optional<Error> error_;  // of a start that failed
  StopReport report_;
  Time started_;
  Time drain_limit_;
  Time queue_limit_;
  std::minstd_rand random_;
  std::optional<Generation> generation_;
  SharedRegion control_;
  RosterWriter roster_;
  std::string facts_;  // the status at the end of the start, for the roster
  Fd lifetime_read_;   // children hold copies
  Fd lifetime_write_;  // ours alone: its end is the children's end
  CallbackTimer queue_timer_;
  CallbackTimer drain_timer_;
  std::unique_ptr<ControlServer> control_server_;
  std::unique_ptr<Signals> signals_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace paceline
