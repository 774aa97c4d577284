// The supervisor's side of the control socket: JSON lines in, JSON lines out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

/// What a command does. Both are called on the loop.
struct ControlCommands {
  std::function<std::string()> status;   // one JSON line without its end
  std::function<void()> stop;            // asks for the stop; returns at once
  std::function<std::string()> stopped;  // the answer to stop, once all is gone
};

class ControlServer {
 public:
  static Result<std::unique_ptr<ControlServer>> open(Loop& loop, std::string path,
                                                     std::size_t clients_max,
                                                     ControlCommands commands);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();
  /// Answers those who wait for the stop, and turns the loop until they have it, or kLastWords.
  void finish();

 private:
  static constexpr Duration kRequestTimeout = 5s;
  static constexpr Duration kLastWords = 1s;
  static constexpr std::size_t kRequestMax = 4096;
  ControlServer(Loop& loop, std::string path, std::size_t clients_max, ControlCommands commands);
  void accepted(Fd fd);
  Task<void> serve(Fd fd);
  Task<std::string> answer(std::string_view line);

  Loop& loop_;
  std::string path_;
  std::size_t clients_max_;
  ControlCommands commands_;
  Fd fd_;
  std::unique_ptr<Acceptor> acceptor_;
  Event finished_;
  Scope clients_;
};

}  // namespace paceline
