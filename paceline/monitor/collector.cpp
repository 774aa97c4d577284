#include "paceline/monitor/collector.h"

#include <algorithm>
#include <bit>

namespace paceline {
namespace {

bool outlives_its_process(MetricKind kind) {
  return kind == MetricKind::counter || kind == MetricKind::histogram;
}

void merge(MetricsTotals& totals, const MetricsTotals& series, SeatLife life) {
  for (const auto& [key, value] : series) {
    if (life == SeatLife::retired && !outlives_its_process(key.kind)) continue;
    const auto [at, fresh] = totals.try_emplace(key);
    MetricValue& total = at->second;
    total.count += value.count;
    total.histogram.merge(value.histogram);
    if (key.kind == MetricKind::gauge_max) {
      total.level = fresh ? value.level : std::max(total.level, value.level);
    } else {
      // Wraps instead of overflowing: the numbers are somebody else's.
      total.level = std::bit_cast<std::int64_t>(std::bit_cast<std::uint64_t>(total.level) +
                                                std::bit_cast<std::uint64_t>(value.level));
    }
  }
}

template <class F>
void for_each(const MetricsTotals& totals, std::string_view name, std::string_view label, F&& f) {
  const MetricKey first{.name = std::string(name), .labels = {}, .kind = MetricKind::counter};
  for (auto at = totals.lower_bound(first); at != totals.end() && at->first.name == name; ++at) {
    if (label.empty() || at->first.labels.contains(label)) f(at->first, at->second);
  }
}

}  // namespace

Collector::Collector(const SharedRegion& metrics) {
  while (true) {
    const std::span<std::byte> bytes = metrics.part("seat" + std::to_string(seats_.size()));
    if (bytes.empty()) break;
    seats_.push_back({.bytes = bytes, .seen = {}});
  }
  seats_.push_back({.bytes = metrics.part("supervisor"), .seen = {}});
}

void Collector::read_seat(Seat& seat) {
  Result<MetricsSnapshot> now = read_metrics(seat.bytes);
  if (!now) {
    if (seat.ever) ++unreadable_;  // before its first process there is nothing to read
    return;
  }
  if (seat.ever && now->incarnation != seat.seen.incarnation) {
    merge(folded_, seat.seen.series, SeatLife::retired);
  }
  seat.seen = std::move(*now);
  seat.ever = true;
}

void Collector::read(const Roster* roster) {
  for (Seat& seat : seats_) read_seat(seat);
  totals_ = folded_;
  processes_.clear();
  const std::size_t last = seats_.size() - 1;
  if (roster != nullptr) {
    for (const RosterSlot& slot : roster->slots) {
      ProcessTotals& process = processes_.emplace_back(
          ProcessTotals{.role = slot.role, .slot = slot.slot, .series = {}});
      for (std::size_t i = slot.seat_first; i < std::min(slot.seat_first + kSeatsPerSlot, last);
           ++i) {
        merge(process.series, seats_[i].seen.series,
              slot.seat == i ? SeatLife::live : SeatLife::retired);
      }
    }
  } else {
    for (std::size_t i = 0; i < last; ++i) merge(totals_, seats_[i].seen.series, SeatLife::live);
  }
  processes_.push_back({.role = "supervisor", .slot = 0, .series = seats_[last].seen.series});
  for (const ProcessTotals& process : processes_) {
    merge(totals_, process.series, SeatLife::live);
  }
}

std::uint64_t sum_of_counters(const MetricsTotals& totals, std::string_view name,
                              std::string_view label) {
  std::uint64_t sum = 0;
  for_each(totals, name, label,
           [&sum](const MetricKey&, const MetricValue& value) { sum += value.count; });
  return sum;
}

std::int64_t sum_of_gauges(const MetricsTotals& totals, std::string_view name,
                           std::string_view label) {
  std::uint64_t sum = 0;
  for_each(totals, name, label, [&sum](const MetricKey&, const MetricValue& value) {
    sum += std::bit_cast<std::uint64_t>(value.level);
  });
  return std::bit_cast<std::int64_t>(sum);
}

HistogramTotals sum_of_histograms(const MetricsTotals& totals, std::string_view name,
                                  std::string_view label) {
  HistogramTotals sum;
  for_each(totals, name, label,
           [&sum](const MetricKey&, const MetricValue& value) { sum.merge(value.histogram); });
  return sum;
}

std::string_view label_value(std::string_view labels, std::string_view name) {
  std::size_t at = 0;
  while (at < labels.size()) {
    const std::size_t equals = labels.find("=\"", at);
    if (equals == std::string_view::npos) return {};
    const std::string_view found = labels.substr(at, equals - at);
    std::size_t end = equals + 2;
    while (end < labels.size() && labels[end] != '"') end += labels[end] == '\\' ? 2 : 1;
    if (end > labels.size()) return {};
    if (found == name) return labels.substr(equals + 2, end - equals - 2);
    at = end + 2;  // the quote and the comma
  }
  return {};
}

}  // namespace paceline
