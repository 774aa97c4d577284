// What wrk and wrk2 print, line by line, for programs that read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "paceline/load/meter.h"

namespace paceline {

/// wrk's numbers: digits and a unit of 1,000 (k, M, G, T, P), in any case. None if it is none.
std::optional<std::uint64_t> parse_wrk_count(std::string_view text);
/// Digits and s, m or h; seconds without a unit. Also ms, which wrk lacks.
std::optional<Duration> parse_wrk_time(std::string_view text);

/// "1.53ms": microseconds with wrk's units and two decimals.
std::string wrk_time(double us);
/// "30s", "2m": a duration as in the first line.
std::string wrk_seconds(double seconds);
std::string wrk_metric(double value);  // "56.20k"
std::string wrk_binary(double bytes);  // "17.76G"

std::string wrk_heading(std::string_view url, Duration duration, std::uint64_t threads,
                        std::uint64_t connections);

/// What to say about latency.
struct WrkLatency {
  bool distribution = false;  // --latency
  bool open_loop = false;     // wrk2's form: latency from when a request was due
  bool uncorrected = false;   // wrk2's --u_latency
};
/// All lines after the heading. `latency` is what the first row and the distribution show.
std::string wrk_report(const LoadSummary& summary, const HdrHistogram& latency,
                       const WrkLatency& shape);
/// The latencies that wrk shows: in a closed loop with what it did not ask.
HdrHistogram wrk_latency(const LoadSummary& summary, std::uint64_t connections);

}  // namespace paceline
