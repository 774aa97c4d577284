// JSON as text: is it valid, and where not. Values are never built; bodies and columns stay bytes.
#pragma once

#include <cstddef>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// Nesting of a request's body. A limit of the issue of resources: parsers of clients and of the
/// database recurse.
inline constexpr std::size_t json_depth_max = 64;

/// One JSON value and nothing else (RFC 8259), in UTF-8 without a byte order mark, nested at most
/// `depth_max` deep. Code::invalid says where: "line 1, column 9: unexpected end of input".
Result<void> check_json(std::string_view text, std::size_t depth_max = json_depth_max);

}  // namespace paceline
