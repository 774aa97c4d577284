#include "paceline/cluster/listeners.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "paceline/loop.h"

namespace paceline {
namespace {

constexpr int kBacklog = 4096;  // Linux's default somaxconn since 5.4, which bounds it anyway
constexpr int kRetryMs = 10;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress socket_address(const ListenAddress& address) {
  SocketAddress result;
  if (address.kind == ListenAddress::Kind::ipv6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port);
    ::inet_pton(AF_INET6, address.host.c_str(), &in.sin6_addr);
    std::memcpy(&result.storage, &in, result.size = sizeof in);
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &in.sin_addr);
    std::memcpy(&result.storage, &in, result.size = sizeof in);
  }
  return result;
}

std::unexpected<Error> cannot_listen(const ListenAddress& address, int os) {
  const std::string at = "cannot listen on " + address.text();
  switch (os) {
    case EADDRINUSE:
      return fail_errno(at + ": another program does; stop it (`ss -ltnp` names it) or choose "
                             "another address with --listen",
                        os);
    case EADDRNOTAVAIL:
      return fail_errno(at + ": no interface of this host has this address; choose another with "
                             "--listen, such as 127.0.0.1:8000",
                        os);
    case EACCES:
      return fail_errno(at + ": ports below 1024 need root or CAP_NET_BIND_SERVICE; choose "
                             "another with --listen",
                        os);
    default:
      return fail_errno(at + "; choose another address with --listen", os);
  }
}

int set_flag(const Fd& fd, int level, int option) {
  const int on = 1;
  return ::setsockopt(fd.get(), level, option, &on, sizeof on);
}

/// `option` is SO_REUSEADDR to be alone, SO_REUSEPORT to join a group of this user.
Result<Fd> bind_and_listen(const ListenAddress& address, int option) {
  const bool v6 = address.kind == ListenAddress::Kind::ipv6;
  Fd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return cannot_listen(address, errno);
  // SO_REUSEADDR on all: connections in TIME_WAIT do not block. Accepted ones inherit TCP_NODELAY.
  set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
  set_flag(fd, SOL_SOCKET, option);
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
  if (v6) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  SocketAddress name = socket_address(address);
  if (::bind(fd.get(), name.get(), name.size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return cannot_listen(address, errno);
  }
  return fd;
}

Result<Fd> bind_alone(const ListenAddress& address, Duration patience) {
  const Time give_up = Clock::now() + patience;
  while (true) {
    Result<Fd> fd = bind_and_listen(address, SO_REUSEADDR);
    if (fd || fd.error().os != EADDRINUSE || Clock::now() >= give_up) return fd;
    ::poll(nullptr, 0, kRetryMs);
  }
}

Result<std::uint16_t> real_port(const Fd& fd) {
  SocketAddress name;
  name.size = sizeof name.storage;
  if (::getsockname(fd.get(), name.get(), &name.size) != 0) return fail_errno("getsockname");
  in_port_t port = 0;  // at the same place in both families
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::memcpy(&port, reinterpret_cast<char*>(&name.storage) + offsetof(sockaddr_in, sin_port),
              sizeof port);
  return ntohs(port);
}

/// Classic BPF on a listener sees the packet from its TCP header on: byte 13 holds the flags.
Result<void> drop_pure_syns(int fd) {
  constexpr std::uint32_t kFlags = 13;
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kSynOrAck = 0x12;
  std::array<sock_filter, 5> code = {{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynOrAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  }};
  const sock_fprog program = {.len = code.size(), .filter = code.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return fail_errno("attach a filter to a listening socket");
  }
  return {};
}

}  // namespace

Result<ListenerGroup> ListenerGroup::open(std::span<const ListenAddress> addresses,
                                          std::size_t slots, Duration patience) {
  check(slots > 0, "a listener group needs a slot");
  ListenerGroup group;
  group.addresses_.assign(addresses.begin(), addresses.end());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].kind == ListenAddress::Kind::unix_path) {
      PACELINE_TRY(group.open_unix(i));
    } else {
      PACELINE_TRY(group.open_tcp(i, slots, patience));
    }
  }
  return group;
}

Result<void> ListenerGroup::open_tcp(std::size_t address, std::size_t slots, Duration patience) {
  ListenAddress& at = addresses_[address];
  // The first one is alone when it binds and listens, so nobody else, of this user or another,
  // can be on the port. Only then it opens the group to its siblings. (A probe that is closed
  // again would leave a moment for a second instance between probe and group.)
  PACELINE_TRY_VALUE(Fd first, bind_alone(at, patience));
  if (set_flag(first, SOL_SOCKET, SO_REUSEPORT) != 0) return cannot_listen(at, errno);
  PACELINE_TRY_VALUE(at.port, real_port(first));
  keep(std::move(first), 0, address);
  for (std::size_t slot = 1; slot < slots; ++slot) {
    PACELINE_TRY_VALUE(Fd fd, bind_and_listen(at, SO_REUSEPORT));
    keep(std::move(fd), slot, address);
  }
  return {};
}

Result<void> ListenerGroup::open_unix(std::size_t address) {
  const ListenAddress& at = addresses_[address];
  Result<Fd> fd = listen_unix(at.host, kBacklog);
  if (!fd && fd.error().os == 0) return std::unexpected(fd.error());
  if (!fd) return cannot_listen(at, fd.error().os);
  keep(std::move(*fd), ListenSocket::kEverySlot, address);
  return {};
}

void ListenerGroup::keep(Fd fd, std::size_t slot, std::size_t address) {
  sockets_.push_back({.fd = fd.get(), .slot = slot, .address = address});
  fds_.push_back(std::move(fd));
}

Result<void> ListenerGroup::stop_handshakes() {
  for (const ListenSocket& socket : sockets_) {
    if (socket.slot == ListenSocket::kEverySlot) {
      ::unlink(addresses_[socket.address].host.c_str());
    } else {
      PACELINE_TRY(drop_pure_syns(socket.fd));
    }
  }
  return {};
}

std::size_t ListenerGroup::queued() const {
  std::size_t sum = 0;
  for (const ListenSocket& socket : sockets_) {
    if (socket.slot == ListenSocket::kEverySlot) continue;
    tcp_info info{};
    socklen_t size = sizeof info;
    // Of a listener, tcpi_unacked is the length of its accept queue.
    if (::getsockopt(socket.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) sum += info.tcpi_unacked;
  }
  return sum;
}

void ListenerGroup::close() {
  for (const ListenSocket& socket : sockets_) {
    if (socket.slot == ListenSocket::kEverySlot) {
      ::unlink(addresses_[socket.address].host.c_str());
    }
    ::shutdown(socket.fd, SHUT_RDWR);
  }
  sockets_.clear();
  fds_.clear();
}

ListenerGroup::~ListenerGroup() { close(); }

}  // namespace paceline
