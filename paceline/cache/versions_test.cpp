#include "paceline/cache/versions.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "paceline/cache/testing.h"

namespace paceline {
namespace {

TEST(Versions, ARaisedKeyMakesItsStampsOutdated) {
  const VersionsInMemory memory;
  Versions versions = memory.create();
  const KeyHash key = versions.hash("data/42");
  const KeyHash other{key.value + 1};  // its neighbour in the table, whatever the seed is
  const Stamps before = versions.capture(key);
  const Stamps untouched = versions.capture(other);
  EXPECT_TRUE(versions.current(before));
  versions.raise(key);
  EXPECT_FALSE(versions.current(before));
  EXPECT_TRUE(versions.current(untouched));
  EXPECT_TRUE(versions.current(versions.capture(key)));
}

TEST(Versions, ARaisedTagOrEpochMakesStampsOutdated) {
  const VersionsInMemory memory;
  Versions versions = memory.create();
  const KeyHash key = versions.hash("data?limit=10");
  const KeyHash tags[] = {versions.hash("data-list"), versions.hash("other")};
  const Stamps first = versions.capture(key, tags);
  versions.raise(tags[1]);
  EXPECT_FALSE(versions.current(first));
  const Stamps second = versions.capture(key, tags);
  EXPECT_TRUE(versions.current(second));
  versions.raise_epoch();
  EXPECT_FALSE(versions.current(second));
}

TEST(Versions, WhoAttachesAgreesOnHashesAndVersions) {
  const SharedRegion::Part part{.name = "versions", .bytes = Versions::bytes()};
  Result<SharedRegion> region = SharedRegion::create("cache", std::span(&part, 1));
  ASSERT_TRUE(region);
  EXPECT_EQ(Versions::attach(region->part("versions")).error().code, Code::corrupt);
  Result<Versions> owner = Versions::create(region->part("versions"));
  ASSERT_TRUE(owner);
  Result<Versions> worker = Versions::attach(region->part("versions"));
  ASSERT_TRUE(worker);
  const KeyHash key = owner->hash("data/42");
  EXPECT_EQ(worker->hash("data/42"), key);
  const Stamps stamps = worker->capture(key);
  owner->raise(key);
  EXPECT_FALSE(worker->current(stamps));
}

TEST(Versions, TwoTablesHaveDifferentSeeds) {
  const VersionsInMemory first;
  const VersionsInMemory second;
  EXPECT_NE(first.create().hash("data/42"), second.create().hash("data/42"));
}

TEST(Versions, TooFewBytesAreRefused) {
  const VersionsInMemory memory;
  const std::span<std::byte> part = memory.part();
  EXPECT_EQ(Versions::create(part.first(part.size() - 1)).error().code, Code::invalid);
  EXPECT_EQ(Versions::create(part.subspan(8)).error().code, Code::invalid);
  EXPECT_EQ(Versions::attach({}).error().code, Code::corrupt);
}

// The protocol itself. `source` is the database; readers keep what they read only with stamps
// from before the read. Nobody may serve less than what was acknowledged when he began.
TEST(VersionsThreads, NoCurrentValueIsOlderThanAnAcknowledgedWrite) {
  const VersionsInMemory memory;
  Versions versions = memory.create();
  const KeyHash key = versions.hash("row");
  std::atomic<std::uint64_t> source = 0;
  std::atomic<std::uint64_t> acknowledged = 0;
  std::atomic<bool> stop = false;
  std::atomic<int> violations = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      const Versions mine = *Versions::attach(memory.part());
      Stamps stamps = mine.capture(key);
      std::uint64_t kept = source.load(std::memory_order_relaxed);
      while (!stop) {
        const std::uint64_t least = acknowledged.load(std::memory_order_acquire);
        if (!mine.current(stamps)) {
          stamps = mine.capture(key);
          kept = source.load(std::memory_order_relaxed);
        }
        if (kept < least) ++violations;
      }
    });
  }
  for (std::uint64_t n = 1; n <= 30'000; ++n) {
    source.store(n, std::memory_order_relaxed);  // COMMIT
    if (n % 100 == 0) {
      versions.raise_epoch();
    } else {
      versions.raise(key);
    }
    acknowledged.store(n, std::memory_order_release);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(violations, 0);
}

TEST(VersionsThreads, RaisesOfManyProcessesAreAllCounted) {
  const VersionsInMemory memory;
  const Versions versions = memory.create();
  const KeyHash key = versions.hash("row");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Versions mine = *Versions::attach(memory.part());
      for (int n = 0; n < 5'000; ++n) mine.raise(key);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(versions.version(key), 20'000u);
}

}  // namespace
}  // namespace paceline
