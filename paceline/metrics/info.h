// A metric's declaration: said once, by the module that writes it, and used for registration, for
// the text formats (HELP, TYPE, buckets) and for the catalogue in the documentation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// False in a build with PACELINE_METRICS=OFF, which bench/metrics.py compares with: recording is
/// compiled out, durations and the access log's lines of requests with it.
#ifdef PACELINE_METRICS_OFF
inline constexpr bool kMetricsOn = false;
#else
inline constexpr bool kMetricsOn = true;
#endif

/// How the values of several seats become one.
enum class MetricKind : std::uint8_t {
  counter = 1,    // added; also those of processes that are gone
  gauge = 2,      // added over the processes that live
  gauge_max = 3,  // the highest of the processes that live
  histogram = 4,  // added bucket by bucket; also those of processes that are gone
};

/// All text is literal: it lives as long as the program. The name says the unit: what ends in
/// `_seconds` or `_seconds_total` is written in nanoseconds, what ends in `_ratio` in billionths.
struct MetricInfo {
  std::string_view name;  // [a-zA-Z_:][a-zA-Z0-9_:]*
  MetricKind kind = MetricKind::counter;
  std::string_view help = {};                   // one sentence with its full stop
  std::array<std::string_view, 4> labels = {};  // the names, in any order; the rest is empty
  std::span<const Duration> bounds = {};        // of a histogram's classic buckets, rising
};

/// What a stored number is multiplied by to be in the unit of the metric's name: 1e-9 or 1.
double metric_unit(std::string_view name);

/// Buckets of a request's duration: OpenTelemetry's defaults, the guide's goal of 0.2 s (0.5 s is
/// among the defaults), and three below 5 ms, where cached answers are.
inline constexpr std::array<Duration, 18> kRequestBounds = {
    500us, 1ms,   2500us, 5ms,   10ms, 25ms,   50ms, 75ms,   100ms,
    200ms, 250ms, 500ms,  750ms, 1s,   2500ms, 5s,   7500ms, 10s};

/// Buckets of what happens inside one turn of a loop; 100 ms is the guide's threshold.
inline constexpr std::array<Duration, 13> kLoopBounds = {10us, 50us, 100us, 500us, 1ms, 5ms, 10ms,
                                                         25ms, 50ms, 100ms, 250ms, 1s,  5s};

/// What a block tells about itself: series that did not fit.
std::span<const MetricInfo> block_metrics();

}  // namespace paceline
