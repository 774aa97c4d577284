// The conversation between supervisor and child: short text messages over a SOCK_SEQPACKET pair.
//   child to supervisor: READY pid generation | FAIL line | RELEASED slot | STOPPED | DRAINED
//   supervisor to child: SERVE | ADOPT slot | RELEASE slot | DRAIN | STOP
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

class Channel final : Watch {
 public:
  static constexpr std::size_t kMessageMax = 1024;
  using Handler = std::function<void(std::string_view message)>;
  using Closed = std::function<void()>;
  /// Both ends non-blocking and close-on-exec.
  static Result<std::pair<Fd, Fd>> make_pair();
  /// The handlers may destroy the channel.
  Channel(Loop& loop, Fd fd, Handler handler, Closed closed);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  /// Never blocks. A peer that is gone, or reads so little that its buffer (hundreds of messages)
  /// is full, gets nothing: its death or its timeout tells more.
  Result<void> send(std::string_view message);
  /// Handles what has arrived; for the moment of the peer's death, which may be seen first.
  void receive_all();

 private:
  void ready(std::uint32_t events) override;
  Loop& loop_;
  Fd fd_;
  Handler handler_;
  Closed closed_;
  bool* destroyed_ = nullptr;
};

}  // namespace paceline
