// Status codes and the first line of an answer, prepared once.
#pragma once

#include <string_view>

namespace paceline {

/// "Not Found" (RFC 9110 §15 and the IANA registry); empty for a code without one.
std::string_view reason_phrase(unsigned status);

/// "HTTP/1.1 404 Not Found\r\n". check(): `status` is from 100 to 599. A code without a reason
/// phrase keeps the space before it, as RFC 9112 §4 wants.
std::string_view status_line(unsigned status);

/// A status code: from 100 to 599.
constexpr bool is_status(unsigned status) { return status >= 100 && status <= 599; }

/// May an answer with this status have a body? Not 1xx, 204, 304 (RFC 9110 §6.4.1).
constexpr bool status_allows_body(unsigned status) {
  return status == 200 || (status > 200 && status != 204 && status != 304);
}

}  // namespace paceline
