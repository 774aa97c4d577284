#include "paceline/app/bench_view.h"

#include <gtest/gtest.h>

#include "paceline/app/top_view.h"

namespace paceline::app {
namespace {

LoadSecond second(std::uint64_t count, std::uint64_t us) {
  LoadSecond made;
  made.completed = count;
  made.failed = 1;
  made.bytes_read = 2048;
  made.status = {{200, count - 1}, {503, 1}};
  made.response = {{static_cast<std::uint32_t>(HdrHistogram::slot_of(us)), count}};
  return made;
}

TEST(BenchFrame, ShowsTheRunSoFar) {
  BenchProgress progress;
  progress.add(second(1000, 500));
  progress.add(second(2000, 2000));
  LoadOptions options;
  options.duration = 10s;
  const std::vector<std::string> lines = bench_frame(progress, options, 80, Glyphs::ascii);
  EXPECT_EQ(lines[0], "2s of 10s  ######........................");
  EXPECT_TRUE(lines[1].starts_with("answers/s    2k")) << lines[1];
  EXPECT_EQ(lines[3], "this second  p50 2ms  p95 2ms  p99 2ms  max 2ms");
  EXPECT_EQ(lines[4], "all          p50 2ms  p95 2ms  p99 2ms  max 2ms");
  EXPECT_EQ(lines[6], "failed       1 this second, 2 in all");
  EXPECT_EQ(lines[7], "status       200: 2998, 503: 2");
  EXPECT_EQ(lines[8], "  to    595us  ###############............... 1000");
  EXPECT_EQ(lines[15], "  to      2ms  ############################## 2000");
  EXPECT_EQ(lines.size(), 17u);
  EXPECT_EQ(bench_line(progress), "2s  2k/s  p50 2ms  p95 2ms  p99 2ms  max 2ms  2 failed in all");
}

TEST(BenchFrame, IsNoWiderThanTheTerminal) {
  BenchProgress progress;
  for (int i = 0; i < 100; ++i) progress.add(second(1000, 500));
  EXPECT_EQ(progress.rates.size(), BenchProgress::history_max);
  LoadOptions options;
  options.requests = 200'000;
  for (const std::string& line : bench_frame(progress, options, 20, Glyphs::unicode)) {
    EXPECT_LE(width_of(line), 20u) << line;
  }
  EXPECT_TRUE(bench_frame(progress, options, 80, Glyphs::ascii)[0].starts_with(
      "1m40s of 200k requests  ###############."));
}

TEST(BenchFrame, ASecondWithoutAnswersHasNoTimes) {
  BenchProgress progress;
  progress.add({});
  const std::vector<std::string> lines = bench_frame(progress, LoadOptions{}, 80, Glyphs::ascii);
  EXPECT_EQ(lines[3], "this second  p50 -  p95 -  p99 -  max -");
}

}  // namespace
}  // namespace paceline::app
