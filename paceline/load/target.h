// Whom a load test asks: a URL taken apart, and the address behind it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

struct LoadTarget {
  std::string host;  // without brackets
  std::string
      host_header;   // as the Host header has it: brackets, and the port unless it is the scheme's
  std::string path;  // with the query; at least "/"
  std::uint16_t port = 80;
  bool tls = false;       // https
  std::string unix_path;  // a Unix socket to connect to instead of host and port
};

/// http[s]://host[:port][/path][?query]; a fragment is dropped. Code::invalid says what to write
/// instead.
Result<LoadTarget> parse_load_target(std::string_view url);

/// Where to connect.
struct LoadAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  std::string text() const;
};

}  // namespace paceline
