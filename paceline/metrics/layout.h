// The bytes of one block, in 64-bit words so that every access is one atomic load or store:
//   header     8 words: magic, incarnation, series_max | cells_max << 32, series (published with
//              release), series dropped
//   directory  series_max entries of 32 words: kind | name bytes << 8 | label bytes << 16,
//              first cell | cells << 32, then the name and the labels
//   cells      cells_max words; every series starts on its own cache line; a histogram has its
//              sum, its buckets, and an example
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "paceline/metrics/histogram.h"

namespace paceline::metrics_layout {

using Word = std::atomic<std::uint64_t>;
static_assert(sizeof(Word) == 8 && Word::is_always_lock_free);

inline constexpr std::uint64_t magic = 0x32'54'45'4d'45'43'41'50;  // "PACEMET2"
inline constexpr std::size_t header_words = 8;
inline constexpr std::size_t entry_words = 32;
inline constexpr std::size_t text_bytes = (entry_words - 2) * 8;
inline constexpr std::size_t line_cells = 8;  // a cache line
inline constexpr std::size_t example_id_bytes = 32;
inline constexpr std::size_t example_cells = 4 + example_id_bytes / 8;
inline constexpr std::size_t example_at = 1 + HistogramScale::buckets;
// The sum, the buckets, the example.
inline constexpr std::size_t histogram_cells = example_at + example_cells;

inline constexpr std::size_t magic_at = 0;
inline constexpr std::size_t incarnation_at = 1;
inline constexpr std::size_t limits_at = 2;
inline constexpr std::size_t series_at = 3;
inline constexpr std::size_t dropped_at = 4;

/// Rounded up to whole cache lines.
constexpr std::size_t padded(std::size_t cells) {
  return (cells + line_cells - 1) / line_cells * line_cells;
}

/// What a block's header and directory say, checked against its size: the bytes may have been
/// written by another build, or by a process that went wild.
struct Header {
  std::uint64_t incarnation = 0;
  std::uint32_t series_max = 0;
  std::uint32_t cells_max = 0;
  std::uint32_t series = 0;
  std::uint64_t dropped = 0;

  std::size_t cells_at() const { return header_words + entry_words * series_max; }
};
struct Entry {
  std::uint8_t kind = 0;
  std::uint32_t first_cell = 0;
  std::uint32_t cells = 0;
  std::string name;
  std::string labels;
};

/// The words of a block, or none if the bytes are not aligned to 8.
std::span<Word> words_of(std::span<std::byte> bytes);
std::span<const Word> words_of(std::span<const std::byte> bytes);
std::optional<Header> read_header(std::span<const Word> words);
/// None when the entry is not one that this build could have written.
std::optional<Entry> read_entry(std::span<const Word> words, const Header& header,
                                std::uint32_t index);
void write_entry(std::span<Word> words, std::uint32_t index, const Entry& entry);

/// One record of a histogram that can be found again.
struct Example {
  std::uint64_t duration_ns = 0;
  std::uint64_t wall_ns = 0;
  std::string id;
};
/// Its words: a version that is odd while they are written, duration, wall time, the id's size,
/// the id.
void write_example(std::span<Word> cells, const Example& example);
/// None when there is none, or it was being written.
std::optional<Example> read_example(std::span<const Word> cells);

/// [a-zA-Z_:][a-zA-Z0-9_:]*, the names that Prometheus takes.
bool valid_name(std::string_view name);

}  // namespace paceline::metrics_layout
