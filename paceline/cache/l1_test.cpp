#include "paceline/cache/l1.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <string>

#include "paceline/cache/testing.h"

namespace paceline {
namespace {

class L1Test : public testing::Test {
 protected:
  using Entry = Cached<std::string>;

  Entry make(std::string_view key, std::string value, Duration ttl = 1h,
             std::span<const KeyHash> tags = {}) {
    const Stamps stamps = versions_.capture(versions_.hash(key), tags);
    return Entry::make(key, stamps, now_ + ttl, std::move(value));
  }
  bool insert(L1<std::string>& l1, std::string_view key, std::string value, Duration ttl = 1h) {
    return l1.insert(make(key, std::move(value), ttl), versions_.hash(key), now_);
  }
  Entry find(L1<std::string>& l1, std::string_view key) {
    return l1.find(key, versions_.hash(key), now_);
  }

  VersionsInMemory memory_;
  Versions versions_ = memory_.create();
  Time now_{1h};
};

TEST_F(L1Test, WhatWasInsertedIsFoundWithItsKeyAndEnd) {
  L1<std::string> l1(versions_, {});
  ASSERT_TRUE(insert(l1, "data/42", "Ada"));
  const Entry entry = find(l1, "data/42");
  ASSERT_TRUE(entry);
  EXPECT_EQ(*entry, "Ada");
  EXPECT_EQ(entry.key(), "data/42");
  EXPECT_LE(entry.expires(), now_ + 1h);
  EXPECT_GT(entry.expires(), now_ + 1h - 2ms);
  EXPECT_FALSE(find(l1, "data/43"));
  EXPECT_EQ(l1.stats().hits, 1u);
  EXPECT_EQ(l1.stats().misses, 1u);
}

TEST_F(L1Test, TheLeastRecentlyUsedGoesFirst) {
  L1<std::string> l1(versions_, {.max = 3});
  for (std::string_view key : {"a", "b", "c"}) ASSERT_TRUE(insert(l1, key, "1"));
  EXPECT_TRUE(find(l1, "a"));
  ASSERT_TRUE(insert(l1, "d", "1"));
  EXPECT_FALSE(find(l1, "b"));
  for (std::string_view key : {"a", "c", "d"}) EXPECT_TRUE(find(l1, key)) << key;
  EXPECT_EQ(l1.stats().entries, 3u);
  EXPECT_EQ(l1.stats().evictions, 1u);
}

TEST_F(L1Test, BytesAreBounded) {
  L1<std::string> l1(versions_, {.max = 1000, .max_bytes = 10'000});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(insert(l1, std::to_string(i), std::string(900, 'x')));
    ASSERT_LE(l1.stats().bytes, 10'000u);
  }
  EXPECT_EQ(l1.stats().entries, 10u);
  EXPECT_FALSE(insert(l1, "large", std::string(10'000, 'x')));
  EXPECT_EQ(l1.stats().entries, 10u) << "what cannot fit evicts nobody";
  EXPECT_EQ(l1.stats().refused, 1u);
}

TEST_F(L1Test, OverheadIsWhatItSays) {
  L1<std::string> l1(versions_, {.max = 4});
  ASSERT_TRUE(insert(l1, "a key", std::string(100, 'x')));
  const std::uint64_t content = 5 + sizeof(std::string) + 101;
  EXPECT_LE(l1.stats().bytes - content, 48u);
}

TEST_F(L1Test, ZeroEntriesStoresNothing) {
  L1<std::string> l1(versions_, {.max = 0});
  EXPECT_FALSE(insert(l1, "a", "1"));
  EXPECT_FALSE(find(l1, "a"));
}

TEST_F(L1Test, AnEntryExpiresAtItsEndAndNotLater) {
  L1<std::string> l1(versions_, {});
  ASSERT_TRUE(insert(l1, "short", "1", 10ms));
  ASSERT_TRUE(insert(l1, "long", "1", 1h));
  ASSERT_TRUE(
      l1.insert(Entry::make("ever", versions_.capture(versions_.hash("ever")), Time::max(), "1"),
                versions_.hash("ever"), now_));
  EXPECT_FALSE(insert(l1, "none", "1", 0s));
  now_ += 8ms;
  EXPECT_TRUE(find(l1, "short"));
  now_ += 2ms;
  EXPECT_FALSE(find(l1, "short"));
  EXPECT_TRUE(find(l1, "long"));
  EXPECT_EQ(l1.stats().expired, 1u);
  now_ += 24h * 365 * 10;
  EXPECT_FALSE(find(l1, "long"));
  EXPECT_TRUE(find(l1, "ever"));
  EXPECT_EQ(l1.stats().entries, 1u);
}

TEST_F(L1Test, ARaisedVersionTagOrEpochEndsAnEntry) {
  L1<std::string> l1(versions_, {});
  const KeyHash tags[] = {versions_.hash("t1"), versions_.hash("t2"), versions_.hash("t3"),
                          versions_.hash("t4")};
  const KeyHash key = versions_.hash("k");
  for (KeyHash raised : {key, tags[0], tags[1], tags[2], tags[3]}) {
    ASSERT_TRUE(l1.insert(make("k", "1", 1h, tags), key, now_));
    ASSERT_TRUE(find(l1, "k"));
    EXPECT_EQ(find(l1, "k").key(), "k");
    versions_.raise(raised);
    EXPECT_FALSE(find(l1, "k"));
  }
  ASSERT_TRUE(insert(l1, "k", "1"));
  versions_.raise_epoch();
  EXPECT_FALSE(find(l1, "k"));
  EXPECT_EQ(l1.stats().outdated, 6u);
}

TEST_F(L1Test, AWriteDuringTheReadMakesTheEntryBornInvalid) {
  L1<std::string> l1(versions_, {});
  ASSERT_TRUE(insert(l1, "k", "current"));
  Entry old = make("k", "old");
  versions_.raise(versions_.hash("k"));
  ASSERT_TRUE(insert(l1, "k", "new"));
  EXPECT_FALSE(l1.insert(old, versions_.hash("k"), now_));
  EXPECT_EQ(*find(l1, "k"), "new");
  EXPECT_EQ(*old, "old") << "who waited for it still gets it";
}

TEST_F(L1Test, AValueOutlivesItsEvictionAndTheCache) {
  Entry held;
  {
    L1<std::string> l1(versions_, {.max = 1});
    ASSERT_TRUE(insert(l1, "a", std::string(100, 'a')));
    held = find(l1, "a");
    ASSERT_TRUE(insert(l1, "b", "b"));
    EXPECT_FALSE(find(l1, "a"));
  }
  const Entry copy = held;
  held = Entry();
  EXPECT_EQ(*copy, std::string(100, 'a'));
  EXPECT_EQ(copy.key(), "a");
}

TEST_F(L1Test, KeysThatAreTooLongAreNotStored) {
  L1<std::string> l1(versions_, {});
  const std::string longest(Entry::key_bytes_max, 'k');
  EXPECT_TRUE(insert(l1, longest, "1"));
  EXPECT_TRUE(find(l1, longest));
  EXPECT_FALSE(insert(l1, longest + "k", "1"));
  EXPECT_FALSE(insert(l1, "", "1"));
}

TEST_F(L1Test, KeysWithTheSameHashStayApart) {
  L1<std::string> l1(versions_, {});
  const KeyHash same = versions_.hash("x");
  for (std::string_view key : {"a", "b", "c"}) {
    ASSERT_TRUE(l1.insert(Entry::make(key, versions_.capture(same), now_ + 1h, std::string(key)),
                          same, now_));
  }
  for (std::string_view key : {"a", "b", "c"}) EXPECT_EQ(*l1.find(key, same, now_), key);
}

/// The slowest cache that is right: a list, newest first.
class Model {
 public:
  struct Entry {
    std::string key;
    std::string value;
    std::uint64_t expires;  // in the ticks of 2^20 ns that Cached keeps
    std::size_t bytes;
    bool outdated = false;
  };
  Model(std::size_t max, std::size_t max_bytes) : max_(max), max_bytes_(max_bytes) {}

  const Entry* find(const std::string& key, std::uint64_t now) {
    const auto at = std::ranges::find(entries_, key, &Entry::key);
    if (at == entries_.end()) return nullptr;
    if (at->outdated || at->expires <= now) {
      entries_.erase(at);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, at);
    return &entries_.front();
  }
  void insert(Entry entry, std::uint64_t now) {
    if (entry.bytes > max_bytes_ || entry.expires <= now) return;
    std::erase_if(entries_, [&](const Entry& old) { return old.key == entry.key; });
    while (entries_.size() >= max_ || bytes() + entry.bytes > max_bytes_) entries_.pop_back();
    entries_.push_front(std::move(entry));
  }
  /// Every key with this version slot: the seed is random, so keys may share one.
  void raise(std::uint32_t slot, const Versions& versions) {
    for (Entry& entry : entries_) {
      entry.outdated |= Versions::slot(versions.hash(entry.key)) == slot;
    }
  }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Entry& entry : entries_) sum += entry.bytes;
    return sum;
  }

 private:
  std::size_t max_;
  std::size_t max_bytes_;
  std::list<Entry> entries_;
};

TEST_F(L1Test, BehavesLikeTheModel) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const std::uint32_t max = 1 + static_cast<std::uint32_t>(random() % 40);
    const std::uint64_t max_bytes = 2000 + random() % 8000;
    L1<std::string> l1(versions_, {.max = max, .max_bytes = max_bytes});
    Model model(max, max_bytes);
    for (int step = 0; step < 3000; ++step) {
      const std::string key = "key" + std::to_string(random() % 60);
      const std::uint64_t ticks = static_cast<std::uint64_t>(now_.time_since_epoch().count()) >> 20;
      switch (random() % 8) {
        case 0:
          versions_.raise(versions_.hash(key));
          model.raise(Versions::slot(versions_.hash(key)), versions_);
          break;
        case 1:
          now_ += std::chrono::milliseconds(random() % 20);
          break;
        case 2:
        case 3:
        case 4: {
          const Duration ttl = std::chrono::milliseconds(random() % 300);
          const Entry entry = make(key, std::string(random() % 600, 'v'), ttl);
          const auto end =
              static_cast<std::uint64_t>((now_ + ttl).time_since_epoch().count()) >> 20;
          // 24 B node and 8 B head, which OverheadIsWhatItSays holds to their sum.
          model.insert({key, *entry, end, entry.bytes() + 32}, ticks);
          l1.insert(entry, versions_.hash(key), now_);
          break;
        }
        default: {
          const Entry found = find(l1, key);
          const Model::Entry* const expected = model.find(key, ticks);
          ASSERT_EQ(static_cast<bool>(found), expected != nullptr) << step;
          if (found) ASSERT_EQ(*found, expected->value);
        }
      }
      ASSERT_EQ(l1.stats().entries, model.size()) << step;
      ASSERT_EQ(l1.stats().bytes, model.bytes()) << step;
    }
  }
}

}  // namespace
}  // namespace paceline
