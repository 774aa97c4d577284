// What the data service measures, in workers and in the keeper.
#pragma once

#include <span>

#include "paceline/metrics.h"

namespace paceline {

namespace service_metric {

inline constexpr MetricInfo cache_requests{
    .name = "paceline_cache_requests_total",
    .help =
        "Look-ups by what was found: hit, miss, expired (older than its ttl), outdated (a write "
        "changed it).",
    .labels = {"level", "result"}};
inline constexpr MetricInfo cache_evictions{.name = "paceline_cache_evictions_total",
                                            .help = "Entries that made room for others.",
                                            .labels = {"level"}};
inline constexpr MetricInfo cache_entries{.name = "paceline_cache_entries",
                                          .kind = MetricKind::gauge,
                                          .help = "Entries held.",
                                          .labels = {"level"}};
inline constexpr MetricInfo cache_bytes{
    .name = "paceline_cache_bytes",
    .kind = MetricKind::gauge,
    .help = "Bytes of the entries held: keys, values, overhead.",
    .labels = {"level"}};
inline constexpr MetricInfo cache_loads{.name = "paceline_cache_loads_total",
                                        .help = "Reads of the source for a missing entry."};
inline constexpr MetricInfo cache_coalesced{
    .name = "paceline_cache_coalesced_total",
    .help = "Requests that shared the load of another one for the same entry."};
inline constexpr MetricInfo cache_loads_refused{
    .name = "paceline_cache_loads_refused_total",
    .help = "Requests answered 503 because too many loads were under way."};
inline constexpr MetricInfo sqlite_reads{
    .name = "paceline_sqlite_reads_total",
    .help = "Statements that read: on the loop, or in the pool of threads.",
    .labels = {"place"}};
inline constexpr MetricInfo writes{.name = "paceline_writes_total",
                                   .help = "Writes that the keeper answered."};
inline constexpr MetricInfo writes_failed{
    .name = "paceline_writes_failed_total",
    .help = "Writes without an answer of the keeper: unavailable, outcome_unknown, exhausted.",
    .labels = {"reason"}};
inline constexpr MetricInfo writes_in_flight{
    .name = "paceline_writes_in_flight",
    .kind = MetricKind::gauge,
    .help = "Writes sent to the keeper, not answered yet."};
inline constexpr MetricInfo keeper_links{.name = "paceline_keeper_links",
                                         .kind = MetricKind::gauge,
                                         .help = "Workers connected to the keeper."};
inline constexpr MetricInfo keeper_queue{.name = "paceline_keeper_queue_depth",
                                         .kind = MetricKind::gauge,
                                         .help = "Writes that wait for the next transaction."};
inline constexpr MetricInfo keeper_in_flight{
    .name = "paceline_keeper_in_flight",
    .kind = MetricKind::gauge,
    .help = "Writes that the keeper has taken and not answered."};
inline constexpr MetricInfo sqlite_wal_pages{
    .name = "paceline_sqlite_wal_pages",
    .kind = MetricKind::gauge,
    .help = "Pages in the write-ahead log of the database, since its last checkpoint."};

}  // namespace service_metric

/// All of them, for the text formats and the catalogue.
std::span<const MetricInfo> service_metrics();

}  // namespace paceline
