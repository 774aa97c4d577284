#include "paceline/http/fields.h"

#include <algorithm>

#include "paceline/http/characters.h"
#include "paceline/http/words.h"

namespace paceline::fields {

namespace {

bool all(std::string_view text, std::uint8_t wanted) {
  return std::ranges::all_of(text, [wanted](char c) { return characters::is(c, wanted); });
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  unsigned port = 0;
  for (const char c : text) {
    if (!characters::is(c, characters::digit)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
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
  const char* at = value.data();
  const char* const end = at + value.size();
  if (value.starts_with('[')) {
    const std::size_t close = value.find(']');
    if (close == std::string_view::npos || !is_ipv6(value.substr(1, close - 1))) return false;
    at += close + 1;
  } else {
    while (at != end && characters::is(*at, characters::host)) ++at;
    if (at == value.data()) return false;
  }
  return at == end || (*at == ':' && is_port({at + 1, end}));
}

ConnectionOptions connection(std::string_view value) {
  using characters::same_ignoring_case;
  ConnectionOptions options;
  if (value.size() == 10 && words::is_name(value.data(), "keep-alive")) {  // nearly always
    options.keep_alive = true;
    return options;
  }
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
