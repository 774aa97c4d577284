// What the server measures.
#pragma once

#include <span>

#include "paceline/metrics.h"

namespace paceline {

namespace http_metric {

inline constexpr MetricInfo request_duration{
    .name = "http_server_request_duration_seconds",
    .kind = MetricKind::histogram,
    .help = "From the request's last byte read to its answer's last byte handed to the system.",
    .labels = {"http_request_method", "http_route", "http_response_status_code"},
    .bounds = kRequestBounds};
inline constexpr MetricInfo active_requests{
    .name = "http_server_active_requests",
    .kind = MetricKind::gauge,
    .help = "Requests whose body is being read, whose handler waits, or whose answer is streamed."};
inline constexpr MetricInfo connections{
    .name = "paceline_open_connections",
    .kind = MetricKind::gauge,
    .help = "Open client connections: active ones carry an active request.",
    .labels = {"state"}};
inline constexpr MetricInfo connections_total{
    .name = "paceline_connections_total",
    .help =
        "Client connections by what became of them: accepted, refused_limit (answered 503), "
        "refused_fd (descriptors or memory ran out).",
    .labels = {"result"}};
inline constexpr MetricInfo requests_rejected{
    .name = "paceline_requests_rejected_total",
    .help = "Requests refused as malformed or too large, or given up after a timeout.",
    .labels = {"reason"}};
inline constexpr MetricInfo requests_aborted{
    .name = "paceline_requests_aborted_total",
    .help =
        "Requests cut off before their answer was complete, by the client or by the server "
        "(a client that does not read, a producer that failed).",
    .labels = {"by"}};
inline constexpr MetricInfo network_bytes{.name = "paceline_network_bytes_total",
                                          .help = "Bytes exchanged with clients: received, sent.",
                                          .labels = {"direction"}};

}  // namespace http_metric

/// All of them, for the text formats and the catalogue.
std::span<const MetricInfo> http_metrics();

}  // namespace paceline
