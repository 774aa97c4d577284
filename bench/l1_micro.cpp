// What the worker's own cache level costs: a hit (string key, hash, ttl and version check), a hit
// with a tag, an insert that evicts, and the whole overhead per entry as the allocator sees it.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "paceline/cache.h"
#include "paceline/metrics.h"

namespace paceline {
namespace {

struct Value {
  std::uint64_t a = 1;
  std::uint64_t b = 2;
};

struct Fixture {
  explicit Fixture(std::uint32_t entries)
      : part(static_cast<std::byte*>(::operator new(Versions::bytes(), std::align_val_t{64}))),
        versions(*Versions::create({part, Versions::bytes()})),
        l1(versions, {.max = entries}) {}
  ~Fixture() { ::operator delete(part, std::align_val_t{64}); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  static std::vector<std::string> keys(std::size_t count) {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back("/data/" + std::to_string(100'000 + i));
    return made;
  }
  void insert(const std::string& key, std::span<const KeyHash> tags = {}) {
    const KeyHash hash = versions.hash(key);
    const Stamps stamps = versions.capture(hash, tags);
    l1.insert(Cached<Value>::make(key, stamps, now + 1h, Value{}), hash, now);
  }

  std::byte* part;
  Versions versions;
  L1<Value> l1;
  Time now{1h};
};

/// Keys in random order, half of all look-ups in a tenth of the keys.
std::vector<std::string> sequence(std::size_t entries) {
  const std::vector<std::string> keys = Fixture::keys(entries);
  std::mt19937_64 random(1);
  std::vector<std::string> order;
  for (int i = 0; i < 4096; ++i) {
    order.push_back(keys[random() % (i % 2 == 0 ? entries : entries / 10)]);
  }
  return order;
}

void hit(benchmark::State& state, std::size_t tag_count) {
  const auto entries = static_cast<std::size_t>(state.range(0));
  Fixture fixture(static_cast<std::uint32_t>(entries));
  const KeyHash tags[] = {fixture.versions.hash("data-list")};
  for (const std::string& key : Fixture::keys(entries)) {
    fixture.insert(key, std::span(tags).first(tag_count));
  }
  const std::vector<std::string> order = sequence(entries);
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string& key = order[i++ % order.size()];
    const Cached<Value> found = fixture.l1.find(key, fixture.versions.hash(key), fixture.now);
    benchmark::DoNotOptimize(found->a);
  }
  state.counters["hit_ratio"] =
      static_cast<double>(fixture.l1.stats().hits) / static_cast<double>(state.iterations());
}

void l1_get_hit(benchmark::State& state) { hit(state, 0); }
BENCHMARK(l1_get_hit)->Arg(500)->Arg(100'000);

void l1_get_hit_with_tag(benchmark::State& state) { hit(state, 1); }
BENCHMARK(l1_get_hit_with_tag)->Arg(500);

void l1_insert_and_evict(benchmark::State& state) {
  const auto entries = static_cast<std::size_t>(state.range(0));
  Fixture fixture(static_cast<std::uint32_t>(entries));
  const std::vector<std::string> keys = Fixture::keys(entries * 2);
  for (const std::string& key : keys) fixture.insert(key);
  std::size_t i = 0;
  for (auto _ : state) fixture.insert(keys[i++ % keys.size()]);
  state.counters["evictions"] = benchmark::Counter(
      static_cast<double>(fixture.l1.stats().evictions), benchmark::Counter::kAvgIterations);
}
BENCHMARK(l1_insert_and_evict)->Arg(500)->Arg(100'000);

// Not a time: bytes per entry beside key and value, the allocator's own included.
void l1_overhead_per_entry(benchmark::State& state) {
  constexpr std::size_t entries = 100'000;
  const std::vector<std::string> keys = Fixture::keys(entries);
  std::size_t content = 0;
  for (const std::string& key : keys) content += key.size() + sizeof(Value);
  double overhead = 0;
  for (auto _ : state) {
    const struct mallinfo2 before = mallinfo2();
    Fixture fixture(entries);
    for (const std::string& key : keys) fixture.insert(key);
    const struct mallinfo2 after = mallinfo2();
    const std::size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    overhead = static_cast<double>(taken - Versions::bytes() - content) / entries;
  }
  state.counters["bytes"] = overhead;
}
BENCHMARK(l1_overhead_per_entry)->Iterations(1);

void metrics_histogram_record(benchmark::State& state) {
  std::vector<std::byte> bytes(metrics_block_bytes());
  Histogram histogram = MetricsBlock::create(bytes)->histogram(
      {.name = "duration_seconds", .kind = MetricKind::histogram});
  std::int64_t ns = 12'345;
  for (auto _ : state) {
    histogram.record(Duration(ns));
    ns = (ns * 5) & 0xffffff;
  }
}
BENCHMARK(metrics_histogram_record);

}  // namespace
}  // namespace paceline
