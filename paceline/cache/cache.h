// Reading through the cache: a value is found, or loaded once however many ask for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paceline/cache/cached.h"
#include "paceline/cache/l1.h"
#include "paceline/cache/versions.h"
#include "paceline/core.h"
#include "paceline/loop.h"

namespace paceline {

struct CacheOptions {
  L1Options l1 = {};
  std::uint32_t loads_max = 32;                      // running at once; one more is Code::exhausted
  Duration load_time_max = std::chrono::seconds(5);  // then the load is cancelled, its slot free
};

/// Plain numbers for whoever publishes metrics; those of the level are in L1Stats.
struct CacheStats {
  std::uint64_t loads = 0;      // started
  std::uint64_t joined = 0;     // waited for a load that another call had started
  std::uint64_t failed = 0;     // loads that ended in an error
  std::uint64_t exhausted = 0;  // calls refused because of loads_max
  std::uint64_t timeouts = 0;   // calls whose deadline passed first
};

/// What is wanted. Borrowed until the call's task ends.
struct CacheRead {
  std::string_view key;
  KeyHash hash;                   // versions().hash(key)
  std::span<const KeyHash> tags;  // a write to one of them makes the entry outdated, too
  Duration ttl{};                 // counted from before the read; guide: 1 h
  Deadline deadline;              // of this caller; the load has its own limit
};

/// One per worker; not thread-safe. Callers must be destroyed, or at least not resumed into code
/// that uses the cache, before it is; who still waits then gets Code::cancelled.
template <class V>
class Cache {
 public:
  /// Reads the source. Called once per load, right away; "there is no such row" is a value.
  using Loader = std::move_only_function<Task<Result<V>>()>;

  Cache(Loop& loop, Versions versions, CacheOptions options)
      : loop_(loop),
        versions_(versions),
        options_(options),
        l1_(versions, options.l1),
        stats_(std::make_shared<CacheStats>()),
        scope_(loop) {}
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache();

  /// The hit path: a plain call, no coroutine.
  Cached<V> find(std::string_view key, KeyHash hash) { return l1_.find(key, hash, loop_.now()); }

  /// For when find() found nothing: joins the running load of this key, or starts one. A load that
  /// began before the last write to its key or tags is not joined. The load is the cache's own:
  /// cancelling any caller, the first included, leaves it running. Errors are not stored; all who
  /// wait get them. A thrown exception becomes Code::internal.
  Task<Result<Cached<V>>> get(CacheRead read, Loader loader);

  /// For a read that needed no waiting, in place of get(): stores its value, if it is still
  /// current, and gives it back. `stamps` were captured before the read.
  Cached<V> keep(const CacheRead& read, const Stamps& stamps, V value) {
    const Time now = loop_.now();
    Cached<V> entry =
        Cached<V>::make(read.key, stamps, Flight::expiry(now, read.ttl), std::move(value));
    if (storable(*entry)) l1_.insert(entry, read.hash, now);
    return entry;
  }

  Versions& versions() { return versions_; }
  const L1Stats& l1_stats() const { return l1_.stats(); }
  const CacheStats& stats() const { return *stats_; }
  std::size_t loading() const { return scope_.size(); }

 private:
  struct Flight {
    Flight(Loop& loop, const CacheRead& read, const Stamps& at_start)
        : key(read.key), stamps(at_start), expires(expiry(loop.now(), read.ttl)), done(loop) {}
    static Time expiry(Time now, Duration ttl) {
      return ttl < Time::max() - now ? now + ttl : Time::max();
    }
    const std::string key;
    const Stamps stamps;
    const Time expires;
    std::optional<Result<Cached<V>>> result;
    Event done;
  };
  // Shared, because the load and each of its callers may end first, in any order.
  using FlightPtr = std::shared_ptr<Flight>;

  /// A value type may have `bool storable() const`; if not, who waits gets it and that is all.
  static bool storable(const V& value) {
    if constexpr (requires { value.storable(); }) {
      return value.storable();
    } else {
      return true;
    }
  }

  FlightPtr join(const CacheRead& read) const;
  Result<FlightPtr> start(const CacheRead& read, Loader loader);
  Task<void> run(FlightPtr flight, Loader loader);
  Task<Result<V>> load(Loader& loader);
  void finish(Flight& flight, Result<Cached<V>> result);

  Loop& loop_;
  Versions versions_;
  CacheOptions options_;
  L1<V> l1_;
  // Shared with callers whose deadline passes after the cache is gone.
  std::shared_ptr<CacheStats> stats_;
  std::vector<FlightPtr> flights_;  // at most loads_max, so a scan is enough
  Scope scope_;                     // last: its loads use everything above
};

template <class V>
Cache<V>::~Cache() {
  scope_.cancel();
  for (const FlightPtr& flight : std::exchange(flights_, {})) {
    flight->result = fail(Code::cancelled, "the cache was closed during the load");
    flight->done.set();
  }
}

template <class V>
Task<Result<Cached<V>>> Cache<V>::get(CacheRead read, Loader loader) {
  const std::shared_ptr<CacheStats> stats = stats_;
  if (read.deadline.passed(loop_.now())) {
    ++stats->timeouts;
    co_return fail(Code::timeout, "the deadline passed before a value was loaded");
  }
  FlightPtr flight = join(read);
  if (flight) {
    ++stats->joined;
  } else {
    PACELINE_CO_TRY_VALUE(flight, start(read, std::move(loader)));
  }
  // From here on only what this frame owns is touched: the cache may be gone.
  const bool in_time = co_await flight->done.wait(read.deadline);
  if (!in_time) {
    ++stats->timeouts;
    co_return fail(Code::timeout, "the deadline passed while a value was loaded");
  }
  co_return *flight->result;
}

template <class V>
typename Cache<V>::FlightPtr Cache<V>::join(const CacheRead& read) const {
  // A key has more than one flight only after a write; then the last one is the newest.
  for (auto at = flights_.rbegin(); at != flights_.rend(); ++at) {
    const Flight& flight = **at;
    if (flight.stamps.key == read.hash && flight.key == read.key) {
      return versions_.current(flight.stamps) ? *at : nullptr;
    }
  }
  return nullptr;
}

template <class V>
Result<typename Cache<V>::FlightPtr> Cache<V>::start(const CacheRead& read, Loader loader) {
  if (flights_.size() >= options_.loads_max) {
    ++stats_->exhausted;
    return fail(Code::exhausted,
                "too many values are being loaded (" + std::to_string(options_.loads_max) + ")");
  }
  ++stats_->loads;
  const Stamps stamps = versions_.capture(read.hash, read.tags);
  FlightPtr flight = std::make_shared<Flight>(loop_, read, stamps);
  flights_.push_back(flight);
  scope_.spawn(run(flight, std::move(loader)));
  return flight;
}

template <class V>
Task<void> Cache<V>::run(FlightPtr flight, Loader loader) {
  const Deadline deadline = Deadline::after(loop_.now(), options_.load_time_max);
  Result<V> loaded = co_await with_deadline(loop_, load(loader), deadline);
  if (!loaded) {
    ++stats_->failed;
    finish(*flight, std::unexpected(std::move(loaded).error()));
    co_return;
  }
  Cached<V> entry =
      Cached<V>::make(flight->key, flight->stamps, flight->expires, std::move(*loaded));
  if (storable(*entry)) l1_.insert(entry, flight->stamps.key, loop_.now());
  finish(*flight, std::move(entry));
}

// The root of what the loader does: a load belongs to no request that could answer 500 for it.
template <class V>
Task<Result<V>> Cache<V>::load(Loader& loader) {
  try {
    Task<Result<V>> work = loader();
    Result<V> loaded = co_await std::move(work);
    co_return loaded;
  } catch (const std::exception& thrown) {
    co_return fail(Code::internal, std::string("a loader threw: ") + thrown.what());
  } catch (...) {
    co_return fail(Code::internal, "a loader threw something that is no std::exception");
  }
}

template <class V>
void Cache<V>::finish(Flight& flight, Result<Cached<V>> result) {
  std::erase_if(flights_, [&](const FlightPtr& other) { return other.get() == &flight; });
  flight.result = std::move(result);
  flight.done.set();
}

}  // namespace paceline
