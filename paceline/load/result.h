// What a load test found. Every request that was due is in exactly one of completed, failed,
// unfinished, unsent; and in the histograms, with a lower bound if its end was not seen.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/load/goal.h"
#include "paceline/load/hdr_histogram.h"
#include "paceline/load/tls.h"

namespace paceline {

enum class LoadStage : std::uint8_t { connect, read, write, timeout };
inline constexpr std::size_t load_stage_count = 4;
std::string_view to_string(LoadStage stage);

/// One kind of failure.
struct LoadFailure {
  LoadStage stage = LoadStage::read;
  int os = 0;                           // errno, or 0
  ReplyError reply = ReplyError::none;  // what was wrong with the answer
  TlsProblem tls;                       // why there is no encrypted connection
  bool unasked = false;                 // bytes came that no request had asked for
  std::uint64_t count = 0;

  bool same(const LoadFailure& other) const {
    return stage == other.stage && os == other.os && reply == other.reply &&
           unasked == other.unasked && tls == other.tls;
  }
  /// "read: Connection reset by peer (ECONNRESET)"
  std::string text() const;
};

/// A histogram of few values: slot of HdrHistogram, count.
using HdrSlots = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
HdrSlots slots_of(const HdrHistogram& histogram);

/// One second of the run, by when answers came.
struct LoadSecond {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;  // no answer, or 4xx, 5xx
  std::uint64_t bytes_read = 0;
  HdrSlots response;
  HdrSlots unanswered;            // of `response`, those that got no answer
  std::vector<HdrSlots> classes;  // of `response`, by the status classes that goals name
  std::vector<std::pair<std::uint16_t, std::uint64_t>> status;  // answers; may repeat a status

  void add(const LoadSecond& other);

  HdrHistogram histogram() const;
};

/// What one thread counted, or all together.
struct LoadTally {
  std::uint64_t sent = 0;
  std::uint64_t sent_in_time = 0;  // before the plan ended
  std::uint64_t completed = 0;
  std::uint64_t unfinished = 0;  // sent, and neither answered nor failed at the end
  std::uint64_t unsent = 0;      // due, and never sent: no connection was free
  std::uint64_t connects = 0;    // connections opened
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_body = 0;
  std::uint64_t lower_bounds = 0;                // values in `response` whose true one is larger
  Duration lower_bound_least = Duration::max();  // quantiles below it are exact
  std::array<std::uint64_t, 1000> status{};
  std::array<std::uint64_t, load_stage_count> errors{};  // requests that got no answer
  std::vector<LoadFailure> failures;                     // the same, and lost idle connections
  HdrHistogram response;         // from when it was due; closed loop: from sending
  HdrHistogram service;          // from sending
  HdrHistogram failed_response;  // those of `response` without an answer below 400
  HdrHistogram connect;          // from connect() to its end; of all connections, whenever opened
  HdrHistogram handshake;        // of TLS, after that
  HdrHistogram lag;              // from due to sent (open loop) =
  HdrHistogram lag_generator;    //   while a connection was free: we were late
  HdrHistogram lag_connections;  //   + while none was free
  std::vector<LoadSecond> seconds;
  double in_flight = 0;        // requests out, the mean of looks at random moments
  double in_flight_error = 0;  // its variance
  std::uint64_t looks = 0;
  Duration counted{};             // from the start of counting to the last look
  Duration last_answer{};         // from the start of counting
  std::vector<double> cpu_share;  // of each generator thread, while it sent

  void add(const LoadTally& other);
  void count_failure(LoadFailure failure);
  void note_lower_bound(Duration seen);
  std::uint64_t failed() const;
};

struct LoadResult {
  bool open = false;
  bool interrupted = false;
  std::chrono::system_clock::time_point started;
  Duration duration{};      // over which requests were sent
  Duration elapsed{};       // until the last answer
  TlsFacts tls;             // of the first connection
  double rate_offered = 0;  // open loop: due per second
  LoadTally tally;
  struct Judged {
    LoadGoal goal;
    LoadVerdict verdict;
  };
  std::vector<Judged> goals;  // as the options have them
  std::string ended_by;       // the goal that ended the run, or empty

  std::uint64_t planned() const { return tally.sent + tally.unsent; }
  /// Requests out by Little's law: rate × service time.
  double in_flight_expected() const;
  /// Answers per second.
  double rate_achieved() const;
  /// Whether the numbers are about the server. Empty, or one sentence a reason.
  struct Doubt {
    std::string name;  // "generator-limited", "under-delivered", "inconsistent"
    std::string text;
    bool ours = false;  // the generator's doing, not the server's
  };
  std::vector<Doubt> doubts() const;
  bool any_goal(GoalState state) const;
};

}  // namespace paceline
