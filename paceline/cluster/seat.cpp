#include "paceline/cluster/seat.h"

#include <array>

#include "paceline/cluster/roster.h"

namespace paceline {
namespace {
constexpr std::string_view kSeats = "seats";
constexpr std::string_view kRoster = "roster";
}  // namespace

Result<SharedRegion> create_control_region(std::size_t seats) {
  const std::array<SharedRegion::Part, 2> parts = {
      {{.name = std::string(kSeats), .abi = 1, .bytes = seats * sizeof(SeatState)},
       {.name = std::string(kRoster), .abi = 1, .bytes = roster_bytes(seats / kSeatsPerSlot)}}};
  return SharedRegion::create("control", parts);
}

std::span<SeatState> control_seats(const SharedRegion& control) {
  const std::span<std::byte> bytes = control.part(kSeats);
  // Parts are aligned to 64 bytes and zero at creation, which is a valid SeatState.
  return {reinterpret_cast<SeatState*>(bytes.data()), bytes.size() / sizeof(SeatState)};
}

std::span<std::byte> control_roster(const SharedRegion& control) { return control.part(kRoster); }

}  // namespace paceline
