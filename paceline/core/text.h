// Bytes and text: sizes with units, nearest-name hints, what a log may print.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "paceline/core/result.h"

namespace paceline {

/// "64MiB", "1GiB", "4KiB", "10kB", "512B", "0"; a bare number other than 0 is an error.
Result<std::uint64_t> parse_bytes(std::string_view text);
/// The shortest exact form with a binary unit: 64MiB, 1500B.
std::string format_bytes(std::uint64_t bytes);

/// The candidate closest to `word` by edit distance, or empty when none is near enough to help.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Digits only, whole text, in range; no sign, no spaces.
Result<std::uint64_t> parse_unsigned(std::string_view text);

std::string base64(std::string_view bytes);

/// Appends `text` as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// Well-formed UTF-8: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);

/// One line for a terminal or a log: control characters and bytes above 0x7e as \xNN.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace paceline
