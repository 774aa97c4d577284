// paceline bench merge FILE…: one result from the generators of several machines.
#include <cstdio>

#include "paceline/app/bench.h"
#include "paceline/load.h"

namespace paceline::app {
namespace {

constexpr std::size_t kLogMax = std::size_t{1} << 30;  // a second of a log is a few KiB

Result<void> merge(const BenchInvocation& bench) {
  std::vector<NamedHdrLog> named;
  std::vector<HdrLog> logs;
  for (const std::string& file : bench.merge_files) {
    PACELINE_TRY_VALUE(const std::string text, read_file(file, kLogMax));
    Result<HdrLog> log = parse_hdr_log(text);
    if (log && log->intervals.empty()) log = fail(Code::corrupt, "no interval in it");
    if (!log) return fail(log.error().code, printable(file) + ": " + log.error().message);
    logs.push_back(*log);
    named.push_back({.name = file, .log = std::move(*log)});
  }
  const HdrLog merged = merge_hdr_logs(logs);
  std::fputs(merge_report(named, merged).c_str(), stdout);
  if (bench.merge_output.empty()) return {};
  return write_file(bench.merge_output, format_hdr_log(merged));
}

}  // namespace

int bench_merge(const BenchInvocation& bench) {
  const Result<void> merged = merge(bench);
  if (merged) return 0;
  std::fprintf(stderr, "bench merge: %s\n", merged.error().text().c_str());
  return 1;
}

}  // namespace paceline::app
