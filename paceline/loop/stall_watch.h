// The stall watch: a thread beside a loop, which looks whether the loop's turn takes too long, and
// then takes the stack of the loop's thread. Costs the loop two stores a turn while all is well.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/loop/loop.h"

namespace paceline {

/// One episode: a turn that took longer than the threshold.
struct Stall {
  std::uint64_t number = 0;  // 1, 2, … of this watch
  std::chrono::system_clock::time_point began;
  Duration duration{0};  // so far
  std::string doing;     // Loop::doing(), or empty
  std::string site;      // the innermost function that belongs to the program itself, or empty
  std::vector<std::string> stack;  // "function file:line", the innermost first
};

struct StallWatchOptions {
  Duration threshold = 100ms;       // guide
  std::size_t stacks_a_minute = 5;  // as Seastar; more stalls are reported without a stack
  std::size_t frames_max = 48;
};

/// Told on the watch's own thread, while the loop is stuck: must not wait for the loop.
class StallListener {
 public:
  /// Once an episode, with the stack; later with what it has taken so far, each look; and at its
  /// end. `stall.stack` stays the same.
  virtual void stalled(const Stall& stall) = 0;
  virtual void goes_on(const Stall& stall) = 0;
  virtual void ended(const Stall& stall) = 0;

 protected:
  ~StallListener() = default;
};

/// Built on the thread that runs the loop, and destroyed there. The stack is taken by a real-time
/// signal to that thread (SIGRTMIN + 1), with SA_RESTART; a system call that is never restarted
/// (poll, nanosleep) answers EINTR once in an episode.
class StallWatch {
 public:
  StallWatch(Loop& loop, StallListener& listener, StallWatchOptions options = {});
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;
  ~StallWatch();

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace paceline
