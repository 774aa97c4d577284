// The supervisor: parent of every process of an instance, owner of its sockets and its memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "paceline/cluster/cpu_count.h"
#include "paceline/cluster/folder.h"
#include "paceline/cluster/listeners.h"
#include "paceline/cluster/seat.h"
#include "paceline/cluster/status.h"
#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

/// A descriptor or region that children find by name. Borrowed; outlives the supervisor.
struct SharedSocket {
  std::string name;
  int fd = -1;
};
struct SharedMemory {
  std::string name;  // must be the region's purpose
  const SharedRegion* region = nullptr;
};

/// A process that had died. `slot` is within its role.
struct ChildDeath {
  std::size_t slot = 0;
  pid_t pid = 0;
  ExitStatus status;
};

/// What to run. The child's program is this program; it asks ChildProcess::role().
struct RoleSpec {
  enum class Listens : std::uint8_t { no, yes };
  std::string name;       // "worker", "keeper": words that status knows
  std::size_t count = 1;  // processes; workers: the slots of the listener group
  int stage = 0;          // all of a lower stage are READY before it starts, and stop after it
  Listens listens = Listens::no;      // yes: gets the listener group; at most one role
  std::vector<SharedSocket> sockets;  // handed to this role only
  /// Runs before the replacement is started, and before anything else learns of the death: the
  /// place to raise the cache epoch.
  std::function<void(const ChildDeath&)> on_death = {};
};

struct SupervisorOptions {
  std::string version;
  std::string config_text;  // what children get, in a sealed memfd
  WorkerCount worker_count;
  std::string monitor_listen;  // where the role "monitor" answers, for status
  std::vector<RoleSpec> roles;
  std::vector<SharedMemory> regions;     // for every child; "control" is the supervisor's own
  Duration boot_timeout = 10s;           // from start to READY; notes: 10 to 60 s
  Duration drain_timeout = 30s;          // then what still runs is killed
  Duration drain_grace = 50ms;           // late handshakes are still accepted for so long
  Duration drain_queue_limit = 1s;       // at most so long until the accept queues are empty
  Duration adoption_delay = 50ms;        // a slot without worker for so long is adopted
  std::size_t control_clients_max = 64;  // more wait in the control socket's backlog
  /// The start succeeded: all roles are READY and workers accept.
  std::function<void(const ClusterStatus&)> on_started = {};
};

/// Seats that a set of roles needs: for the size of per-seat regions, before the supervisor is.
std::size_t seat_count(const std::vector<RoleSpec>& roles);

struct StopReport {
  std::size_t killed = 0;  // children that did not end in time, or by a second signal
  enum class Manner : std::uint8_t { drained, hard } manner = Manner::drained;
};

/// One at a time in a process. Everything passed in outlives it.
class Supervisor {
 public:
  Supervisor(Loop& loop, Log& log, const InstanceFolder& folder, ListenerGroup& listeners,
             SupervisorOptions options);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();  // kills and reaps what is left

  /// Starts everything and returns when the last child is gone: after SIGTERM, SIGINT, request_stop
  /// or the command stop. A start that fails returns its reason; nothing is left running.
  Result<StopReport> run();
  /// From a callback on the loop: like SIGTERM; again: stop hard.
  void request_stop();
  ClusterStatus status() const;

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace paceline
