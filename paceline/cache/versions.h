// Coherence without messages: a table of counters in shared memory that whoever writes raises
// and whoever reads compares. Nothing is queued, so nothing can be lost or overflow.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// A key or a tag, hashed with the seed of the table. All processes of a host agree on it; who
/// does not know the seed cannot choose keys that collide.
struct KeyHash {
  std::uint64_t value = 0;
  bool operator==(const KeyHash&) const = default;
};

/// What held when a read began. Captured before the read, so that a write in between makes the
/// value invalid from birth.
struct Stamps {
  static constexpr std::size_t tags_max = 4;  // a resource has one or two
  struct Tag {
    std::uint32_t slot = 0;
    std::uint32_t version = 0;
  };

  KeyHash key;
  std::uint64_t epoch = 0;
  std::uint32_t version = 0;
  std::uint32_t tag_count = 0;
  std::array<Tag, tags_max> tags;
};

/// A view of the table; cheap to copy, valid while the bytes are mapped. Thread-safe.
///
/// The protocol: capture(), then read the source, then keep the value with its stamps and use it
/// while they are current. A writer commits, then raises its key and tags, then answers. A capture
/// that sees a raised version therefore reads what was committed, and once a write is
/// acknowledged no older value is current in any process. When a process dies that may have
/// committed without raising, the supervisor raises the epoch.
///
/// Two keys may share a slot; then a write to one also invalidates the other, which costs a load
/// and nothing else. With 100 writes/s and entries that live for a minute that is 2.3 % of them.
///
/// Versions wrap after 2^32 raises of one slot. An old value could pass as current only if
/// exactly a multiple of 2^32 raises fell between its capture and a look at it; within the default
/// ttl of an hour that takes 1.2 million commits a second to one slot, ten times what one SQLite
/// writer does. The epoch has 64 bits; an entry keeps 24 of them, which is 16 million deaths of
/// processes within its life.
class Versions {
 public:
  static constexpr std::size_t slots = std::size_t{1} << 18;  // 1 MiB

  /// The size of the part to reserve.
  static std::size_t bytes();
  /// Makes a table in zeroed bytes (aligned to 64) with a new random seed. For the owner of the
  /// region, before anybody attaches.
  static Result<Versions> create(std::span<std::byte> part);
  /// Code::corrupt if the bytes are too few or hold no table.
  static Result<Versions> attach(std::span<std::byte> part);

  KeyHash hash(std::string_view text) const;

  /// More than Stamps::tags_max tags is a bug.
  Stamps capture(KeyHash key, std::span<const KeyHash> tags = {}) const;
  bool current(const Stamps& stamps) const {
    if (stamps.epoch != epoch() || stamps.version != version(stamps.key)) return false;
    for (std::size_t i = 0; i < stamps.tag_count; ++i) {
      if (stamps.tags[i].version != version_at(stamps.tags[i].slot)) return false;
    }
    return true;
  }

  /// After COMMIT, before the answer.
  void raise(KeyHash key) { slots_[slot(key)].fetch_add(1, std::memory_order_acq_rel); }
  /// Makes every value of every process outdated.
  void raise_epoch() { epoch_->fetch_add(1, std::memory_order_acq_rel); }

  std::uint64_t epoch() const { return epoch_->load(std::memory_order_acquire); }
  std::uint32_t version(KeyHash key) const { return version_at(slot(key)); }
  std::uint32_t version_at(std::uint32_t slot) const {
    return slots_[slot % slots].load(std::memory_order_acquire);
  }
  static std::uint32_t slot(KeyHash key) { return static_cast<std::uint32_t>(key.value % slots); }

 private:
  struct Table;
  explicit Versions(Table& table);
  std::atomic<std::uint32_t>* slots_;
  std::atomic<std::uint64_t>* epoch_;
  std::uint64_t seed_;
};

}  // namespace paceline
