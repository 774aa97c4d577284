// Which bytes may stand where in HTTP (RFC 9110 §5.6.2, RFC 3986), as one table of bit classes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace paceline::characters {

inline constexpr std::uint8_t token = 1;         // method, header name, extension name
inline constexpr std::uint8_t target = 2;        // path or query, without '?'
inline constexpr std::uint8_t careful = 4;       // '.' and '%': the path needs a second look
inline constexpr std::uint8_t host = 8;          // registered name or IPv4 address
inline constexpr std::uint8_t value = 16;        // header value, inner spaces and tabs included
inline constexpr std::uint8_t digit = 32;        // 0-9
inline constexpr std::uint8_t hex = 64;          // 0-9 a-f A-F
inline constexpr std::uint8_t unreserved = 128;  // RFC 3986 §2.3

/// Target bytes: what RFC 3986 allows, and ^ ` { | } which the URL standard lets browsers send
/// unescaped. Not: space, controls, 8-bit bytes, quote, '<', '>', '\\', '#'.
consteval std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool number = c >= '0' && c <= '9';
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    const auto any_of = [c](std::string_view set) {
      return c < 128 && set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    const bool letter_or_number = number || upper || lower;
    unsigned bits = 0;
    if (letter_or_number || (c != 0 && any_of("!#$%&'*+-.^_`|~"))) bits |= token;
    if (c > 0x20 && c < 0x7f && !any_of("?\"<>\\#")) bits |= target;
    if (c == '.' || c == '%') bits |= careful;
    if (letter_or_number || any_of("-._~")) bits |= host | unreserved;
    if ((c >= 0x20 && c != 0x7f) || c == '\t') bits |= value;
    if (number) bits |= digit;
    if (number || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= hex;
    table[c] = static_cast<std::uint8_t>(bits);
  }
  return table;
}

inline constexpr std::array<std::uint8_t, 256> table = make_table();

constexpr std::uint8_t classes(char c) { return table[static_cast<unsigned char>(c)]; }
constexpr bool is(char c, std::uint8_t wanted) { return (classes(c) & wanted) != 0; }

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// The value of a byte of class `hex`.
constexpr unsigned hex_value(char c) {
  return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

/// ASCII only, as HTTP compares names and tokens.
constexpr bool same_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace paceline::characters
