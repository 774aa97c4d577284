#include "paceline/monitor/history.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace paceline {
namespace {

constexpr std::uint64_t kMagic = 0x31'53'49'48'45'43'41'50;  // "PACEHIS1"
constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kOpeningsAt = 8;
constexpr std::size_t kNotedAt = 64;

struct Row {
  std::array<double, kColumns> values;
  std::array<std::uint32_t, kHeatRows> heat;
  std::uint32_t unused;
};
static_assert(sizeof(Row) % 8 == 0);

struct Note {
  double time;
  std::array<char, 16> kind;
  std::array<char, 232> text;
};
static_assert(sizeof(Note) == 256);

// A ring is the number of entries ever written, then the entries.
constexpr std::size_t kIncidentsAt = kNotedAt + History::slots_max * 8;
constexpr std::size_t kSecondsAt = kIncidentsAt + 8 + History::incidents_max * sizeof(Note);
constexpr std::size_t kMinutesAt = kSecondsAt + 8 + History::seconds_max * sizeof(Row);
constexpr std::size_t kEnd = kMinutesAt + 8 + History::minutes_max * sizeof(Row);

template <std::size_t N>
void copy_text(std::array<char, N>& to, std::string_view text) {
  to.fill('\0');
  std::ranges::copy(text.substr(0, N - 1), to.begin());
}

template <std::size_t N>
std::string text_of(const std::array<char, N>& from) {
  return {from.begin(), std::ranges::find(from, '\0')};
}

constexpr std::array<std::string_view, kColumns> kNames = {
    "time", "rate",      "p50",         "p95", "p99", "error_ratio", "cpu", "memory", "loop",
    "lag",  "in_flight", "connections", "2xx", "3xx", "4xx",         "5xx", "pss"};

void append_value(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> digits;
  // Six digits are more than a chart shows; times need all of theirs.
  const auto end =
      std::abs(value) >= 1e6
          ? std::to_chars(digits.begin(), digits.end(), value).ptr
          : std::to_chars(digits.begin(), digits.end(), value, std::chars_format::general, 6).ptr;
  out.append(digits.data(), end);
}

}  // namespace

const std::size_t History::seconds_at = kSecondsAt;
const std::size_t History::minutes_at = kMinutesAt;

std::string_view to_string(Column column) { return kNames[static_cast<std::size_t>(column)]; }

std::size_t History::bytes() { return kEnd; }

template <class T>
T History::get(std::size_t at) const {
  T value;
  std::memcpy(&value, bytes_.data() + at, sizeof value);
  return value;
}

template <class T>
void History::put(std::size_t at, const T& value) {
  std::memcpy(bytes_.data() + at, &value, sizeof value);
}

Result<History> History::attach(std::span<std::byte> bytes) {
  if (bytes.size() < kEnd) return fail(Code::invalid, "too few bytes for a history");
  History history(bytes);
  if (history.get<std::uint64_t>(kMagicAt) != kMagic) {
    std::ranges::fill(bytes, std::byte{0});
    history.put(kMagicAt, kMagic);
  }
  history.put(kOpeningsAt, history.openings() + 1);
  return history;
}

std::uint64_t History::openings() const { return get<std::uint64_t>(kOpeningsAt); }

void History::add(std::size_t ring, std::size_t rows_max, const HistoryRow& row) {
  const auto count = get<std::uint64_t>(ring);
  put(ring + 8 + count % rows_max * sizeof(Row), Row{row.values, row.heat, 0});
  put(ring, count + 1);  // last: a process that dies before it leaves the ring as it was
}

std::vector<HistoryRow> History::rows(std::size_t ring, std::size_t rows_max) const {
  const auto count = get<std::uint64_t>(ring);
  std::vector<HistoryRow> result;
  result.reserve(std::min<std::uint64_t>(count, rows_max));
  for (std::uint64_t i = count - std::min<std::uint64_t>(count, rows_max); i < count; ++i) {
    const Row row = get<Row>(ring + 8 + i % rows_max * sizeof(Row));
    HistoryRow& out = result.emplace_back();
    out.values = row.values;
    out.heat = row.heat;
  }
  return result;
}

void History::add_incident(const Incident& incident) {
  Note note{.time = incident.time, .kind = {}, .text = {}};
  copy_text(note.kind, printable(incident.kind, note.kind.size()));
  copy_text(note.text, printable(incident.text, note.text.size()));
  const auto count = get<std::uint64_t>(kIncidentsAt);
  put(kIncidentsAt + 8 + count % incidents_max * sizeof(Note), note);
  put(kIncidentsAt, count + 1);
}

std::vector<Incident> History::incidents() const {
  const auto count = get<std::uint64_t>(kIncidentsAt);
  std::vector<Incident> result;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, incidents_max); ++i) {
    const Note note = get<Note>(kIncidentsAt + 8 + (count - 1 - i) % incidents_max * sizeof(Note));
    result.push_back({note.time, text_of(note.kind), text_of(note.text)});
  }
  return result;
}

std::uint64_t History::noted(std::size_t slot) const {
  return slot < slots_max ? get<std::uint64_t>(kNotedAt + slot * 8) : 0;
}

void History::note(std::size_t slot, std::uint64_t value) {
  if (slot < slots_max) put(kNotedAt + slot * 8, value);
}

std::string history_json(std::span<const HistoryRow> rows, int resolution_seconds) {
  std::string out = "{\"schema\":1,\"resolution_s\":" + std::to_string(resolution_seconds) +
                    ",\"heat_bounds_s\":[";
  for (std::size_t i = 0; i < kHeatBounds.size(); ++i) {
    if (i > 0) out += ',';
    append_value(out, kHeatBounds[i]);
  }
  out += "],\"columns\":{";
  for (std::size_t column = 0; column < kColumns; ++column) {
    out.append(column > 0 ? "," : "").append("\"").append(kNames[column]).append("\":[");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i > 0) out += ',';
      append_value(out, rows[i].values[column]);
    }
    out += ']';
  }
  out += "},\"heat\":[";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += i > 0 ? ",[" : "[";
    for (std::size_t bucket = 0; bucket < kHeatRows; ++bucket) {
      if (bucket > 0) out += ',';
      out += std::to_string(rows[i].heat[bucket]);
    }
    out += ']';
  }
  return out + "]}";
}

}  // namespace paceline
