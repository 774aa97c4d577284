#include "paceline/load/target.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace paceline {
namespace {

/// One connection attempt, given up after `timeout`.
Result<void> try_connect(const LoadAddress& address, Duration timeout) {
  const Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), to, address.size) == 0) return {};
  if (errno != EINPROGRESS) return fail_errno("connect to " + address.text());
  pollfd wait{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int ready = ::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(limit, 60'000)));
  if (ready < 0) return fail_errno("poll");
  if (ready == 0) return fail_errno("connect to " + address.text(), ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail_errno("connect to " + address.text(), error);
  return {};
}

Result<LoadAddress> unix_address(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() >= sizeof to.sun_path) {
    return fail(Code::invalid, "a Unix socket's path has at most 107 bytes: " + printable(path));
  }
  path.copy(to.sun_path, path.size());
  LoadAddress address;
  std::memcpy(&address.storage, &to, sizeof to);
  address.size = sizeof to;
  return address;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  const Result<std::uint64_t> port = parse_unsigned(text);
  if (!port || *port == 0 || *port > 65535) {
    return fail(Code::invalid, "a port is a number from 1 to 65535, not " + printable(text, 40));
  }
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

std::string LoadAddress::text() const {
  if (family() == AF_UNIX) return reinterpret_cast<const sockaddr_un*>(&storage)->sun_path;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), size, host.data(), host.size(),
                port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  const bool brackets = family() == AF_INET6;
  return (brackets ? "[" : "") + std::string(host.data()) + (brackets ? "]:" : ":") + port.data();
}

Result<LoadTarget> parse_load_target(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) {
    const std::size_t end = url.find("://");
    if (end == std::string_view::npos) {
      return fail(Code::invalid, "a URL begins with http://: http://" + printable(url));
    }
    return fail(Code::invalid, "only http:// is spoken yet, not " + printable(url.substr(0, end)));
  }
  std::string_view rest = url.substr(scheme.size());
  rest = rest.substr(0, rest.find('#'));
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash);
  LoadTarget target;
  std::string_view host = authority;
  std::string_view port;
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    PACELINE_TRY_VALUE(target.port, parse_port(port));
  }
  target.host_header = std::string(host);
  if (target.port != 80) target.host_header += ":" + std::to_string(target.port);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool plain = std::ranges::all_of(authority, [](char c) { return c > ' ' && c < 127; });
  if (host.empty() || !plain || authority.find('@') != std::string_view::npos) {
    return fail(Code::invalid, "no host name in " + printable(url));
  }
  if (!std::ranges::all_of(path, [](char c) { return c > ' ' && c < 127; })) {
    return fail(Code::invalid,
                "spaces and other than ASCII must be %-encoded in " + printable(url));
  }
  target.host = std::string(host);
  target.path = std::string(path.starts_with('/') ? "" : "/") + std::string(path);
  return target;
}

Result<LoadAddress> find_load_address_blocking(const LoadTarget& target, Duration timeout) {
  if (!target.unix_path.empty()) {
    PACELINE_TRY_VALUE(const LoadAddress address, unix_address(target.unix_path));
    PACELINE_TRY(try_connect(address, timeout));
    return address;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(target.port);
  const int answer = ::getaddrinfo(target.host.c_str(), port.c_str(), &hints, &list);
  if (answer != 0) {
    return fail(Code::not_found,
                "cannot resolve " + printable(target.host) + ": " +
                    (answer == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(answer)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  Result<LoadAddress> result = fail(Code::not_found, "no address for " + printable(target.host));
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    LoadAddress address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
    const Result<void> connected = try_connect(address, timeout);
    if (connected) return address;
    result = std::unexpected(connected.error());
  }
  return result;
}

}  // namespace paceline
