// Declarations of what every process measures of itself; self.h lists them for others.
#pragma once

#include "paceline/metrics.h"

namespace paceline {

namespace loop_metric {

inline constexpr MetricInfo time{
    .name = "paceline_loop_time_seconds_total",
    .help = "Time of the event loops: busy running callbacks, idle waiting for events.",
    .labels = {"state"}};
inline constexpr MetricInfo iterations{.name = "paceline_loop_iterations_total",
                                       .help = "Turns of the event loops."};
inline constexpr MetricInfo events{.name = "paceline_loop_events_total",
                                   .help = "Readiness events handled by the event loops."};
inline constexpr MetricInfo events_waiting{
    .name = "paceline_loop_events_waiting_total",
    .help =
        "Events that waited for the loop: it was busy and only looked, or they came with others."};
inline constexpr MetricInfo tasks{
    .name = "paceline_tasks",
    .kind = MetricKind::gauge,
    .help = "Coroutines that live; a handler that waits is one or more."};
inline constexpr MetricInfo timers{
    .name = "paceline_timers", .kind = MetricKind::gauge, .help = "Timers that are armed."};
inline constexpr MetricInfo utilization{
    .name = "paceline_loop_utilization_ratio",
    .kind = MetricKind::gauge_max,
    .help = "Busy share of the busiest event loop in its last loop.interval."};
inline constexpr MetricInfo iteration{
    .name = "paceline_loop_iteration_seconds",
    .kind = MetricKind::histogram,
    .help = "How long a turn of the loop ran callbacks: what a new event may have to wait.",
    .bounds = kLoopBounds};
inline constexpr MetricInfo lag{
    .name = "paceline_loop_lag_seconds",
    .kind = MetricKind::histogram,
    .help = "How late timers fired: the latest one of each turn that fired any.",
    .bounds = kLoopBounds};
inline constexpr MetricInfo lag_max{
    .name = "paceline_loop_lag_max_seconds",
    .kind = MetricKind::gauge_max,
    .help = "The longest turn or latest timer in the last loop.interval, of the worst loop."};
inline constexpr MetricInfo stalls{
    .name = "paceline_loop_stalls_total",
    .help = "Turns longer than loop.threshold, by the innermost function of the program.",
    .labels = {"site"}};

}  // namespace loop_metric

namespace process_metric {

inline constexpr MetricInfo cpu{.name = "process_cpu_seconds_total",
                                .help = "CPU time, user and system."};
inline constexpr MetricInfo resident{.name = "process_resident_memory_bytes",
                                     .kind = MetricKind::gauge,
                                     .help =
                                         "Resident memory; pages that processes share count in "
                                         "each of them."};
inline constexpr MetricInfo virtual_memory{.name = "process_virtual_memory_bytes",
                                           .kind = MetricKind::gauge,
                                           .help = "Address space in use."};
inline constexpr MetricInfo open_fds{
    .name = "process_open_fds", .kind = MetricKind::gauge, .help = "Open file descriptors."};
inline constexpr MetricInfo max_fds{.name = "process_max_fds",
                                    .kind = MetricKind::gauge,
                                    .help = "File descriptors that may be open."};
inline constexpr MetricInfo start_time{
    .name = "process_start_time_seconds",
    .kind = MetricKind::gauge_max,
    .help = "When the process began, in Unix time; of several, the youngest."};
inline constexpr MetricInfo memory{
    .name = "paceline_memory_bytes",
    .kind = MetricKind::gauge,
    .help =
        "Memory by kind: rss, pss (shared pages divided among those who share them), heap_total "
        "(taken by malloc from the system), heap_used, external (resident, but mapped: "
        "programs, files, shared memory), cache (a part of heap_used).",
    .labels = {"kind"}};
inline constexpr MetricInfo memory_limit{
    .name = "paceline_memory_limit_bytes",
    .kind = MetricKind::gauge,
    .help = "memory.limit of the processes that have one, the workers."};
inline constexpr MetricInfo page_faults{.name = "paceline_page_faults_total",
                                        .help = "Page faults: minor, major (read from a disk).",
                                        .labels = {"kind"}};
inline constexpr MetricInfo context_switches{
    .name = "paceline_context_switches_total",
    .help = "Context switches: voluntary (it waited), involuntary (others had to run).",
    .labels = {"kind"}};
inline constexpr MetricInfo disk_bytes{
    .name = "paceline_disk_bytes_total",
    .help = "Bytes that storage was made to read or write; what the page cache answers is not in.",
    .labels = {"direction"}};

}  // namespace process_metric

}  // namespace paceline
