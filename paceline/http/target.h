// Request targets: percent-decoding of path segments and query parameters (RFC 3986).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// What the parser demands of a path: whole escapes; decoded, valid UTF-8 without control bytes
/// and without a `.` or `..` between slashes, be they plain or encoded. So no decoded path leads
/// out of its root, and no two servers see a different path.
bool is_safe_path(std::string_view raw);

/// One path segment, decoded. An encoded slash becomes a plain one and stays in the segment. The
/// result is `raw` itself when nothing is encoded, else lies in `scratch`. Code::invalid for a
/// broken escape, an encoded NUL or bad UTF-8.
Result<std::string_view> decode_segment(std::string_view raw, std::string& scratch);

/// The value of the query parameter `name`, decoded: '+' and %20 are spaces. The result refers
/// to `query` or `scratch`. nullopt when it is absent, empty when it has no '='. Code::invalid
/// when it is given twice (servers disagree on which one counts), or as decode_segment().
Result<std::optional<std::string_view>> query_value(std::string_view query, std::string_view name,
                                                    std::string& scratch);

/// Does `raw`, percent-decoded, equal `text`? Without a copy; false for a broken escape.
bool decodes_to(std::string_view raw, std::string_view text);

/// Appends `text` so that decode_segment() gives it back: all but unreserved bytes as %XX.
void append_encoded(std::string& out, std::string_view text);

}  // namespace paceline
