// Event streams (text/event-stream): every client gets the newest frame when it can take it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/loop.h"

namespace paceline {

/// A client that reads slowly misses frames instead of keeping them: what is old is of no use.
class Streams {
 public:
  static constexpr std::size_t clients_max = 32;

  explicit Streams(Loop& loop) : loop_(loop), fresh_(loop) {}
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  bool full() const { return clients_ >= clients_max; }
  std::size_t clients() const { return clients_; }
  /// Frames that clients were too slow for.
  std::uint64_t dropped() const { return dropped_; }

  /// `event`: one whole event with its empty line, for all clients.
  void publish(std::string event);
  /// The body of one client's answer. Begins with the newest frame.
  Task<Result<void>> serve(BodyWriter& writer);
  /// All bodies end.
  void end();

 private:
  class Guest;
  Loop& loop_;
  Event fresh_;
  std::shared_ptr<const std::string> frame_;  // shared: a write may outlive the next publish()
  std::uint64_t sequence_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t clients_ = 0;
  enum class State : std::uint8_t { open, ended } state_ = State::open;
};

/// "event: NAME\ndata: …\n\n". `data` has no line break (JSON of one line).
std::string event_text(std::string_view name, std::string_view data);

}  // namespace paceline
