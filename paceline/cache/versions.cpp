#include "paceline/cache/versions.h"

#include <sys/random.h>

#include <bit>
#include <string>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace paceline {

// Every hit of every process reads the epoch, every write of every process raises a slot: they do
// not share a cache line.
struct Versions::Table {
  alignas(64) std::atomic<std::uint64_t> seed;  // never 0 once the table is made
  alignas(64) std::atomic<std::uint64_t> epoch;
  alignas(64) std::array<std::atomic<std::uint32_t>, slots> versions;
};

namespace {

template <class Table>
Table* table_in(std::span<std::byte> part) {
  const bool fits = part.size() >= sizeof(Table) &&
                    std::bit_cast<std::uintptr_t>(part.data()) % alignof(Table) == 0;
  return fits ? reinterpret_cast<Table*>(part.data()) : nullptr;
}

}  // namespace

static_assert(std::atomic<std::uint32_t>::is_always_lock_free &&
              std::atomic<std::uint64_t>::is_always_lock_free);

std::size_t Versions::bytes() { return sizeof(Table); }

Versions::Versions(Table& table)
    : slots_(table.versions.data()),
      epoch_(&table.epoch),
      seed_(table.seed.load(std::memory_order_acquire)) {}

Result<Versions> Versions::create(std::span<std::byte> part) {
  Table* const table = table_in<Table>(part);
  if (!table) {
    return fail(Code::invalid,
                "a table of versions needs " + std::to_string(bytes()) + " bytes, aligned to 64");
  }
  std::uint64_t seed = 0;
  while (seed == 0) {
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) return fail_errno("getrandom");
  }
  table->seed.store(seed, std::memory_order_release);
  return Versions(*table);
}

Result<Versions> Versions::attach(std::span<std::byte> part) {
  Table* const table = table_in<Table>(part);
  if (!table || table->seed.load(std::memory_order_acquire) == 0) {
    return fail(Code::corrupt, "no table of versions here");
  }
  return Versions(*table);
}

KeyHash Versions::hash(std::string_view text) const {
  return {XXH3_64bits_withSeed(text.data(), text.size(), seed_)};
}

Stamps Versions::capture(KeyHash key, std::span<const KeyHash> tags) const {
  check(tags.size() <= Stamps::tags_max, "an entry has at most 4 tags");
  Stamps stamps;
  stamps.key = key;
  stamps.epoch = epoch();
  stamps.version = version(key);
  stamps.tag_count = static_cast<std::uint32_t>(tags.size());
  for (std::size_t i = 0; i < tags.size(); ++i) {
    stamps.tags[i] = {slot(tags[i]), version(tags[i])};
  }
  return stamps;
}

}  // namespace paceline
