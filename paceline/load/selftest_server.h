// The server that the self-test asks: a child process, so that it can be stopped by a signal.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "paceline/core.h"
#include "paceline/load/target.h"

namespace paceline {

/// Answers on a free loopback port: "/" at once, "/slow" after kSlow, "/never" not before its
/// time-out of a minute. Destroyed: killed and reaped.
class SelftestServer {
 public:
  static constexpr Duration kSlow = std::chrono::milliseconds(10);

  static Result<SelftestServer> start();
  SelftestServer(SelftestServer&& other) noexcept;
  SelftestServer& operator=(SelftestServer&&) = delete;
  ~SelftestServer();

  LoadTarget target(const char* path) const;
  /// Requests that handlers were called for.
  std::uint64_t requests() const;
  /// SIGSTOP and SIGCONT.
  void halt() const;
  void go_on() const;

 private:
  struct Shared;
  SelftestServer() = default;
  pid_t pid_ = -1;
  int port_ = 0;
  Shared* shared_ = nullptr;
};

}  // namespace paceline
