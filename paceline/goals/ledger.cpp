#include "paceline/goals/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace paceline {
namespace {

constexpr std::uint64_t kMagic = 0x3152474C50434150;  // "PACPLGR1"
constexpr std::uint64_t kEmpty = 0;                   // no slot has this number: 1970 is over

std::int64_t nanoseconds(WallTime time) {
  return std::chrono::duration_cast<Duration>(time.time_since_epoch()).count();
}

/// Stores stay in their order, so that a kill between two of them leaves a sound slot.
void store(std::uint64_t& cell, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(cell).store(value, std::memory_order_release);
}

std::uint64_t number_at(std::int64_t ns, Duration width) {
  return ns <= 0 ? 0 : static_cast<std::uint64_t>(ns / width.count());
}

Duration coarse_width(const Slo& slo) {
  return slo.period / static_cast<std::int64_t>(Ledger::coarse_slots);
}

/// Moves the file to the first free name path.1, path.2, …
Result<std::string> move_aside(const std::string& path) {
  for (int i = 1; i < 1000; ++i) {
    std::string aside = path + "." + std::to_string(i);
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) == 0) {
      return aside;
    }
    if (errno != EEXIST) return fail_errno("move " + path + " to " + aside);
  }
  return fail(Code::exhausted, "there are too many " + path + ".N already");
}

}  // namespace

struct Ledger::Header {
  std::uint64_t magic;
  std::uint64_t period_ns;
  std::uint64_t fine_count;
  std::uint64_t coarse_count;
  // Of the last reading.
  std::uint64_t seen_ns;
  std::uint64_t run;
  std::uint64_t total;
  std::uint64_t failed;
  std::uint64_t planned;  // 1: an orderly stop was the last thing that happened
  std::uint64_t unused[7];
};

struct Ledger::Slot {
  std::uint64_t number;  // wall time / width; kEmpty: nothing yet
  std::uint64_t total;
  std::uint64_t failed;  // at most total
  std::uint64_t observed_ns;
  std::uint64_t down_ns;  // at most observed_ns
};

Ledger::Ledger(std::byte* base, const Slo& slo) : base_(base), slo_(slo) {}

Ledger::Ledger(Ledger&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      slo_(other.slo_),
      notice_(std::move(other.notice_)) {}

Ledger& Ledger::operator=(Ledger&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(slo_, other.slo_);
  std::swap(notice_, other.notice_);
  return *this;
}

Ledger::~Ledger() {
  if (base_ != nullptr) ::munmap(base_, file_bytes());
}

std::size_t Ledger::file_bytes() {
  return sizeof(Header) + (fine_slots + coarse_slots) * sizeof(Slot);
}

Duration Ledger::fine_width(const Slo& slo) {
  return slo.period / 10 / static_cast<std::int64_t>(fine_slots);
}

Ledger::Header& Ledger::header() const { return *reinterpret_cast<Header*>(base_); }

std::span<Ledger::Slot> Ledger::slots(std::size_t first, std::size_t count) const {
  return {reinterpret_cast<Slot*>(base_ + sizeof(Header)) + first, count};
}

std::span<Ledger::Slot> Ledger::fine() const { return slots(0, fine_slots); }
std::span<Ledger::Slot> Ledger::coarse() const { return slots(fine_slots, coarse_slots); }

bool Ledger::sound(const Slo& slo) const {
  const Header& head = header();
  if (head.magic != kMagic || head.fine_count != fine_slots || head.coarse_count != coarse_slots) {
    return false;
  }
  if (head.failed > head.total || head.planned > 1) return false;
  if (head.period_ns != static_cast<std::uint64_t>(slo.period.count())) return false;
  return std::ranges::all_of(slots(0, fine_slots + coarse_slots), [&](const Slot& slot) {
    return slot.failed <= slot.total && slot.down_ns <= slot.observed_ns &&
           slot.observed_ns <= head.period_ns;
  });
}

void Ledger::format(WallTime now) {
  std::memset(base_, 0, file_bytes());
  Header& head = header();
  head.period_ns = static_cast<std::uint64_t>(slo_.period.count());
  head.fine_count = fine_slots;
  head.coarse_count = coarse_slots;
  head.seen_ns = static_cast<std::uint64_t>(nanoseconds(now));
  head.planned = 1;  // before the first start nothing was down
  store(head.magic, kMagic);
}

Result<Ledger> Ledger::open(const std::string& path, const Slo& slo, WallTime now,
                            const LedgerRun& run) {
  std::string notice;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return fail_errno("open " + path);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return fail_errno("stat " + path);
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size == 0) {
      // Reserved now: a full disk must not become a SIGBUS later.
      const int full = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(file_bytes()));
      if (full != 0) return fail_errno("reserve " + path, full);
    }
    if (size == 0 || size == file_bytes()) {
      void* base = ::mmap(nullptr, file_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
      if (base == MAP_FAILED) return fail_errno("map " + path);
      Ledger ledger(static_cast<std::byte*>(base), slo);
      if (size == 0) ledger.format(now);
      if (ledger.sound(slo)) {
        const Header& head = ledger.header();
        if (head.run != run.id) {
          ledger.pass(run.began, head.planned == 1 ? ServiceState::planned : ServiceState::down);
        }
        ledger.notice_ = std::move(notice);
        return ledger;
      }
    }
    PACELINE_TRY_VALUE(const std::string aside, move_aside(path));
    notice = path + " is damaged or of another slo.period: moved to " + aside + ", starting anew";
  }
  return fail(Code::corrupt, path + " is not sound although it is new");
}

Result<Ledger> Ledger::in_memory(const Slo& slo, WallTime now) {
  void* base =
      ::mmap(nullptr, file_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return fail_errno("map the ledger");
  Ledger ledger(static_cast<std::byte*>(base), slo);
  ledger.format(now);
  return ledger;
}

void Ledger::add_time(std::span<Slot> ring, Duration width, WallTime from, WallTime to,
                      ServiceState state) {
  const std::int64_t end = nanoseconds(to);
  // Older than the ring is gone anyway.
  const std::int64_t oldest = end - width.count() * static_cast<std::int64_t>(ring.size() - 1);
  std::int64_t at = std::max(nanoseconds(from), oldest);
  while (true) {
    const std::uint64_t number = number_at(at, width);
    Slot& slot = ring[number % ring.size()];
    if (slot.number != number) {
      store(slot.number, kEmpty);
      store(slot.failed, 0);
      store(slot.down_ns, 0);
      store(slot.total, 0);
      store(slot.observed_ns, 0);
      store(slot.number, number);
    }
    const std::int64_t next = std::min(end, static_cast<std::int64_t>(number + 1) * width.count());
    if (next > at && state != ServiceState::planned) {
      const auto spent = static_cast<std::uint64_t>(next - at);
      store(slot.observed_ns, slot.observed_ns + spent);
      if (state == ServiceState::down) store(slot.down_ns, slot.down_ns + spent);
    }
    if (next >= end) return;
    at = next;
  }
}

/// The time since the last reading was spent in `state`.
void Ledger::pass(WallTime now, ServiceState state) {
  Header& head = header();
  const WallTime seen{std::chrono::duration_cast<WallTime::duration>(
      Duration(static_cast<std::int64_t>(head.seen_ns)))};
  if (now > seen) {
    add_time(fine(), fine_width(slo_), seen, now, state);
    add_time(coarse(), coarse_width(slo_), seen, now, state);
  }
  // A clock that was set back starts from where it is now.
  store(head.seen_ns, static_cast<std::uint64_t>(nanoseconds(now)));
}

void Ledger::record(const LedgerReading& reading) {
  Header& head = header();
  if (head.run != reading.run) {
    store(head.failed, 0);
    store(head.total, 0);
    store(head.run, reading.run);
  }
  ServiceState state = reading.state;
  if (state == ServiceState::starting) {
    state = head.planned == 1 ? ServiceState::planned : ServiceState::down;
  }
  store(head.planned, state == ServiceState::planned ? 1 : 0);
  pass(reading.now, state);
  const std::uint64_t total = reading.total - std::min(reading.total, head.total);
  const std::uint64_t failed =
      std::min(total, reading.failed - std::min(reading.failed, head.failed));
  store(head.total, std::max(reading.total, head.total));
  store(head.failed, std::min(head.total, std::max(reading.failed, head.failed)));
  if (total == 0) return;
  const std::int64_t now = nanoseconds(reading.now);
  for (const auto& [ring, width] :
       {std::pair(fine(), fine_width(slo_)), std::pair(coarse(), coarse_width(slo_))}) {
    Slot& slot = ring[number_at(now, width) % ring.size()];
    if (slot.number != number_at(now, width)) {
      add_time(ring, width, reading.now, reading.now, ServiceState::planned);
    }
    store(slot.total, slot.total + total);
    store(slot.failed, slot.failed + failed);
  }
}

void Ledger::stop_planned(WallTime now) {
  pass(now, ServiceState::planned);
  store(header().planned, 1);
}

WindowShare Ledger::sum(std::span<const Slot> ring, Duration width, WallTime now,
                        Duration window) const {
  const std::uint64_t last = number_at(nanoseconds(now), width);
  const auto wanted = static_cast<std::uint64_t>((window + width - Duration(1)) / width);
  const std::uint64_t count = std::min<std::uint64_t>({wanted, ring.size(), last});
  WindowShare share;
  std::uint64_t down = 0;
  std::uint64_t observed = 0;
  for (std::uint64_t number = last + 1 - count; number <= last; ++number) {
    const Slot& slot = ring[number % ring.size()];
    if (slot.number != number) continue;
    share.total += slot.total;
    share.failed += slot.failed;
    observed += slot.observed_ns;
    down += slot.down_ns;
  }
  share.down = Duration(static_cast<std::int64_t>(down));
  share.observed = Duration(static_cast<std::int64_t>(observed));
  return share;
}

WindowShare Ledger::share(WallTime now, Duration window) const {
  if (window <= slo_.period / 10) return sum(fine(), fine_width(slo_), now, window);
  return sum(coarse(), coarse_width(slo_), now, window);
}

Availability Ledger::availability(WallTime now) const {
  using Seconds = std::chrono::duration<double>;
  const WindowShare share = sum(coarse(), coarse_width(slo_), now, slo_.period);
  Availability result{
      .total = share.total, .failed = share.failed, .down = share.down, .observed = share.observed};
  const double down = Seconds(share.down).count();
  const double served = Seconds(share.observed).count() - down;
  const double errors = WindowShare{.total = share.total, .failed = share.failed}.bad();
  const double used = down + errors * served;
  const double period = Seconds(slo_.period).count();
  const double budget = slo_.budget() * period;
  result.used = std::chrono::duration_cast<Duration>(Seconds(used));
  result.budget = std::chrono::duration_cast<Duration>(Seconds(budget));
  result.ratio = std::max(0.0, 1 - used / period);
  result.budget_left = 1 - used / budget;
  return result;
}

Burn Ledger::burn(const BurnRule& rule, WallTime now) const {
  return evaluate_burn(rule, slo_, share(now, rule.long_window), share(now, rule.short_window));
}

}  // namespace paceline
