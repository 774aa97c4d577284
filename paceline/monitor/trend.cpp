#include "paceline/monitor/trend.h"

#include <algorithm>

#include "paceline/monitor/collector.h"

namespace paceline {
namespace {

constexpr std::string_view kRequests = "http_server_request_duration_seconds";

void add_cache(Reading& reading, const MetricsTotals& totals) {
  for (const auto& [key, value] : totals) {
    const bool requests = key.name == "paceline_cache_requests_total";
    if (!requests && key.name != "paceline_cache_evictions_total") continue;
    Reading::CacheLevel& level = reading.cache[std::string(label_value(key.labels, "level"))];
    if (!requests) {
      level.evictions += value.count;
    } else if (label_value(key.labels, "result") == "hit") {
      level.hits += value.count;
    } else {
      level.misses += value.count;
    }
  }
}

void add_requests(Reading& reading, const MetricsTotals& totals) {
  const MetricKey first{.name = std::string(kRequests), .labels = {}, .kind = {}};
  for (auto at = totals.lower_bound(first); at != totals.end() && at->first.name == kRequests;
       ++at) {
    const std::string_view status = label_value(at->first.labels, "http_response_status_code");
    if (status.empty() || status[0] < '1' || status[0] > '5') continue;
    reading.latency.merge(at->second.histogram);
    reading.status[static_cast<std::size_t>(status[0] - '1')] += at->second.histogram.count();
  }
}

}  // namespace

Reading reading_of(const MetricsTotals& totals, Time at) {
  Reading reading;
  reading.at = at;
  add_requests(reading, totals);
  add_cache(reading, totals);
  for (const auto& [key, value] : totals) {
    if (key.name == "paceline_requests_rejected_total") {
      reading.rejected_by[std::string(label_value(key.labels, "reason"))] += value.count;
      reading.rejected += value.count;
    }
  }
  reading.aborted = sum_of_counters(totals, "paceline_requests_aborted_total", "by=\"server\"");
  reading.refused = sum_of_counters(totals, "paceline_connections_total", "result=\"refused");
  const auto bytes = [&totals](std::string_view name, std::string_view direction) {
    return sum_of_counters(totals, name, direction);
  };
  reading.received = bytes("paceline_network_bytes_total", "direction=\"received\"");
  reading.sent = bytes("paceline_network_bytes_total", "direction=\"sent\"");
  reading.disk_read = bytes("paceline_disk_bytes_total", "direction=\"read\"");
  reading.disk_written = bytes("paceline_disk_bytes_total", "direction=\"written\"");
  reading.cpu =
      Duration(static_cast<std::int64_t>(sum_of_counters(totals, "process_cpu_seconds_total")));
  reading.lag = sum_of_histograms(totals, "paceline_loop_lag_seconds");
  reading.iteration = sum_of_histograms(totals, "paceline_loop_iteration_seconds");
  return reading;
}

HistogramTotals between(const HistogramTotals& before, const HistogramTotals& now) {
  if (now.buckets().empty()) return {};
  std::vector<std::uint64_t> buckets = now.buckets();
  const std::vector<std::uint64_t>& old = before.buckets();
  for (std::size_t i = 0; i < old.size(); ++i) buckets[i] -= std::min(buckets[i], old[i]);
  return {std::move(buckets), now.sum_ns() - std::min(now.sum_ns(), before.sum_ns())};
}

void Trend::add(Reading reading) {
  // One more than the window: a difference needs the reading before it.
  while (readings_.size() > 2 && readings_[1].at + kKept <= reading.at) readings_.pop_front();
  readings_.push_back(std::move(reading));
}

const Reading* Trend::before(Duration window) const {
  if (readings_.size() < 2) return nullptr;
  // Ticks come a little early or late: the reading nearest to the window's begin is meant.
  const Time begin = newest().at - window + std::chrono::milliseconds(500);
  for (std::size_t i = readings_.size() - 1; i-- > 0;) {
    if (readings_[i].at <= begin) return &readings_[i];
  }
  return &readings_.front();
}

Duration Trend::elapsed(Duration window) const {
  const Reading* from = before(window);
  return from == nullptr ? Duration::zero() : newest().at - from->at;
}

std::optional<double> Trend::rate(Duration window, std::uint64_t Reading::* member) const {
  const Reading* from = before(window);
  if (from == nullptr) return {};
  const double seconds = std::chrono::duration<double>(newest().at - from->at).count();
  if (seconds <= 0) return {};
  const std::uint64_t now = newest().*member;
  const std::uint64_t then = from->*member;
  return static_cast<double>(now - std::min(now, then)) / seconds;
}

}  // namespace paceline
