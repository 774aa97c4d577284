#include "paceline/http/metrics.h"

namespace paceline {

std::span<const MetricInfo> http_metrics() {
  static constexpr MetricInfo kAll[] = {
      http_metric::request_duration,  http_metric::active_requests,   http_metric::connections,
      http_metric::connections_total, http_metric::requests_rejected, http_metric::requests_aborted,
      http_metric::network_bytes};
  return kAll;
}

}  // namespace paceline
