#include "paceline/metrics/stalls.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

namespace paceline {
namespace {

using Word = std::atomic<std::uint64_t>;

// In 64-bit words: magic, newest sequence, then the records, each
//   version (odd while the record is written), sequence, pid, began (wall ns), duration (ns),
//   state, the texts' sizes (route | site << 16 | stack << 32), the texts.
constexpr std::uint64_t kMagic = 0x31'4c'41'54'53'45'43'41;  // "ACESTAL1"
constexpr std::size_t kHeaderWords = 2;
constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kNewestAt = 1;
constexpr std::size_t kVersionAt = 0;
constexpr std::size_t kSequenceAt = 1;
constexpr std::size_t kPidAt = 2;
constexpr std::size_t kBeganAt = 3;
constexpr std::size_t kDurationAt = 4;
constexpr std::size_t kStateAt = 5;
constexpr std::size_t kSizesAt = 6;
constexpr std::size_t kTextAt = 7;
constexpr std::size_t kTextBytes =
    StallRing::route_max + StallRing::site_max + StallRing::stack_max;
constexpr std::size_t kRecordWords = kTextAt + kTextBytes / 8;
static_assert(kTextBytes % 8 == 0);

std::uint64_t get(const Word& word) { return word.load(std::memory_order_acquire); }
/// Releases, so that whoever sees a new word also sees that the version was odd before it.
void put(Word& word, std::uint64_t value) { word.store(value, std::memory_order_release); }

std::size_t place(std::uint64_t sequence) {
  return kHeaderWords + sequence % StallRing::records_max * kRecordWords;
}

template <class W, class B>
std::span<W> words_of(std::span<B> bytes) {
  constexpr std::size_t need = kHeaderWords + StallRing::records_max * kRecordWords;
  if (std::bit_cast<std::uintptr_t>(bytes.data()) % alignof(Word) != 0) return {};
  if (bytes.size() < need * sizeof(Word)) return {};
  return {reinterpret_cast<W*>(bytes.data()), need};
}

/// Line ends stay in a stack; other control characters could forge what a terminal shows.
std::string clean(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 0x7f; }, ' ');
  return text;
}

std::optional<StallRecord> read_record(std::span<const Word> words) {
  const std::uint64_t version = get(words[kVersionAt]);
  if (version == 0 || version % 2 != 0) return {};
  StallRecord record;
  record.sequence = get(words[kSequenceAt]);
  record.pid = get(words[kPidAt]);
  const std::uint64_t began = get(words[kBeganAt]);
  const std::uint64_t duration = get(words[kDurationAt]);
  const std::uint64_t state = get(words[kStateAt]);
  const std::uint64_t sizes = get(words[kSizesAt]);
  std::string text(kTextBytes, '\0');
  for (std::size_t i = 0; i < kTextBytes / 8; ++i) {
    const std::uint64_t word = get(words[kTextAt + i]);
    std::memcpy(text.data() + i * 8, &word, 8);
  }
  if (get(words[kVersionAt]) != version) return {};
  const std::size_t route = sizes & 0xffff;
  const std::size_t site = sizes >> 16 & 0xffff;
  const std::size_t stack = sizes >> 32;
  if (route > StallRing::route_max || site > StallRing::site_max || stack > StallRing::stack_max ||
      began > INT64_MAX || duration > INT64_MAX || state > 1 || record.sequence == 0) {
    return {};
  }
  record.began = std::chrono::system_clock::time_point(
      std::chrono::nanoseconds(static_cast<std::int64_t>(began)));
  record.duration = Duration(static_cast<std::int64_t>(duration));
  record.state = static_cast<StallRecord::State>(state);
  record.route = clean(text.substr(0, route));
  record.site = clean(text.substr(StallRing::route_max, site));
  record.stack = clean(text.substr(StallRing::route_max + StallRing::site_max, stack));
  return record;
}

}  // namespace

std::size_t StallRing::bytes() {
  return (kHeaderWords + records_max * kRecordWords) * sizeof(Word);
}

Result<StallRing> StallRing::attach(std::span<std::byte> bytes) {
  const std::span<Word> words = words_of<Word>(bytes);
  if (words.empty()) {
    return fail(Code::invalid, "a ring of stalls needs " + std::to_string(StallRing::bytes()) +
                                   " aligned bytes, not " + std::to_string(bytes.size()));
  }
  if (get(words[kMagicAt]) != kMagic) {
    for (Word& word : words) put(word, 0);
    put(words[kMagicAt], kMagic);
  }
  return StallRing(words);
}

std::span<StallRing::Word> StallRing::record(std::uint64_t sequence) const {
  return words_.subspan(place(sequence), kRecordWords);
}

std::uint64_t StallRing::begin(const StallRecord& record) {
  const std::uint64_t sequence = get(words_[kNewestAt]) + 1;
  std::string text(kTextBytes, '\0');
  std::uint64_t sizes = 0;
  std::size_t at = 0;
  unsigned shift = 0;
  const auto add = [&](std::string_view part, std::size_t max) {
    const std::size_t size = std::min(part.size(), max);
    part.copy(text.data() + at, size);
    sizes |= std::uint64_t{size} << shift;
    shift += 16;
    at += max;
  };
  add(record.route, route_max);
  add(record.site, site_max);
  add(record.stack, stack_max);

  const std::span<Word> words = this->record(sequence);
  // A process that died while it wrote left the version odd.
  const std::uint64_t version = get(words[kVersionAt]) | 1;
  put(words[kVersionAt], version);
  put(words[kSequenceAt], sequence);
  put(words[kPidAt], record.pid);
  put(words[kBeganAt], static_cast<std::uint64_t>(
                           std::chrono::nanoseconds(record.began.time_since_epoch()).count()));
  put(words[kDurationAt], static_cast<std::uint64_t>(record.duration.count()));
  put(words[kStateAt], static_cast<std::uint64_t>(record.state));
  put(words[kSizesAt], sizes);
  for (std::size_t i = 0; i < kTextBytes / 8; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i * 8, 8);
    put(words[kTextAt + i], word);
  }
  put(words[kVersionAt], version + 1);
  put(words_[kNewestAt], sequence);
  return sequence;
}

void StallRing::update(std::uint64_t sequence, Duration duration, StallRecord::State state) {
  const std::span<Word> words = record(sequence);
  if (get(words[kSequenceAt]) != sequence) return;
  // The version stays: each word is true by itself, and a look at this moment finds the record.
  put(words[kDurationAt], static_cast<std::uint64_t>(duration.count()));
  put(words[kStateAt], static_cast<std::uint64_t>(state));
}

std::vector<StallRecord> read_stalls(std::span<const std::byte> bytes) {
  const std::span<const Word> words = words_of<const Word>(bytes);
  std::vector<StallRecord> records;
  if (words.empty() || get(words[kMagicAt]) != kMagic) return records;
  for (std::size_t i = 0; i < StallRing::records_max; ++i) {
    if (auto record = read_record(words.subspan(place(i), kRecordWords))) {
      records.push_back(std::move(*record));
    }
  }
  std::ranges::sort(records, std::ranges::greater(), &StallRecord::sequence);
  return records;
}

}  // namespace paceline
