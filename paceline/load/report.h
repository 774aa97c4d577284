// What a load test says, to people and to programs.
#pragma once

#include <string>
#include <string_view>

#include "paceline/load/hdr_log.h"
#include "paceline/load/options.h"
#include "paceline/load/result.h"

namespace paceline {

/// For a terminal. The second line says open or closed loop, and whether the percentiles are free
/// of coordinated omission.
std::string load_report(std::string_view url, const LoadOptions& options, const LoadResult& result);
/// One JSON object; its members are in docs/reference/bench.md.
std::string load_report_json(std::string_view url, const LoadOptions& options,
                             const LoadResult& result);
/// What interval logs say together: counts and quantiles, and what each log gave.
struct NamedHdrLog {
  std::string name;
  HdrLog log;
};
std::string merge_report(const std::vector<NamedHdrLog>& logs, const HdrLog& merged);
/// A page that needs nothing else: verdict, latency and throughput over time, the percentile
/// spectrum, and the report.
std::string load_report_html(std::string_view url, const LoadOptions& options,
                             const LoadResult& result);
/// The seconds of the run as an interval log.
std::string load_report_hlog(const LoadResult& result);

}  // namespace paceline
