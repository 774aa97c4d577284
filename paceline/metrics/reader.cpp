#include "paceline/metrics/reader.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "paceline/metrics/layout.h"
#include "paceline/metrics/seat_reader.h"

namespace paceline {

namespace layout = metrics_layout;

namespace {

MetricValue read_value(std::span<const layout::Word> cells, MetricKind kind) {
  MetricValue value;
  if (kind == MetricKind::histogram) {
    std::vector<std::uint64_t> buckets(HistogramScale::buckets);
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      buckets[i] = cells[1 + i].load(std::memory_order_acquire);
    }
    value.histogram = HistogramTotals(std::move(buckets), cells[0].load(std::memory_order_acquire));
    if (std::optional<layout::Example> example =
            layout::read_example(cells.subspan(layout::example_at, layout::example_cells))) {
      const std::chrono::nanoseconds wall(static_cast<std::int64_t>(example->wall_ns));
      value.examples.push_back(
          {.duration = Duration(static_cast<std::int64_t>(example->duration_ns)),
           .time = std::chrono::system_clock::time_point(wall),
           .id = std::move(example->id)});
    }
    return value;
  }
  const std::uint64_t cell = cells[0].load(std::memory_order_acquire);
  if (kind == MetricKind::counter) {
    value.count = cell;
  } else {
    value.level = std::bit_cast<std::int64_t>(cell);
  }
  return value;
}

bool outlives_its_process(MetricKind kind) {
  return kind == MetricKind::counter || kind == MetricKind::histogram;
}

void merge(MetricsTotals& totals, const MetricsTotals& series, SeatLife state) {
  for (const auto& [key, value] : series) {
    if (state == SeatLife::retired && !outlives_its_process(key.kind)) continue;
    const auto [at, fresh] = totals.try_emplace(key);
    MetricValue& total = at->second;
    total.count += value.count;
    total.histogram.merge(value.histogram);
    // An example is a fact, not a sum: those of a process that is gone are not kept.
    if (state == SeatLife::live) {
      total.examples.insert(total.examples.end(), value.examples.begin(), value.examples.end());
    }
    if (key.kind == MetricKind::gauge_max) {
      total.level = fresh ? value.level : std::max(total.level, value.level);
    } else {
      // Wraps instead of overflowing: the numbers are somebody else's.
      total.level = std::bit_cast<std::int64_t>(std::bit_cast<std::uint64_t>(total.level) +
                                                std::bit_cast<std::uint64_t>(value.level));
    }
  }
}

}  // namespace

Result<MetricsSnapshot> read_metrics(std::span<const std::byte> bytes) {
  const std::span<const layout::Word> words = layout::words_of(bytes);
  const std::optional<layout::Header> header = layout::read_header(words);
  if (!header) return fail(Code::corrupt, "no block of metrics here");
  MetricsSnapshot snapshot;
  snapshot.incarnation = header->incarnation;
  const MetricInfo& dropped = block_metrics().front();
  snapshot.series[{std::string(dropped.name), "", dropped.kind}].count = header->dropped;
  for (std::uint32_t i = 0; i < header->series; ++i) {
    std::optional<layout::Entry> entry = layout::read_entry(words, *header, i);
    if (!entry) {
      return fail(Code::corrupt, "entry " + std::to_string(i) + " of a block of metrics is broken");
    }
    const MetricKind kind{entry->kind};
    MetricValue value =
        read_value(words.subspan(header->cells_at() + entry->first_cell, entry->cells), kind);
    snapshot.series.insert_or_assign({std::move(entry->name), std::move(entry->labels), kind},
                                     std::move(value));
  }
  // All loads above are acquires, so this one is later: the block was the same all the time.
  if (words[layout::magic_at].load(std::memory_order_acquire) != layout::magic ||
      words[layout::incarnation_at].load(std::memory_order_acquire) != header->incarnation) {
    return fail(Code::corrupt, "a block of metrics changed while it was read");
  }
  return snapshot;
}

Result<void> SeatReader::read() {
  const std::span<const layout::Word> words = layout::words_of(bytes_);
  const std::optional<layout::Header> header = layout::read_header(words);
  if (!header) return fail(Code::corrupt, "no block of metrics here");
  const bool anew = incarnation_ != header->incarnation || header->series < places_.size();
  std::vector<Place> places = anew ? std::vector<Place>() : places_;
  std::vector<MetricKey> keys;  // of the entries that are new
  for (auto i = static_cast<std::uint32_t>(places.size()); i < header->series; ++i) {
    std::optional<layout::Entry> entry = layout::read_entry(words, *header, i);
    if (!entry) {
      return fail(Code::corrupt, "entry " + std::to_string(i) + " of a block of metrics is broken");
    }
    places.push_back({entry->first_cell, entry->cells});
    keys.push_back({std::move(entry->name), std::move(entry->labels), MetricKind{entry->kind}});
  }
  const std::size_t known = places.size() - keys.size();
  std::vector<MetricValue> values;
  values.reserve(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const MetricKind kind = i < known ? series_[1 + i].key.kind : keys[i - known].kind;
    const std::size_t at = header->cells_at() + places[i].first_cell;
    if (at + places[i].cells > words.size()) return fail(Code::corrupt, "a block's limits changed");
    values.push_back(read_value(words.subspan(at, places[i].cells), kind));
  }
  // All loads above are acquires, so this one is later: the block was the same all the time.
  if (words[layout::magic_at].load(std::memory_order_acquire) != layout::magic ||
      words[layout::incarnation_at].load(std::memory_order_acquire) != header->incarnation) {
    return fail(Code::corrupt, "a block of metrics changed while it was read");
  }
  if (anew) {
    former_ = std::exchange(series_, {});
    series_.push_back(
        {.key = {"paceline_metrics_series_dropped_total", "", MetricKind::counter}, .value = {}});
  }
  incarnation_ = header->incarnation;
  places_ = std::move(places);
  for (MetricKey& key : keys) series_.push_back({.key = std::move(key), .value = {}});
  series_.front().value.count = header->dropped;
  for (std::size_t i = 0; i < values.size(); ++i) series_[1 + i].value = std::move(values[i]);
  return {};
}

MetricsTotals MetricsReader::read(std::span<const MetricsSeat> seats) {
  if (seen_.size() < seats.size()) seen_.resize(seats.size());
  for (std::size_t i = 0; i < seats.size(); ++i) {
    Result<MetricsSnapshot> now = read_metrics(seats[i].bytes);
    if (!now) {
      ++unreadable_;
      continue;
    }
    if (now->incarnation != seen_[i].incarnation) {
      merge(folded_, seen_[i].series, SeatLife::retired);
    }
    seen_[i] = std::move(*now);
  }
  MetricsTotals totals = folded_;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    // A seat that is not in the list any more has no process either.
    const SeatLife state = i < seats.size() ? seats[i].state : SeatLife::retired;
    merge(totals, seen_[i].series, state);
  }
  return totals;
}

}  // namespace paceline
