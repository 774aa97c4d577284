// The worker's own cache level: bounded by entries and bytes, least recently used goes first.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/cache/cached.h"
#include "paceline/cache/versions.h"
#include "paceline/core.h"

namespace paceline {

struct L1Options {
  std::uint32_t max = 500;  // entries; guide: max 500. 0: nothing is stored
  std::uint64_t max_bytes = std::uint64_t{64} << 20;  // keys, values and overhead together
};

/// Plain numbers for whoever publishes metrics.
struct L1Stats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;    // everything that was no hit, also the next two
  std::uint64_t expired = 0;   // found, but past its ttl
  std::uint64_t outdated = 0;  // found, but a version or the epoch was raised since its read
  std::uint64_t inserts = 0;
  std::uint64_t refused = 0;    // too large, or outdated or expired before they were stored
  std::uint64_t evictions = 0;  // made room for others
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

/// Not thread-safe: one per worker.
///
/// Overhead per entry, beside sizeof(V), what V owns and the key's bytes: 24 B node, 16 B in the
/// allocation (end, epoch, version, holders), 4 to 8 B hash head when full: at most 48 B. Each tag
/// is 8 B more, and the allocator has a header of its own (8 B in glibc) and rounds to 16.
template <class V>
class L1 {
 public:
  L1(Versions versions, L1Options options)
      : versions_(versions),
        options_(options),
        heads_(std::bit_ceil(std::max<std::size_t>(options.max, 1))),
        nodes_(std::make_unique_for_overwrite<Node[]>(std::size_t{options.max} + 1)) {
    check(options.max < UINT32_MAX, "cache.l1.max is below 2^32");
  }
  L1(const L1&) = delete;
  L1& operator=(const L1&) = delete;

  /// The entry, if it is there, not expired, and no version was raised since its read. A hit
  /// makes it the most recently used. `hash` is versions.hash(key).
  Cached<V> find(std::string_view key, KeyHash hash, Time now) {
    const std::uint32_t at = lookup(key, hash);
    if (at == none) return miss();
    const Cached<V>& entry = nodes_[at].entry;
    if (entry.expired(now)) return drop(at, stats_.expired);
    if (!entry.current(versions_, hash)) return drop(at, stats_.outdated);
    if (entry.crowded()) [[unlikely]]
      return miss();
    if (nodes_[lru].older != at) {
      unlink(at);
      link_newest(at);
    }
    ++stats_.hits;
    return entry;
  }

  /// Stores what was loaded, in place of an entry of the same key, and evicts until the limits
  /// hold. False when it was not stored: outdated by now, expired, or larger than the limits.
  bool insert(Cached<V> entry, KeyHash hash, Time now) {
    const std::size_t bytes = bytes_of(entry);
    if (entry.key().empty() || options_.max == 0 || bytes > options_.max_bytes ||
        entry.expired(now) || !entry.current(versions_, hash)) {
      ++stats_.refused;
      return false;
    }
    if (const std::uint32_t old = lookup(entry.key(), hash); old != none) remove(old);
    while (stats_.entries >= options_.max || stats_.bytes + bytes > options_.max_bytes) {
      remove(nodes_[lru].newer);
      ++stats_.evictions;
    }
    const std::uint32_t at = take_node();
    Node& node = nodes_[at];
    node.hash = static_cast<std::uint32_t>(hash.value >> 32);
    node.entry = std::move(entry);
    std::uint32_t& head = head_of(node.hash);
    node.chain = std::exchange(head, at);
    link_newest(at);
    ++stats_.inserts;
    ++stats_.entries;
    stats_.bytes += bytes;
    return true;
  }

  const L1Stats& stats() const { return stats_; }
  const L1Options& options() const { return options_; }

 private:
  // Nodes are numbered, which halves their links. Number 0 is the ring of use itself: its `older`
  // is the most, its `newer` the least recently used entry.
  struct Node {
    std::uint32_t newer = 0;
    std::uint32_t older = 0;
    std::uint32_t chain = 0;  // next node with the same head, or next free node
    std::uint32_t hash = 0;   // the upper half; the lower one chooses the version slot
    Cached<V> entry;
  };
  static constexpr std::uint32_t lru = 0;
  static constexpr std::uint32_t none = 0;

  static std::size_t bytes_of(const Cached<V>& entry) {
    return entry.bytes() + sizeof(Node) + 2 * sizeof(std::uint32_t);
  }
  std::uint32_t& head_of(std::uint32_t hash) { return heads_[hash & (heads_.size() - 1)]; }

  std::uint32_t lookup(std::string_view key, KeyHash hash) {
    const std::uint32_t upper = static_cast<std::uint32_t>(hash.value >> 32);
    std::uint32_t at = head_of(upper);
    while (at != none && (nodes_[at].hash != upper || nodes_[at].entry.key() != key)) {
      at = nodes_[at].chain;
    }
    return at;
  }

  Cached<V> miss() {
    ++stats_.misses;
    return {};
  }
  Cached<V> drop(std::uint32_t at, std::uint64_t& reason) {
    ++reason;
    remove(at);
    return miss();
  }

  void unlink(std::uint32_t at) {
    const Node& node = nodes_[at];
    nodes_[node.newer].older = node.older;
    nodes_[node.older].newer = node.newer;
  }
  void link_newest(std::uint32_t at) {
    Node& ring = nodes_[lru];
    nodes_[at].newer = lru;
    nodes_[at].older = ring.older;
    nodes_[ring.older].newer = at;
    ring.older = at;
  }

  void remove(std::uint32_t at) {
    Node& node = nodes_[at];
    std::uint32_t* link = &head_of(node.hash);
    while (*link != at) link = &nodes_[*link].chain;
    *link = node.chain;
    unlink(at);
    stats_.bytes -= bytes_of(node.entry);
    --stats_.entries;
    node.entry = {};
    node.chain = std::exchange(free_, at);
  }

  std::uint32_t take_node() {
    if (free_ == none) return ++used_;
    return std::exchange(free_, nodes_[free_].chain);
  }

  Versions versions_;
  L1Options options_;
  L1Stats stats_;
  std::vector<std::uint32_t> heads_;
  std::unique_ptr<Node[]> nodes_;
  std::uint32_t free_ = none;
  std::uint32_t used_ = 0;
};

}  // namespace paceline
