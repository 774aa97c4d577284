// A value that was loaded, with its key, its stamps and its end, in one allocation that is
// counted by its holders. It outlives its eviction, and the cache, as long as somebody holds it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "paceline/cache/versions.h"
#include "paceline/core.h"

namespace paceline {

/// What a value occupies outside itself, for `max_bytes`. A value type tells by a member
/// `std::size_t heap_bytes() const`; it must answer the same as long as the value lives.
template <class V>
std::size_t heap_bytes_of(const V& value) {
  if constexpr (std::is_same_v<V, std::string>) {
    return value.capacity() >= sizeof(std::string) / 2 ? value.capacity() + 1 : 0;
  } else if constexpr (requires { value.heap_bytes(); }) {
    return value.heap_bytes();
  } else {
    static_assert(std::is_trivially_destructible_v<V>, "the value type needs heap_bytes()");
    return 0;
  }
}

/// A handle: empty, or holds a value. Copying counts, without atomics: one thread only. The value
/// cannot change.
template <class V>
class [[nodiscard]] Cached {
 public:
  /// Longer keys (and empty ones) can be loaded, but no level stores them.
  static constexpr std::size_t key_bytes_max = 4095;
  /// Holders of one value; more than a worker has connections.
  static constexpr std::uint32_t holders_max = (1U << 17) - 1;

  Cached() = default;
  Cached(const Cached& other) : item_(other.item_) {
    if (!item_) return;
    check(!crowded(), "too many holders of one cached value");
    ++item_->holders;
  }
  Cached(Cached&& other) noexcept : item_(std::exchange(other.item_, nullptr)) {}
  Cached& operator=(Cached other) noexcept {
    std::swap(item_, other.item_);
    return *this;
  }
  ~Cached() {
    if (item_ && --item_->holders == 0) destroy(item_);
  }

  /// `stamps` were captured before the read that brought `value`. Expires up to 1 ms early, never
  /// late.
  static Cached make(std::string_view key, const Stamps& stamps, Time expires, V value);

  /// The handle as one pointer, for an owner that keeps no types; drop() is its destructor.
  void* detach() { return std::exchange(item_, nullptr); }
  static void drop(void* detached) { const Cached gone(static_cast<Item*>(detached)); }

  explicit operator bool() const { return item_ != nullptr; }
  const V& operator*() const { return item_->value; }
  const V* operator->() const { return &item_->value; }
  /// Empty if it was longer than key_bytes_max.
  std::string_view key() const { return {key_data(), item_->key_bytes}; }
  Time expires() const { return Time(Duration(static_cast<std::int64_t>(item_->expires << 20))); }
  bool expired(Time now) const { return item_->expires <= ticks(now); }
  /// `hash` is the key's. A value that is not current may be older than an acknowledged write.
  bool current(const Versions& versions, KeyHash hash) const {
    if (item_->epoch != (versions.epoch() & epoch_mask)) return false;
    if (item_->version != versions.version(hash)) return false;
    for (std::uint32_t i = 0; i < item_->tag_count; ++i) {
      const Stamps::Tag tag = tag_at(i);
      if (tag.version != versions.version_at(tag.slot)) return false;
    }
    return true;
  }
  bool crowded() const { return item_->holders == holders_max; }
  /// The allocation and what the value occupies outside it.
  std::size_t bytes() const { return allocated(*item_) + heap_bytes_of(item_->value); }

 private:
  // 16 bytes, then the value, then tag_count tags, then the key.
  struct Item {
    std::uint64_t expires : 40;  // in 2^20 ns of the monotonic clock: 36 years
    std::uint64_t epoch : 24;
    std::uint32_t version;
    std::uint32_t holders : 17;
    std::uint32_t key_bytes : 12;
    std::uint32_t tag_count : 3;
    V value;
  };
  static_assert(alignof(Item) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  static constexpr std::uint64_t epoch_mask = (1U << 24) - 1;
  static constexpr std::uint64_t ticks_max = (std::uint64_t{1} << 40) - 1;

  explicit Cached(Item* item) : item_(item) {}

  static std::uint64_t ticks(Time time) {
    const std::int64_t ns = time.time_since_epoch().count();
    return std::min(ticks_max, static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)) >> 20);
  }
  static std::size_t allocated(const Item& item) {
    return sizeof(Item) + item.tag_count * sizeof(Stamps::Tag) + item.key_bytes;
  }
  const char* tags() const { return reinterpret_cast<const char*>(item_) + sizeof(Item); }
  const char* key_data() const { return tags() + item_->tag_count * sizeof(Stamps::Tag); }
  Stamps::Tag tag_at(std::uint32_t i) const {
    Stamps::Tag tag;
    std::memcpy(&tag, tags() + i * sizeof tag, sizeof tag);
    return tag;
  }
  static void destroy(Item* item) {
    item->~Item();
    ::operator delete(item);
  }

  Item* item_ = nullptr;
};

template <class V>
Cached<V> Cached<V>::make(std::string_view key, const Stamps& stamps, Time expires, V value) {
  if (key.size() > key_bytes_max) key = {};
  const std::size_t tag_bytes = stamps.tag_count * sizeof(Stamps::Tag);
  void* const memory = ::operator new(sizeof(Item) + tag_bytes + key.size());
  Item* const item = new (memory) Item{.expires = ticks(expires),
                                       .epoch = stamps.epoch & epoch_mask,
                                       .version = stamps.version,
                                       .holders = 1,
                                       .key_bytes = static_cast<std::uint32_t>(key.size()) & 0xfff,
                                       .tag_count = stamps.tag_count & 7,
                                       .value = std::move(value)};
  char* const tail = static_cast<char*>(memory) + sizeof(Item);
  std::memcpy(tail, stamps.tags.data(), tag_bytes);
  key.copy(tail + tag_bytes, key.size());
  return Cached(item);
}

}  // namespace paceline
