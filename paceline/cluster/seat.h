// Seats: the blocks of shared memory that children write. A slot has two, so that an old and a
// new process never write the same one; incarnations alternate between them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "paceline/core.h"

namespace paceline {

/// What a child tells about itself, with relaxed stores. For `status` and the monitor; never
/// trusted. Times are Clock's (CLOCK_MONOTONIC) in nanoseconds, comparable between processes.
struct alignas(64) SeatState {
  std::atomic<std::uint64_t> requests;     // answered since this process began
  std::atomic<std::uint64_t> connections;  // open now
  std::atomic<std::uint64_t> busy_since;   // when the loop's turn began; 0 while it waits
  std::atomic<std::uint64_t> alive_at;     // when the process last published; 0: not yet
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::size_t kSeatsPerSlot = 2;

/// The region "control": one SeatState a seat, and the roster (roster.h).
Result<SharedRegion> create_control_region(std::size_t seats);
/// Its seats; empty if the region is another.
std::span<SeatState> control_seats(const SharedRegion& control);

}  // namespace paceline
