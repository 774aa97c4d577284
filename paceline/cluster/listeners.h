// The listening sockets of an instance: one SO_REUSEPORT socket per worker slot and TCP address,
// one shared socket per Unix address. The supervisor owns them; they outlive every worker.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "paceline/cluster/address.h"
#include "paceline/core.h"

namespace paceline {

/// Every worker gets the sockets of all slots, so that it can adopt a sibling's.
struct ListenSocket {
  static constexpr std::size_t kEverySlot = SIZE_MAX;  // a Unix address: all workers share one
  int fd = -1;                                         // non-blocking, listening; borrowed
  std::size_t slot = kEverySlot;
  std::size_t address = 0;  // index into the configured list
};

class ListenerGroup {
 public:
  /// Binds everything, or nothing. `patience`: how long an address in use is tried again
  /// (blocking). Errors name the address and what to do.
  static Result<ListenerGroup> open(std::span<const ListenAddress> addresses, std::size_t slots,
                                    Duration patience = Duration{0});
  ListenerGroup() = default;
  ListenerGroup(ListenerGroup&&) = default;
  ListenerGroup& operator=(ListenerGroup&&) = delete;
  ~ListenerGroup();

  /// With real ports, in the configured order.
  const std::vector<ListenAddress>& addresses() const { return addresses_; }
  std::span<const ListenSocket> sockets() const { return sockets_; }

  /// From here no new connection begins, while handshakes under way complete: a filter drops every
  /// pure SYN, a Unix path is unlinked. Without this a client whose handshake ends between the
  /// last accept() and close() would be reset.
  Result<void> stop_handshakes();
  /// Connections that nobody has accepted yet, over all sockets (TCP only).
  std::size_t queued() const;
  /// Ends the sockets for every holder of a copy; later connects are refused.
  void close();

 private:
  Result<void> open_tcp(std::size_t address, std::size_t slots, Duration patience);
  Result<void> open_unix(std::size_t address);
  void keep(Fd fd, std::size_t slot, std::size_t address);
  std::vector<ListenAddress> addresses_;
  std::vector<Fd> fds_;
  std::vector<ListenSocket> sockets_;
};

}  // namespace paceline
