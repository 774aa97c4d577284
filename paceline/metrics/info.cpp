#include "paceline/metrics/info.h"

namespace paceline {

double metric_unit(std::string_view name) {
  const bool nano =
      name.ends_with("_seconds") || name.ends_with("_seconds_total") || name.ends_with("_ratio");
  return nano ? 1e-9 : 1.0;
}

std::span<const MetricInfo> block_metrics() {
  static constexpr MetricInfo kInfos[] = {
      {.name = "paceline_metrics_series_dropped_total",
       .help = "Series that found no room in their process's block, or whose text was too long."}};
  return kInfos;
}

}  // namespace paceline
