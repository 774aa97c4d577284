// Where a statement is read: on the loop, or on the offload pool. A point read takes 3 µs on the
// loop and 37 µs through a pool, so the loop is right until the statement is often slow; a page
// from a cold disk counts as slow too. Pure: times are passed in.
#pragma once

#include <cstdint>

#include "paceline/core.h"

namespace paceline {

struct ReadPolicyOptions {
  /// A mean above this moves the statement to the pool: a dozen hops' worth, and what the loop's
  /// other requests then wait on average.
  Duration slow = std::chrono::microseconds(500);
  /// A single read counts at most this, so that one slow page does not decide alone.
  Duration sample_max = std::chrono::milliseconds(2);
  /// The mean follows a new sample by 1/weight: two slow reads within a few move a statement.
  int weight = 8;
  /// From a move to the first trial back on the loop. A failed trial doubles the pause, and so
  /// does a return that did not last trial_pause_max.
  Duration trial_pause = std::chrono::seconds(1);
  Duration trial_pause_max = std::chrono::seconds(64);
};

enum class ReadPlace : std::uint8_t { loop, pool };

/// One for each statement.
class ReadPolicy {
 public:
  explicit ReadPolicy(const ReadPolicyOptions& options) : options_(options) {}

  /// For the next read; a trial is given out once per pause.
  ReadPlace choose(Time now);
  void ran_on_loop(Duration took, Time now);
  /// `took` is the read itself, without waiting for a thread.
  void ran_on_pool(Duration took);

  ReadPlace home() const { return home_; }
  Duration mean() const { return mean_; }
  std::uint64_t trials() const { return trials_; }
  std::uint64_t moves() const { return moves_; }  // from the loop to the pool

 private:
  void follow(Duration took);
  void longer_pause(Time now);

  ReadPolicyOptions options_;
  ReadPlace home_ = ReadPlace::loop;
  Duration mean_{};
  Duration pause_{};
  Time trial_at_{};
  Time returned_at_ = Time::min();
  std::uint64_t trials_ = 0;
  std::uint64_t moves_ = 0;
};

}  // namespace paceline
