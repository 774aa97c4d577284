// What to ask, how often, for how long.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/load/follower.h"
#include "paceline/load/goal.h"
#include "paceline/load/hook.h"
#include "paceline/load/plan.h"
#include "paceline/load/request_log.h"
#include "paceline/load/target.h"

namespace paceline {

enum class LoadVersion : std::uint8_t {
  http11,
  /// As ab asks: a connection is kept only if both sides say so, and the answer has a length.
  http10,
};

struct LoadOptions {
  LoadTarget target;
  LoadVersion version = LoadVersion::http11;
  std::string method = "GET";
  bool tls_verify = true;  // of https: whether the certificate must be trusted and name the host
  std::string tls_ca;      // of https: a file of authorities, instead of the system's
  std::vector<std::string> headers;  // "Name: value"; Host, Connection, Content-Length replace ours
  std::string body;
  std::uint32_t connections = 10;  // over all threads (wrk: 10)
  std::uint32_t threads = 1;       // each a core when it is busy
  bool keep_alive = true;          // false: a connection for each request, with its set-up timed
  std::uint32_t pipeline = 1;      // requests sent at once on a connection

  /// With a plan the loop is open: requests are due when the plan says so, whatever the server
  /// does. Without one it is closed: each connection asks again when it has its answer.
  std::optional<ArrivalPlan> plan;
  ArrivalKind arrivals = ArrivalKind::uniform;
  std::uint64_t seed = 1;  // of Poisson arrivals

  Duration duration = std::chrono::seconds(10);  // closed loop (wrk: 10 s)
  std::uint64_t requests = 0;                    // closed loop: stop after so many; 0: by duration
  Duration warmup{0};                            // before that; asked, not counted
  Duration timeout = std::chrono::seconds(10);   // from sending to the last byte
  std::optional<Duration> drain;  // how long to wait at the end for what is open; else `timeout`
  ParserLimits parser{.header_max = 32 * 1024, .head_max = 64 * 1024 - 1};
  std::vector<LoadGoal> goals;       // judged at the end, or earlier if they may end the run
  RequestLog* log = nullptr;         // a line for each request that counts; borrowed
  LoadFollower* follower = nullptr;  // told of every second; borrowed
  /// Set from another thread to end early; what was done until then is reported.
  const std::atomic<bool>* stop = nullptr;
  /// One a thread, or none; borrowed.
  std::vector<LoadHook*> hooks = {};
};

}  // namespace paceline
