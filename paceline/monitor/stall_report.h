// Where a process's stalls go: the log, the ring in shared memory, a counter by site.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "paceline/core.h"
#include "paceline/loop.h"
#include "paceline/metrics.h"

namespace paceline {

/// Told by the stall watch on its thread; publish() and the rest belong to the loop's thread.
class StallReport final : public StallListener {
 public:
  static constexpr std::size_t sites_max = 20;    // further ones are counted as "other"
  static constexpr std::size_t warnings_max = 5;  // a minute; the next tells how many it left out

  /// `ring` may be empty.
  StallReport(Log& log, MetricsBlock& metrics, std::span<std::byte> ring);

  /// Counts what was told since the last call.
  void publish();

  void stalled(const Stall& stall) override;
  void goes_on(const Stall& stall) override;
  void ended(const Stall& stall) override;

 private:
  void warn(const Stall& stall);

  // Of the watch's thread.
  Log& log_;
  std::optional<StallRing> ring_;
  std::uint64_t sequence_ = 0;  // of the present stall in the ring
  bool warned_ = false;         // of the present stall
  std::chrono::system_clock::time_point minute_began_;
  std::size_t warnings_ = 0;
  std::int64_t left_out_ = 0;

  std::mutex mutex_;
  std::vector<std::string> told_;  // sites, not counted yet

  // Of the loop's thread.
  MetricsBlock& metrics_;
  std::vector<std::pair<std::string, Counter>> sites_;
};

}  // namespace paceline
