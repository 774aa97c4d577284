// Values of the headers that decide framing and the connection's life. Internal to the parser.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "paceline/http/parser.h"

namespace paceline::fields {

/// Digits only, at most 19 of them, at most 2^63-1. Leading zeros are decimal, never octal.
std::optional<std::uint64_t> content_length(std::string_view value);

/// none when the value is just "chunked", in any case.
ParseError transfer_encoding(std::string_view value);

/// A registered name or IPv4 address of letters, digits and "-._~", or an IPv6 address in
/// brackets; then an optional port from 0 to 65535. No user, no list, no percent-encoding.
bool is_host(std::string_view value);

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
};
/// Other options are ignored.
ConnectionOptions connection(std::string_view value);

/// Without spaces and tabs at either end.
inline std::string_view trimmed(std::string_view value) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!value.empty() && blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  return value;
}

}  // namespace paceline::fields
