// Addresses to listen on, as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// "127.0.0.1:8000", "[::1]:8000", "unix:run/web.sock". Numeric only: a name could mean several
/// addresses, and looking it up could block the start.
struct ListenAddress {
  enum class Kind : std::uint8_t { ipv4, ipv6, unix_path };
  Kind kind = Kind::ipv4;
  std::string host;        // without brackets; or the path
  std::uint16_t port = 0;  // 0: the system chooses when the group is opened
  std::string text() const;
};

Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace paceline
