// What an answer's header may be. Everything that writes one asks here first.
#pragma once

#include <string_view>

namespace paceline {

/// A token (RFC 9110 §5.6.2). Anything else could end the line and start another.
bool is_header_name(std::string_view name);
/// Spaces, tabs, visible and 8-bit bytes; no CR, LF, NUL or other control, so that what a user
/// gave cannot split the answer.
bool is_header_value(std::string_view value);
/// Framing and the connection's life belong to the server: Connection, Content-Length, Date,
/// Keep-Alive, Trailer, Transfer-Encoding, Upgrade.
bool is_server_header(std::string_view name);

}  // namespace paceline
