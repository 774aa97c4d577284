// What a child inherits, as text in one environment variable: numbers of open descriptors and
// what they are for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cluster/listeners.h"
#include "paceline/core.h"

namespace paceline {

inline constexpr const char* kManifestVariable = "PACELINE_INTERNAL_CHILD";

struct ChildManifest {
  struct NamedFd {
    std::string name;  // no spaces, no ':'
    int fd = -1;
  };
  std::string role;
  std::size_t slot = 0;
  std::size_t seat = 0;
  std::uint64_t generation = 0;
  int config = -1;    // sealed memfd
  int channel = -1;   // SOCK_SEQPACKET to the supervisor
  int lifetime = -1;  // pipe that ends with the supervisor
  int lock = -1;      // of the instance folder
  std::vector<NamedFd> regions;
  std::vector<NamedFd> sockets;
  std::vector<ListenSocket> listeners;
  std::string dir;

  /// "1 role=worker slot=2 seat=5 … listen=0:2:17 dir=/var/lib/x"; dir is last, since it may hold
  /// spaces. The first word is the version of this text.
  std::string text() const;
  static Result<ChildManifest> parse(std::string_view text);
  /// Everything to inherit.
  std::vector<int> fds() const;
};

}  // namespace paceline
