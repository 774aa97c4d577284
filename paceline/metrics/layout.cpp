#include "paceline/metrics/layout.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "paceline/metrics/block.h"

namespace paceline::metrics_layout {

namespace {

bool aligned(const std::byte* data) {
  return std::bit_cast<std::uintptr_t>(data) % alignof(Word) == 0;
}

std::size_t cells_of_kind(std::uint8_t kind) {
  switch (static_cast<MetricKind>(kind)) {
    case MetricKind::counter:
    case MetricKind::gauge:
    case MetricKind::gauge_max:
      return 1;
    case MetricKind::histogram:
      return histogram_cells;
  }
  return 0;
}

// Labels go into a text format line by line: a control character could forge a line.
bool valid_labels(std::string_view labels) {
  return std::ranges::none_of(labels, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

std::span<Word> words_of(std::span<std::byte> bytes) {
  if (!aligned(bytes.data())) return {};
  return {reinterpret_cast<Word*>(bytes.data()), bytes.size() / sizeof(Word)};
}

std::span<const Word> words_of(std::span<const std::byte> bytes) {
  if (!aligned(bytes.data())) return {};
  return {reinterpret_cast<const Word*>(bytes.data()), bytes.size() / sizeof(Word)};
}

std::optional<Header> read_header(std::span<const Word> words) {
  if (words.size() < header_words) return {};
  if (words[magic_at].load(std::memory_order_acquire) != magic) return {};
  const std::uint64_t limits = words[limits_at].load(std::memory_order_acquire);
  const std::uint64_t series = words[series_at].load(std::memory_order_acquire);
  Header header;
  header.incarnation = words[incarnation_at].load(std::memory_order_acquire);
  header.series_max = static_cast<std::uint32_t>(limits);
  header.cells_max = static_cast<std::uint32_t>(limits >> 32);
  header.dropped = words[dropped_at].load(std::memory_order_acquire);
  if (header.cells_at() + header.cells_max > words.size() || series > header.series_max) return {};
  header.series = static_cast<std::uint32_t>(series);
  return header;
}

std::optional<Entry> read_entry(std::span<const Word> words, const Header& header,
                                std::uint32_t index) {
  const std::span<const Word> at = words.subspan(header_words + entry_words * index, entry_words);
  const std::uint64_t shape = at[0].load(std::memory_order_acquire);
  const std::uint64_t place = at[1].load(std::memory_order_acquire);
  char text[text_bytes];
  for (std::size_t i = 2; i < entry_words; ++i) {
    const std::uint64_t word = at[i].load(std::memory_order_acquire);
    std::memcpy(text + (i - 2) * 8, &word, 8);
  }
  const std::size_t name_bytes = (shape >> 8) & 0xff;
  const std::size_t label_bytes = (shape >> 16) & 0xff;
  if (name_bytes + label_bytes > text_bytes) return {};
  Entry entry;
  entry.kind = static_cast<std::uint8_t>(shape);
  entry.first_cell = static_cast<std::uint32_t>(place);
  entry.cells = static_cast<std::uint32_t>(place >> 32);
  entry.name.assign(text, name_bytes);
  entry.labels.assign(text + name_bytes, label_bytes);
  const bool sound = shape >> 24 == 0 && entry.cells == cells_of_kind(entry.kind) &&
                     entry.cells > 0 && entry.first_cell <= header.cells_max &&
                     entry.cells <= header.cells_max - entry.first_cell && valid_name(entry.name) &&
                     valid_labels(entry.labels);
  if (!sound) return {};
  return entry;
}

void write_entry(std::span<Word> words, std::uint32_t index, const Entry& entry) {
  const std::span<Word> at = words.subspan(header_words + entry_words * index, entry_words);
  char text[text_bytes] = {};
  std::memcpy(text, entry.name.data(), entry.name.size());
  std::memcpy(text + entry.name.size(), entry.labels.data(), entry.labels.size());
  const std::uint64_t shape = entry.kind | entry.name.size() << 8 | entry.labels.size() << 16;
  at[0].store(shape, std::memory_order_relaxed);
  at[1].store(entry.first_cell | std::uint64_t{entry.cells} << 32, std::memory_order_relaxed);
  for (std::size_t i = 2; i < entry_words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + (i - 2) * 8, 8);
    at[i].store(word, std::memory_order_relaxed);
  }
}

// All accesses are acquires and releases, as everywhere here: whoever sees a new word also sees
// that the version was odd before it.
void write_example(std::span<Word> cells, const Example& example) {
  const std::uint64_t version = cells[0].load(std::memory_order_relaxed) | 1;
  cells[0].store(version, std::memory_order_relaxed);
  cells[1].store(example.duration_ns, std::memory_order_release);
  cells[2].store(example.wall_ns, std::memory_order_release);
  cells[3].store(example.id.size(), std::memory_order_release);
  for (std::size_t i = 4; i < example_cells; ++i) {
    std::uint64_t word = 0;
    const std::size_t from = std::min((i - 4) * 8, example.id.size());
    std::memcpy(&word, example.id.data() + from,
                std::min<std::size_t>(8, example.id.size() - from));
    cells[i].store(word, std::memory_order_release);
  }
  cells[0].store(version + 1, std::memory_order_release);
}

std::optional<Example> read_example(std::span<const Word> cells) {
  const std::uint64_t version = cells[0].load(std::memory_order_acquire);
  if (version == 0 || version % 2 != 0) return {};
  Example example{.duration_ns = cells[1].load(std::memory_order_acquire),
                  .wall_ns = cells[2].load(std::memory_order_acquire),
                  .id = {}};
  const std::uint64_t size = cells[3].load(std::memory_order_acquire);
  char id[example_id_bytes];
  for (std::size_t i = 4; i < example_cells; ++i) {
    const std::uint64_t word = cells[i].load(std::memory_order_acquire);
    std::memcpy(id + (i - 4) * 8, &word, 8);
  }
  if (size > example_id_bytes || cells[0].load(std::memory_order_acquire) != version) return {};
  example.id.assign(id, size);
  const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; };
  if (example.wall_ns > INT64_MAX || example.duration_ns > INT64_MAX ||
      !std::ranges::all_of(example.id, plain)) {
    return {};
  }
  return example;
}

bool valid_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace paceline::metrics_layout
