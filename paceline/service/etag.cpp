#include "paceline/service/etag.h"

#include <charconv>

namespace paceline {
namespace {

struct ListedTag {
  std::string_view opaque;  // with its quotes
  bool weak = false;
};

void skip(std::string_view& rest, std::string_view characters) {
  rest.remove_prefix(std::min(rest.find_first_not_of(characters), rest.size()));
}

/// Takes the next tag off a list; nullopt at its end or at the first mistake.
std::optional<ListedTag> next_tag(std::string_view& rest) {
  skip(rest, " \t,");
  ListedTag tag;
  if (rest.starts_with("W/")) {
    tag.weak = true;
    rest.remove_prefix(2);
  }
  if (!rest.starts_with('"')) return std::nullopt;
  const std::size_t end = rest.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  tag.opaque = rest.substr(0, end + 1);
  rest.remove_prefix(end + 1);
  skip(rest, " \t");
  if (!rest.empty() && rest.front() != ',') return std::nullopt;
  return tag;
}

}  // namespace

bool none_match_names(std::string_view header, std::string_view etag) {
  if (header == "*") return true;
  while (const std::optional<ListedTag> tag = next_tag(header)) {
    if (tag->opaque == etag) return true;
  }
  return false;
}

MatchDemand parse_if_match(std::string_view header) {
  MatchDemand demand;
  if (header == "*") {
    demand.any = true;
    return demand;
  }
  while (const std::optional<ListedTag> tag = next_tag(header)) {
    if (tag->weak || tag->opaque.size() != 18) continue;
    const std::string_view digits = tag->opaque.substr(1, 16);
    if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) continue;
    std::uint64_t hash = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    demand.hashes.push_back(hash);
    if (demand.hashes.size() == MatchDemand::hashes_max) break;
  }
  return demand;
}

}  // namespace paceline
