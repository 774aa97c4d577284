// What wrk measures, by a thread: latencies of answers, and its rate every tenth of a second.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "paceline/load/hdr_histogram.h"
#include "paceline/load/hook.h"
#include "paceline/load/result.h"
#include "paceline/load/statistic.h"

namespace paceline {

class LoadMeter : public LoadHook {
 public:
  enum class Batch : std::uint8_t { last, each };  // which answers of a pipeline are measured
  struct Options {
    /// Answers that took longer count as timeouts and are in no latency, as in wrk.
    Duration timeout = std::chrono::seconds(2);
    Batch batch = Batch::last;
  };
  explicit LoadMeter(Options options) : options_(options) {}

  void answered(const LoadSample& sample, const LoadAnswer& answer) override;
  void failed(const LoadFailure& failure) override;
  void unfinished(Duration waited) override;
  void tick(Time now) override;

 private:
  friend struct LoadSummary;

  Options options_;
  HdrHistogram response_;
  HdrHistogram service_;
  std::vector<std::uint64_t> rates_;
  std::array<std::uint64_t, load_stage_count> errors_{};
  std::uint64_t since_tick_ = 0;
  Time last_tick_{};
};

/// All threads together: what wrk prints and hands to done().
struct LoadSummary {
  Duration duration{};
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, load_stage_count> errors{};  // by LoadStage
  std::uint64_t status_errors = 0;                       // answers of 400 and above
  HdrHistogram response;                                 // from due, in an open loop
  HdrHistogram service;                                  // from sending
  LoadStatistic rates;                                   // of each thread, every tenth of a second

  LoadSummary(const LoadResult& result, const std::vector<const LoadMeter*>& meters);
  std::uint64_t error(LoadStage stage) const { return errors[static_cast<std::size_t>(stage)]; }
};

}  // namespace paceline
