#include <algorithm>
#include <map>

#include "paceline/load/hdr_log.h"

namespace paceline {

HdrLog merge_hdr_logs(const std::vector<HdrLog>& logs) {
  HdrLog merged;
  if (logs.empty()) return merged;
  merged.start = std::ranges::min(logs, {}, &HdrLog::start).start;
  // By tag and second; the offset of a log's start moves it to that of the first.
  std::map<std::pair<std::int64_t, std::string>, HdrInterval> seconds;
  for (const HdrLog& log : logs) {
    for (const HdrInterval& interval : log.intervals) {
      const Duration start = interval.start + (log.start - merged.start);
      const std::int64_t second = std::chrono::floor<std::chrono::seconds>(start).count();
      HdrInterval& into = seconds[{second, interval.tag}];
      into.start = std::chrono::seconds(second);
      into.tag = interval.tag;
      const Duration reach = start - into.start + interval.length;
      into.length =
          std::max(into.length, interval.length > 1s ? reach : std::min<Duration>(reach, 1s));
      into.histogram.add(interval.histogram);
    }
  }
  for (auto& [key, interval] : seconds) merged.intervals.push_back(std::move(interval));
  return merged;
}

}  // namespace paceline
