#include "paceline/load/hdr_log.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

HdrInterval interval(std::string tag, Duration start, std::uint64_t value) {
  HdrInterval made{.tag = std::move(tag), .start = start, .length = 1s};
  made.histogram.record(value);
  return made;
}

HdrLog example() {
  HdrLog log;
  log.start += 1'441'812'279'474ms;
  log.intervals.push_back(interval("", 0s, 1500));
  log.intervals.push_back(interval("503", 1s, 20));
  return log;
}

TEST(HdrLog, IsWrittenInFormat13) {
  const std::string text = format_hdr_log(example());
  EXPECT_TRUE(text.starts_with(
      "#[Histogram log format version 1.3]\n"
      "#[StartTime: 1441812279.474 (seconds since epoch), 2015-09-09T15:24:39.474Z]\n"
      "#[BaseTime: 1441812279.474 (seconds since epoch)]\n"
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"
      "0.000,1.000,1.500,HISTFAAA"));
  EXPECT_NE(text.find("\nTag=503,1.000,1.000,0.020,HISTFAAA"), std::string::npos);
}

TEST(HdrLog, ComesBackAsItWas) {
  const HdrLog log = example();
  const Result<HdrLog> back = parse_hdr_log(format_hdr_log(log));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->start, log.start);
  ASSERT_EQ(back->intervals.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back->intervals[i].tag, log.intervals[i].tag);
    EXPECT_EQ(back->intervals[i].start, log.intervals[i].start);
    EXPECT_EQ(back->intervals[i].length, 1s);
    EXPECT_EQ(back->intervals[i].histogram.max(), log.intervals[i].histogram.max());
  }
}

TEST(HdrLog, ReadsAbsoluteTimesAndOffsets) {
  const std::string row = ",1.0,0.0," + encode_hdr(HdrHistogram()) + "\n";
  const auto first = [](std::string_view text) {
    const Result<HdrLog> log = parse_hdr_log(text);
    EXPECT_TRUE(log) << log.error().message;
    return log->intervals.at(0).start;
  };
  EXPECT_EQ(first("#[StartTime: 1441812279.000 (seconds since epoch)]\n1441812281.5" + row),
            2500ms);
  EXPECT_EQ(first("#[StartTime: 1441812279.000 (seconds since epoch)]\n2.5" + row), 2500ms);
  EXPECT_EQ(first("#[BaseTime: 1441812279.000 (seconds since epoch)]\r\n2.5" + row), 2500ms);
  EXPECT_EQ(first("7" + row), 0s);  // no start: the first row is it
}

TEST(HdrLog, NamesTheLineThatIsWrong) {
  const Result<HdrLog> log = parse_hdr_log("#[a comment]\n\n0.0,1.0,2.0,HISTnothing\n");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::corrupt);
  EXPECT_TRUE(log.error().message.starts_with("line 3: ")) << log.error().message;
  EXPECT_FALSE(parse_hdr_log("0.0,1.0,"));
  EXPECT_FALSE(parse_hdr_log("0.0,nan,1.0," + encode_hdr(HdrHistogram())));
  EXPECT_TRUE(parse_hdr_log(""));
}

TEST(HdrLog, MergingAddsWhatHappenedInTheSameSecond) {
  HdrLog later = example();
  later.start += 1s;
  const HdrLog merged = merge_hdr_logs({later, example()});
  EXPECT_EQ(merged.start, example().start);
  ASSERT_EQ(merged.intervals.size(), 4u);
  HdrLog same = example();
  same.start += 100ms;
  const HdrLog two = merge_hdr_logs({example(), same});
  ASSERT_EQ(two.intervals.size(), 2u);
  EXPECT_EQ(two.intervals[0].histogram.count(), 2u);
  EXPECT_EQ(two.intervals[0].histogram.max(), 1500u);
  EXPECT_EQ(two.intervals[0].length, 1s);
  EXPECT_EQ(two.intervals[1].tag, "503");
  EXPECT_TRUE(merge_hdr_logs({}).intervals.empty());
}

}  // namespace
}  // namespace paceline
