#include "paceline/cluster/address.h"

#include <arpa/inet.h>

#include <array>

namespace paceline {
namespace {

std::unexpected<Error> bad_address(std::string_view text) {
  return fail(Code::invalid, "\"" + printable(text, 100) +
                                 "\" is not an address to listen on: expected \"127.0.0.1:8000\", "
                                 "\"[::1]:8000\" or \"unix:PATH\"");
}

bool is_numeric(int family, const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(family, host.c_str(), bytes.data()) == 1;
}

}  // namespace

std::string ListenAddress::text() const {
  switch (kind) {
    case Kind::unix_path:
      return "unix:" + host;
    case Kind::ipv6:
      return "[" + host + "]:" + std::to_string(port);
    case Kind::ipv4:
      break;
  }
  return host + ":" + std::to_string(port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    address.kind = ListenAddress::Kind::unix_path;
    address.host = text.substr(kUnix.size());
    if (address.host.empty() || address.host.contains('\0')) return bad_address(text);
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text);
  const Result<std::uint64_t> port = parse_unsigned(text.substr(colon + 1));
  if (!port || *port > 65535) return bad_address(text);
  address.port = static_cast<std::uint16_t>(*port);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    address.kind = ListenAddress::Kind::ipv6;
    host = host.substr(1, host.size() - 2);
  }
  address.host = host;
  const int family = address.kind == ListenAddress::Kind::ipv6 ? AF_INET6 : AF_INET;
  if (!is_numeric(family, address.host)) return bad_address(text);
  return address;
}

}  // namespace paceline
