// The availability ledger: what failed and when nobody served, for one SLO period, in a mapped
// file. The page cache keeps it through kill -9 of every process; only a power cut may cost the
// last seconds. Two rings of slots: fine ones (10 s of 30 days) for burn rates, coarse ones (1 h)
// for the whole period.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "paceline/core.h"
#include "paceline/goals/burn.h"

namespace paceline {

using WallTime = std::chrono::system_clock::time_point;

/// Planned: an orderly stop or drain; its time counts neither as good nor as bad. Starting: no
/// worker is ready yet; down after a crash, planned after an orderly stop.
enum class ServiceState : std::uint8_t { serving, down, planned, starting };

/// From a start of the supervisor to its end.
struct LedgerRun {
  std::uint64_t id = 0;  // the same whenever it is read; another one for every start
  WallTime began;
};

/// One reading of the cluster. The counters began at 0 when the run began, and never go back
/// within a run.
struct LedgerReading {
  WallTime now;
  std::uint64_t run = 0;  // LedgerRun::id
  std::uint64_t total = 0;
  std::uint64_t failed = 0;
  ServiceState state = ServiceState::serving;
};

/// The whole period. Time that nobody observed, before the first start for one, counts as good.
struct Availability {
  double ratio = 1;  // 1 - used / period
  std::uint64_t total = 0;
  std::uint64_t failed = 0;
  Duration down = {};
  Duration observed = {};
  Duration used = {};      // down, and the failed share of the rest
  Duration budget = {};    // (1 - target) * period: 43 minutes of 30 days at 99.9 %
  double budget_left = 1;  // share of the budget; negative when more than all is used
};

/// Not thread-safe; one writer a file, which the instance's lock ensures.
class Ledger {
 public:
  static constexpr std::size_t fine_slots = 25'920;  // period / 10: the longest burn window
  static constexpr std::size_t coarse_slots = 720;

  /// Opens or creates the file. One that is damaged, foreign, or of another period is moved aside
  /// to `path`.N, which notice() tells. A gap since the last reading is downtime, unless the last
  /// run ended in a planned stop, or `run` is the one that wrote it: then the writer was away,
  /// not the service. Code::io when the file cannot be had.
  static Result<Ledger> open(const std::string& path, const Slo& slo, WallTime now,
                             const LedgerRun& run);
  /// The same in memory alone, for when there is no file to be had. Never fails but for memory.
  static Result<Ledger> in_memory(const Slo& slo, WallTime now);

  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&& other) noexcept;
  ~Ledger();

  void record(const LedgerReading& reading);
  /// The service stops in order: the gap until the next start is planned.
  void stop_planned(WallTime now);

  /// At most period / 10 is in fine slots, the rest in coarse ones.
  WindowShare share(WallTime now, Duration window) const;
  Availability availability(WallTime now) const;
  Burn burn(const BurnRule& rule, WallTime now) const;
  const Slo& slo() const { return slo_; }
  /// What a person should know about the opening; empty: nothing.
  const std::string& notice() const { return notice_; }

 private:
  struct Header;
  struct Slot;
  Ledger(std::byte* base, const Slo& slo);
  static std::size_t file_bytes();
  static Duration fine_width(const Slo& slo);
  bool sound(const Slo& slo) const;
  void format(WallTime now);
  Header& header() const;
  std::span<Slot> slots(std::size_t first, std::size_t count) const;
  std::span<Slot> fine() const;
  std::span<Slot> coarse() const;
  void add_time(std::span<Slot> ring, Duration width, WallTime from, WallTime to,
                ServiceState state);
  void pass(WallTime now, ServiceState state);
  WindowShare sum(std::span<const Slot> ring, Duration width, WallTime now, Duration window) const;

  std::byte* base_ = nullptr;
  Slo slo_;
  std::string notice_;
};

}  // namespace paceline
