#include "paceline/cluster/seat.h"

#include <array>

namespace paceline {
namespace {
constexpr std::string_view kSeats = "seats";
}

Result<SharedRegion> create_control_region(std::size_t seats) {
  const std::array<SharedRegion::Part, 1> parts = {
      {{.name = std::string(kSeats), .abi = 1, .bytes = seats * sizeof(SeatState)}}};
  return SharedRegion::create("control", parts);
}

std::span<SeatState> control_seats(const SharedRegion& control) {
  const std::span<std::byte> bytes = control.part(kSeats);
  // Parts are aligned to 64 bytes and zero at creation, which is a valid SeatState.
  return {reinterpret_cast<SeatState*>(bytes.data()), bytes.size() / sizeof(SeatState)};
}

}  // namespace paceline
