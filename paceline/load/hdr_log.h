// Interval logs of histograms (.hlog, format 1.3): one line an interval, merged exactly by whoever
// reads several, and plotted by the tools of HdrHistogram.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/load/hdr_histogram.h"

namespace paceline {

struct HdrInterval {
  std::string tag;   // empty: the untagged line of an interval
  Duration start{};  // since the log's start
  Duration length{};
  HdrHistogram histogram;
};

struct HdrLog {
  std::chrono::system_clock::time_point start;  // to the millisecond
  std::vector<HdrInterval> intervals;
};

/// The log's comments and legend, and one row: for writers that do not keep all intervals.
std::string hdr_log_head(std::chrono::system_clock::time_point start);
std::string hdr_log_row(const HdrInterval& interval);
/// Interval_Max is in milliseconds, the histograms in microseconds.
std::string format_hdr_log(const HdrLog& log);
/// Code::corrupt with the line's number. Logs of other tools may have absolute times, or none of
/// the comments; the format's rules say which they mean.
Result<HdrLog> parse_hdr_log(std::string_view text);
/// All counts of all logs, exactly: seconds of the same moment and tag become one. The clocks of
/// the machines that wrote them decide what is the same moment, and nothing else.
HdrLog merge_hdr_logs(const std::vector<HdrLog>& logs);

}  // namespace paceline
