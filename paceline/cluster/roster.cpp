#include "paceline/cluster/roster.h"

#include <cstring>
#include <nlohmann/json.hpp>

namespace paceline {
namespace {

using Json = nlohmann::json;

// Words of the part: sequence (odd while it is written), length of the text, the text: JSON, so
// that programs built at different times understand what both know.
constexpr std::size_t kSequenceAt = 0;
constexpr std::size_t kLengthAt = 1;
constexpr std::size_t kTextAt = 8;
constexpr std::size_t kFactsBytes = std::size_t{64} << 10;
constexpr std::size_t kSlotBytes = 512;
constexpr std::size_t kExitMax = 160;
constexpr int kTries = 8;

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free);

std::int64_t nanoseconds(Time time) { return time.time_since_epoch().count(); }
Time time_of(std::int64_t ns) { return Time(Duration(ns)); }

Json slot_json(const RosterSlot& slot) {
  return {{"role", slot.role},
          {"slot", slot.slot},
          {"first", slot.seat_first},
          {"seat", slot.seat ? Json(*slot.seat) : Json(nullptr)},
          {"pid", slot.pid},
          {"state", static_cast<int>(slot.state)},
          {"restarts", slot.restarts},
          {"generation", slot.generation},
          {"since", nanoseconds(slot.since)},
          {"exit", printable(slot.last_exit, kExitMax)}};
}

std::string text_of(const Roster& roster, std::size_t slots, std::string_view facts) {
  Json list = Json::array();
  for (std::size_t i = 0; i < slots; ++i) list.push_back(slot_json(roster.slots[i]));
  const Json json = {{"phase", static_cast<int>(roster.phase)},
                     {"started", nanoseconds(roster.started)},
                     {"slots", std::move(list)},
                     {"facts", facts}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

RosterSlot slot_of(const Json& json) {
  RosterSlot slot;
  slot.role = json.value("role", std::string());
  slot.slot = json.value("slot", std::size_t{0});
  slot.seat_first = json.value("first", std::size_t{0});
  if (const auto seat = json.find("seat"); seat != json.end() && seat->is_number_unsigned()) {
    slot.seat = seat->get<std::size_t>();
  }
  slot.pid = json.value("pid", pid_t{0});
  slot.state = static_cast<SlotState>(json.value("state", 0));
  slot.restarts = json.value("restarts", std::uint64_t{0});
  slot.generation = json.value("generation", std::uint64_t{0});
  slot.since = time_of(json.value("since", std::int64_t{0}));
  slot.last_exit = json.value("exit", std::string());
  return slot;
}

std::optional<Roster> parse(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("slots") || !json["slots"].is_array()) return {};
  try {
    Roster roster;
    roster.phase = static_cast<ClusterPhase>(json.value("phase", 0));
    roster.started = time_of(json.value("started", std::int64_t{0}));
    for (const Json& slot : json["slots"]) roster.slots.push_back(slot_of(slot));
    roster.facts = json.value("facts", std::string());
    return roster;
  } catch (const Json::exception&) {  // a value of another type: not ours
    return {};
  }
}

}  // namespace

std::string_view to_string(ClusterPhase phase) {
  switch (phase) {
    case ClusterPhase::starting:
      return "starting";
    case ClusterPhase::running:
      return "running";
    case ClusterPhase::draining:
      return "draining";
  }
  return "unknown";
}

std::size_t roster_bytes(std::size_t slots) {
  return kTextAt * sizeof(Word) + kFactsBytes + slots * kSlotBytes;
}

RosterWriter::RosterWriter(std::span<std::byte> bytes)
    : words_(reinterpret_cast<Word*>(bytes.data()), bytes.size() / sizeof(Word)) {}

void RosterWriter::publish(const Roster& roster) {
  if (words_.size() <= kTextAt) return;
  if (put(text_of(roster, roster.slots.size(), roster.facts))) return;
  for (std::size_t slots = roster.slots.size(); !put(text_of(roster, slots, {})); --slots) {
    if (slots == 0) return;
  }
}

bool RosterWriter::put(const std::string& text) {
  if (text.size() > (words_.size() - kTextAt) * sizeof(Word)) return false;
  if (text == last_) return true;
  const std::uint64_t sequence = words_[kSequenceAt].load(std::memory_order_relaxed);
  words_[kSequenceAt].store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  words_[kLengthAt].store(text.size(), std::memory_order_relaxed);
  for (std::size_t at = 0; at < text.size(); at += sizeof(Word)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
    words_[kTextAt + at / sizeof(Word)].store(word, std::memory_order_relaxed);
  }
  words_[kSequenceAt].store(sequence + 2, std::memory_order_release);
  last_ = text;
  return true;
}

RosterReader::RosterReader(std::span<const std::byte> bytes)
    : words_(reinterpret_cast<const Word*>(bytes.data()), bytes.size() / sizeof(Word)) {}

const Roster* RosterReader::read() {
  if (words_.size() <= kTextAt) return nullptr;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = words_[kSequenceAt].load(std::memory_order_acquire);
    if (before == sequence_) break;  // as before, or nothing yet
    if (before % 2 != 0) continue;
    const std::uint64_t length = words_[kLengthAt].load(std::memory_order_relaxed);
    if (length > (words_.size() - kTextAt) * sizeof(Word)) continue;
    std::string text(length, '\0');
    for (std::size_t at = 0; at < length; at += sizeof(Word)) {
      const std::uint64_t word =
          words_[kTextAt + at / sizeof(Word)].load(std::memory_order_relaxed);
      std::memcpy(text.data() + at, &word, std::min(sizeof word, length - at));
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (words_[kSequenceAt].load(std::memory_order_relaxed) != before) continue;
    std::optional<Roster> roster = parse(text);
    if (!roster) break;
    roster_ = std::move(roster);
    sequence_ = before;
    break;
  }
  return roster_ ? &*roster_ : nullptr;
}

}  // namespace paceline
