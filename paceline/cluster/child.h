// A child's side of the cluster: what the supervisor handed over, and the conversation with it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster/listeners.h"
#include "paceline/cluster/seat.h"
#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

struct ChildManifest;

/// What the supervisor asks of a child. All run on the child's loop; an empty one is skipped.
struct ChildHandlers {
  /// The whole start succeeded: begin to accept on these, this slot's own sockets.
  std::function<void(std::span<const ListenSocket>)> serve;
  /// A sibling is away: also accept on its sockets, until `release`.
  std::function<void(std::size_t slot, std::span<const ListenSocket>)> adopt;
  /// Take these out of the loop (Loop::remove); never close them. Confirmed when it returns.
  std::function<void(std::size_t slot, std::span<const ListenSocket>)> release;
  /// Answer with Connection: close from now on; go on accepting.
  std::function<void()> drain;
  /// Accept until EAGAIN on everything watched, take it out of the loop, finish what is in flight,
  /// then call drained() and leave. The descriptors are closed when this returns.
  std::function<void()> stop_accepting;
};

/// Built first thing in a child's main. When the supervisor dies, this process ends at once.
class ChildProcess {
 public:
  /// True in a process that a supervisor started.
  static bool requested();
  /// Takes over what was inherited (all close-on-exec again) and clears the variable, so that
  /// programs started from here see nothing of it.
  static Result<std::unique_ptr<ChildProcess>> attach();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  const std::string& role() const;  // "worker"
  std::size_t slot() const;         // within its role
  std::size_t seat() const;         // unique over all roles, < seat_count() of the supervisor
  std::uint64_t generation() const;
  const std::string& dir() const;  // of the instance, absolute
  const std::string& config_text() const { return config_text_; }

  /// Maps the region shared under this name, which is also its purpose. Code::not_found.
  Result<SharedRegion> region(std::string_view name) const;
  /// A socket that the supervisor's program handed to this role; once. Code::not_found.
  Result<Fd> take_socket(std::string_view name);
  /// Of another slot or this one; with ListenSocket::kEverySlot the shared ones.
  std::vector<ListenSocket> listeners(std::size_t slot) const;

  /// Counters of this process's seat: relaxed stores.
  SeatState& state() { return *state_; }

  /// Begins to listen to the supervisor. `loop` outlives this.
  void start(Loop& loop, ChildHandlers handlers);
  /// After start(): everything is open, requests can be served.
  void ready();
  /// Nothing is in flight any more; return from main with 0 after it.
  void drained();
  /// The one line that a person reads when this child cannot start. Answers the exit code, 1.
  int fail_start(std::string_view line);

 private:
  class Link;
  ChildProcess();
  Result<void> take_over();
  void handle(std::string_view message);
  std::vector<ListenSocket> own_listeners() const;
  void close_listeners();
  std::unique_ptr<ChildManifest> manifest_;
  std::string config_text_;
  SharedRegion control_;
  SeatState* state_ = nullptr;
  ChildHandlers handlers_;
  std::unique_ptr<Link> link_;
};

}  // namespace paceline
