// What `paceline bench` shows while it runs: a frame that is drawn over the last one on a terminal,
// a line every few seconds elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "paceline/app/top_numbers.h"
#include "paceline/load.h"

namespace paceline::app {

/// All seconds so far.
class BenchProgress {
 public:
  static constexpr std::size_t history_max = 60;
  void add(const LoadSecond& second);

  std::uint64_t seconds = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  LoadSecond last;
  HdrHistogram last_response;
  HdrHistogram response;
  std::array<std::uint64_t, 1000> status{};
  std::deque<TopValue> rates;
  std::deque<TopValue> p99s;  // seconds
};

/// No line is wider than `columns`.
std::vector<std::string> bench_frame(const BenchProgress& progress, const LoadOptions& options,
                                     std::size_t columns, Glyphs glyphs);
/// "12s  48.2k/s  p50 310us  p99 4.1ms  max 12ms  0 failed"
std::string bench_line(const BenchProgress& progress);

/// Draws on standard error, so that the report stays alone on standard output.
class BenchView final : public LoadFollower {
 public:
  explicit BenchView(const LoadOptions& options);
  /// Takes the frame away.
  ~BenchView();
  BenchView(const BenchView&) = delete;
  BenchView& operator=(const BenchView&) = delete;
  void second(const LoadSecond& second) override;

 private:
  void draw();

  const LoadOptions& options_;
  BenchProgress progress_;
  bool terminal_;
  std::size_t drawn_ = 0;  // lines
};

}  // namespace paceline::app
