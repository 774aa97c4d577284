#include "paceline/http/fields.h"

#include <algorithm>

#include "paceline/http/characters.h"

namespace paceline::fields {

namespace {

bool all(std::string_view text, std::uint8_t wanted) {
  return std::ranges::all_of(text, [wanted](char c) { return characters::is(c, wanted); });
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !all(text, characters::digit)) return false;
  unsigned port = 0;
  for (const char c : text) port = port * 10 + characters::hex_value(c);
  return port <= 65535;
}

bool is_ipv6(std::string_view text) {
  const auto valid = [](char c) {
    return characters::is(c, characters::hex) || c == ':' || c == '.';
  };
  return text.size() >= 2 && text.size() <= 45 && std::ranges::all_of(text, valid) &&
         std::ranges::count(text, ':') >= 2;
}

}  // namespace

std::optional<std::uint64_t> content_length(std::string_view value) {
  constexpr std::size_t digits_max = 19;  // 2^63-1 has 19
  if (value.empty() || value.size() > digits_max) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!characters::is(c, characters::digit)) return std::nullopt;
    length = length * 10 + characters::hex_value(c);
  }
  if (length > INT64_MAX) return std::nullopt;
  return length;
}

ParseError transfer_encoding(std::string_view value) {
  using characters::same_ignoring_case;
  if (same_ignoring_case(value, "chunked")) return ParseError::none;
  bool chunked_seen = false;
  std::string_view rest = value;
  for (bool last = false; !last;) {
    const std::size_t comma = rest.find(',');
    last = comma == std::string_view::npos;
    const std::string_view coding = trimmed(rest.substr(0, comma));
    if (chunked_seen || coding.empty() || !all(coding, characters::token)) {
      return ParseError::transfer_encoding;
    }
    chunked_seen = same_ignoring_case(coding, "chunked");
    if (!last) rest.remove_prefix(comma + 1);
  }
  return ParseError::transfer_coding;
}

bool is_host(std::string_view value) {
  std::string_view port;
  bool has_port = false;
  std::size_t name_size = 0;
  if (value.starts_with('[')) {
    const std::size_t close = value.find(']');
    if (close == std::string_view::npos || !is_ipv6(value.substr(1, close - 1))) return false;
    name_size = close + 1;
    has_port = name_size < value.size();
    if (has_port && value[name_size] != ':') return false;
  } else {
    while (name_size < value.size() && characters::is(value[name_size], characters::host)) {
      ++name_size;
    }
    if (name_size == 0) return false;
    has_port = name_size < value.size();
    if (has_port && value[name_size] != ':') return false;
  }
  if (has_port) port = value.substr(name_size + 1);
  return !has_port || is_port(port);
}

ConnectionOptions connection(std::string_view value) {
  using characters::same_ignoring_case;
  ConnectionOptions options;
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trimmed(value.substr(0, comma));
    if (same_ignoring_case(option, "close")) options.close = true;
    if (same_ignoring_case(option, "keep-alive")) options.keep_alive = true;
    if (comma == std::string_view::npos) return options;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace paceline::fields
