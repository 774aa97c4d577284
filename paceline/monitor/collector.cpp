#include "paceline/monitor/collector.h"

#include <algorithm>
#include <bit>

namespace paceline {
namespace {

bool outlives_its_process(MetricKind kind) {
  return kind == MetricKind::counter || kind == MetricKind::histogram;
}

void add(MetricValue& total, const MetricValue& value, MetricKind kind, SeatLife life) {
  total.count += value.count;
  total.histogram.merge(value.histogram);
  // An example is a fact, not a sum: those of a process that is gone are not kept.
  if (life == SeatLife::live) {
    total.examples.insert(total.examples.end(), value.examples.begin(), value.examples.end());
  }
  if (kind == MetricKind::gauge_max) {
    total.level = std::max(total.level, value.level);
  } else {
    // Wraps instead of overflowing: the numbers are somebody else's.
    total.level = std::bit_cast<std::int64_t>(std::bit_cast<std::uint64_t>(total.level) +
                                              std::bit_cast<std::uint64_t>(value.level));
  }
}

/// Before the first addition.
void clear(MetricsTotals& totals) {
  for (auto& [key, value] : totals) {
    value = {};
    if (key.kind == MetricKind::gauge_max) value.level = INT64_MIN;
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
    seats_.emplace_back(bytes);
  }
  seats_.emplace_back(metrics.part("supervisor"));
}

void Collector::read_seat(Seat& seat) {
  const Result<void> read = seat.reader.read();
  if (!read) {
    if (seat.ever) ++unreadable_;  // before its first process there is nothing to read
    return;
  }
  seat.ever = true;
  for (const SeatReader::Series& series : seat.reader.take_former()) {
    if (!outlives_its_process(series.key.kind)) continue;
    add(folded_[series.key], series.value, series.key.kind, SeatLife::retired);
    arranged_ = false;
  }
}

void Collector::read(const Roster* roster) {
  for (Seat& seat : seats_) read_seat(seat);
  if (!settled(roster)) arrange(roster);
  add_up();
}

/// Are the links still right: the same processes, the same series?
bool Collector::settled(const Roster* roster) {
  const std::size_t slots = roster == nullptr ? 0 : roster->slots.size();
  std::vector<SeatLife> lives(seats_.size(),
                              roster == nullptr ? SeatLife::live : SeatLife::retired);
  lives.back() = SeatLife::live;
  if (roster != nullptr) {
    for (const RosterSlot& slot : roster->slots) {
      if (slot.seat && *slot.seat + 1 < seats_.size()) lives[*slot.seat] = SeatLife::live;
    }
  }
  bool same = arranged_ && slots == slots_;
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = seats_[i];
    same = same && seat.life == lives[i] && seat.linked == seat.reader.series().size() &&
           seat.incarnation == seat.reader.incarnation();
    seat.life = lives[i];
    seat.linked = seat.reader.series().size();
    seat.incarnation = seat.reader.incarnation();
  }
  slots_ = slots;
  return same;
}

void Collector::arrange(const Roster* roster) {
  arranged_ = true;
  links_.clear();
  totals_ = folded_;
  processes_.clear();
  const std::size_t last = seats_.size() - 1;
  // Links point into the processes: their vector must not move any more.
  processes_.reserve((roster == nullptr ? 0 : roster->slots.size()) + 1);
  if (roster == nullptr) {
    for (std::size_t i = 0; i < last; ++i) link(i, nullptr);
  } else {
    for (const RosterSlot& slot : roster->slots) {
      ProcessTotals& process = processes_.emplace_back(
          ProcessTotals{.role = slot.role, .slot = slot.slot, .series = {}});
      const std::size_t end = std::min(slot.seat_first + kSeatsPerSlot, last);
      for (std::size_t i = slot.seat_first; i < end; ++i) link(i, &process);
    }
  }
  processes_.push_back({.role = "supervisor", .slot = 0, .series = {}});
  link(last, &processes_.back());
}

void Collector::link(std::size_t seat, ProcessTotals* process) {
  const std::span<const SeatReader::Series> series = seats_[seat].reader.series();
  const SeatLife life = seats_[seat].life;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const MetricKey& key = series[i].key;
    if (life == SeatLife::retired && !outlives_its_process(key.kind)) continue;
    links_.push_back({.seat = seat,
                      .series = i,
                      .process = process == nullptr ? nullptr : &process->series[key],
                      .total = &totals_[key],
                      .kind = key.kind,
                      .life = life});
  }
}

void Collector::add_up() {
  clear(totals_);
  for (ProcessTotals& process : processes_) clear(process.series);
  for (const auto& [key, value] : folded_) add(totals_[key], value, key.kind, SeatLife::retired);
  for (const Link& link : links_) {
    const MetricValue& value = seats_[link.seat].reader.series()[link.series].value;
    add(*link.total, value, link.kind, link.life);
    if (link.process != nullptr) add(*link.process, value, link.kind, link.life);
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
    if (end >= labels.size()) return {};
    if (found == name) return labels.substr(equals + 2, end - equals - 2);
    at = end + 2;  // the quote and the comma
  }
  return {};
}

}  // namespace paceline
