// Conditional requests (RFC 9110 §13): the lists in If-None-Match and If-Match.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// Does If-None-Match name `etag` (with quotes), or is it `*`? Weak comparison (§8.8.3.2). What is
/// malformed matches nothing, so that the answer is sent.
bool none_match_names(std::string_view header, std::string_view etag);

/// What If-Match demands of the stored row.
struct MatchDemand {
  static constexpr std::size_t hashes_max = 64;
  bool any = false;                   // `*`: the row exists
  std::vector<std::uint64_t> hashes;  // else one of these body_hash()es; without any: never
};
/// Tags that are weak or not ours can never match (strong comparison); they are left out, and so
/// is all that follows a mistake: the demand then holds less often, never more often.
MatchDemand parse_if_match(std::string_view header);

}  // namespace paceline
