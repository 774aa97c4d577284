#include "paceline/load/target.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

namespace paceline {
namespace {

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
  LoadTarget target;
  const std::size_t end = url.find("://");
  if (end == std::string_view::npos) {
    return fail(Code::invalid, "a URL begins with http:// or https://: http://" + printable(url));
  }
  const std::string_view scheme = url.substr(0, end);
  target.tls = scheme == "https";
  if (!target.tls && scheme != "http") {
    return fail(Code::invalid, "http:// and https:// are spoken, not " + printable(scheme));
  }
  const std::uint16_t port_usual = target.tls ? 443 : 80;
  target.port = port_usual;
  std::string_view rest = url.substr(end + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash);
  std::string_view host = authority;
  std::string_view port;
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    PACELINE_TRY_VALUE(target.port, parse_port(port));
  }
  target.host_header = std::string(host);
  if (target.port != port_usual) target.host_header += ":" + std::to_string(target.port);
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

}  // namespace paceline
