#include "paceline/metrics/block.h"

#include <algorithm>
#include <string>
#include <vector>

#include "paceline/metrics/layout.h"

namespace paceline {

namespace layout = metrics_layout;

namespace {

std::uint32_t cells_max_of(MetricsLimits limits) {
  const std::size_t plain = limits.series_max - std::min(limits.series_max, limits.histograms_max);
  return static_cast<std::uint32_t>(
      plain * layout::padded(1) + limits.histograms_max * layout::padded(layout::histogram_cells));
}

// As the text formats write them: sorted, values escaped.
std::string label_text(std::initializer_list<MetricLabel> labels) {
  std::vector<MetricLabel> sorted(labels);
  std::ranges::sort(sorted, {}, &MetricLabel::name);
  std::string text;
  for (const MetricLabel& label : sorted) {
    check(layout::valid_name(label.name), "a label needs a name that Prometheus takes");
    if (!text.empty()) text += ',';
    text.append(label.name).append("=\"");
    for (char c : label.value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '\\' || c == '"') text += '\\';
      text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    text += '"';
  }
  return text;
}

bool as_declared(const MetricInfo& info, std::initializer_list<MetricLabel> labels) {
  const auto declared = std::ranges::find(info.labels, "") - info.labels.begin();
  return static_cast<std::size_t>(declared) == labels.size() &&
         std::ranges::all_of(labels, [&](const MetricLabel& label) {
           return std::ranges::find(info.labels, label.name) != info.labels.end();
         });
}

}  // namespace

std::size_t metrics_block_bytes(MetricsLimits limits) {
  return (layout::header_words + layout::entry_words * limits.series_max + cells_max_of(limits)) *
         sizeof(layout::Word);
}

MetricsBlock::MetricsBlock(std::span<std::atomic<std::uint64_t>> words, MetricsLimits limits)
    : words_(words), series_max_(limits.series_max), cells_max_(cells_max_of(limits)) {}

Result<MetricsBlock> MetricsBlock::create(std::span<std::byte> bytes, MetricsLimits limits) {
  const std::span<layout::Word> words = layout::words_of(bytes);
  if (words.size_bytes() < metrics_block_bytes(limits)) {
    return fail(Code::invalid, "a block of metrics needs " +
                                   std::to_string(metrics_block_bytes(limits)) + " bytes, not " +
                                   std::to_string(words.size_bytes()));
  }
  MetricsBlock block(words, limits);
  // A reader that comes now finds no block, or a new incarnation once it is done.
  words[layout::magic_at].store(0, std::memory_order_seq_cst);
  const std::uint64_t before = words[layout::incarnation_at].load(std::memory_order_relaxed);
  words[layout::incarnation_at].store(before + 1, std::memory_order_release);
  for (layout::Word& word : words.subspan(layout::limits_at)) {
    // Untouched pages stay untouched: a page that is only read costs no memory.
    if (word.load(std::memory_order_relaxed) != 0) word.store(0, std::memory_order_release);
  }
  words[layout::limits_at].store(block.series_max_ | std::uint64_t{block.cells_max_} << 32,
                                 std::memory_order_relaxed);
  words[layout::magic_at].store(layout::magic, std::memory_order_release);
  return block;
}

Result<MetricsBlock> MetricsBlock::attach(std::span<std::byte> bytes) {
  const std::span<layout::Word> words = layout::words_of(bytes);
  const std::optional<layout::Header> header = layout::read_header(words);
  if (!header) return fail(Code::corrupt, "no block of metrics here");
  MetricsBlock block(words, {});
  block.series_max_ = header->series_max;
  block.cells_max_ = header->cells_max;
  block.series_ = header->series;
  for (std::uint32_t i = 0; i < header->series; ++i) {
    const std::optional<layout::Entry> entry = layout::read_entry(words, *header, i);
    if (!entry) {
      return fail(Code::corrupt, "entry " + std::to_string(i) + " of a block of metrics is broken");
    }
    const std::size_t end = layout::padded(std::size_t{entry->first_cell} + entry->cells);
    block.cells_used_ = std::max(block.cells_used_, static_cast<std::uint32_t>(end));
    const MetricKind kind{entry->kind};
    if (kind == MetricKind::gauge || kind == MetricKind::gauge_max) {
      words[header->cells_at() + entry->first_cell].store(0, std::memory_order_relaxed);
    }
  }
  return block;
}

std::atomic<std::uint64_t>* MetricsBlock::cells(const MetricInfo& info,
                                                std::initializer_list<MetricLabel> labels) {
  check(layout::valid_name(info.name), "a series needs a name that Prometheus takes");
  check(as_declared(info, labels), "a series has the labels that its metric declares");
  layout::Entry entry;
  entry.kind = static_cast<std::uint8_t>(info.kind);
  entry.name = info.name;
  entry.labels = label_text(labels);
  entry.first_cell = cells_used_;
  entry.cells = info.kind == MetricKind::histogram ? layout::histogram_cells : 1;
  layout::Header header;
  header.series_max = series_max_;
  header.cells_max = cells_max_;
  for (std::uint32_t i = 0; i < series_; ++i) {
    const std::optional<layout::Entry> known = layout::read_entry(words_, header, i);
    if (known && known->kind == entry.kind && known->name == info.name &&
        known->labels == entry.labels) {
      return &words_[header.cells_at() + known->first_cell];
    }
  }
  const std::size_t end = cells_used_ + layout::padded(entry.cells);
  if (series_ == series_max_ || end > cells_max_ ||
      entry.name.size() + entry.labels.size() > layout::text_bytes) {
    layout::Word& dropped = words_[layout::dropped_at];
    dropped.store(dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return nullptr;
  }
  // A process that died in here left an entry that nobody counts; zero what it may have left.
  for (std::size_t i = 0; i < entry.cells; ++i) {
    words_[header.cells_at() + entry.first_cell + i].store(0, std::memory_order_relaxed);
  }
  layout::write_entry(words_, series_, entry);
  cells_used_ = static_cast<std::uint32_t>(end);
  ++series_;
  words_[layout::series_at].store(series_, std::memory_order_release);
  return &words_[header.cells_at() + entry.first_cell];
}

Counter MetricsBlock::counter(const MetricInfo& info, std::initializer_list<MetricLabel> labels) {
  check(info.kind == MetricKind::counter, "this metric is no counter");
  return Counter(cells(info, labels));
}
Gauge MetricsBlock::gauge(const MetricInfo& info, std::initializer_list<MetricLabel> labels) {
  check(info.kind == MetricKind::gauge || info.kind == MetricKind::gauge_max,
        "this metric is no gauge");
  return Gauge(cells(info, labels));
}
Histogram MetricsBlock::histogram(const MetricInfo& info,
                                  std::initializer_list<MetricLabel> labels) {
  check(info.kind == MetricKind::histogram, "this metric is no histogram");
  return Histogram(cells(info, labels));
}

void Histogram::example(Duration time, std::chrono::system_clock::time_point at,
                        std::string_view id) {
  if (!cells_ || id.size() > layout::example_id_bytes) return;
  layout::write_example(
      {cells_ + layout::example_at, layout::example_cells},
      {.duration_ns = static_cast<std::uint64_t>(std::max(time, Duration::zero()).count()),
       .wall_ns =
           static_cast<std::uint64_t>(std::chrono::nanoseconds(at.time_since_epoch()).count()),
       .id = std::string(id)});
}

}  // namespace paceline
