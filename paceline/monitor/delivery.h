// One attempt to hand a body to a receiver. Blocking: for a sink's own thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "paceline/core.h"

namespace paceline {

enum class Delivery : std::uint8_t {
  done,
  again,    // it may work later: no connection, a time-out, 429, 5xx, an exit code
  refused,  // the same body would be refused again: any other status, no such program
};

struct Attempt {
  Delivery result = Delivery::done;
  std::string why;  // empty when done
};

/// When a sink has to end, its attempts end with it.
class StopMark {
 public:
  /// From any thread.
  void stop_at(Time time) { at_.store(time.time_since_epoch().count(), std::memory_order_relaxed); }
  bool reached() const {
    return Clock::now().time_since_epoch().count() > at_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<Time::rep> at_ = Time::max().time_since_epoch().count();
};

/// Posts JSON through libcurl, keeping its connection. Redirects are not followed.
class Poster {
 public:
  /// On the thread that starts the others: libcurl's own initialisation is not thread-safe.
  Poster(std::string url, const std::string& token);
  Poster(const Poster&) = delete;
  Poster& operator=(const Poster&) = delete;
  ~Poster();
  Attempt post_blocking(const std::string& body, Duration timeout, const StopMark& stop);

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

/// Runs the program with `input` on standard input, its output dropped, its errors inherited.
/// When the time is up it is killed with all it started in its process group.
Attempt run_command_blocking(const std::vector<std::string>& command, const std::string& input,
                             Duration timeout, const StopMark& stop);

}  // namespace paceline
