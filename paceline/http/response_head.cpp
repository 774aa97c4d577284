#include "paceline/http/response_head.h"

#include <algorithm>

#include "paceline/http/characters.h"

namespace paceline {

bool is_header_name(std::string_view name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return characters::is(c, characters::token); });
}

bool is_header_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return characters::is(c, characters::value); });
}

bool is_server_header(std::string_view name) {
  for (const std::string_view ours : {"connection", "content-length", "date", "keep-alive",
                                      "trailer", "transfer-encoding", "upgrade"}) {
    if (characters::same_ignoring_case(name, ours)) return true;
  }
  return false;
}

}  // namespace paceline
