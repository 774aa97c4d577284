#include "paceline/service/metrics.h"

namespace paceline {

std::span<const MetricInfo> service_metrics() {
  using namespace service_metric;  // NOLINT: a list of them
  static constexpr MetricInfo kAll[] = {
      cache_requests,   cache_evictions,     cache_entries, cache_bytes,      cache_loads,
      cache_coalesced,  cache_loads_refused, sqlite_reads,  writes,           writes_failed,
      writes_in_flight, keeper_links,        keeper_queue,  keeper_in_flight, sqlite_wal_pages};
  return kAll;
}

}  // namespace paceline
