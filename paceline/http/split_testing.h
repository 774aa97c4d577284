// Tests only: runs the request parser over bytes that arrive whole, one by one, or in pieces.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "paceline/http/message.h"
#include "paceline/http/parser.h"

namespace paceline::testing {

/// Everything a caller can see of a head, as one text to compare.
inline std::string describe(const RequestHead& head) {
  std::string out(head.method_text());
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.append("|").append(name).append("=").append(value);
  };
  add("method", to_string(head.method()));
  add("target", head.target());
  add("path", head.path());
  add("query", head.query());
  add("host", head.host());
  add("version", std::to_string(head.version_minor()));
  const std::optional<std::uint64_t> length = head.content_length();
  add("length", length ? std::to_string(*length) : "none");
  add("chunked", head.chunked() ? "yes" : "no");
  add("keep_alive", head.keep_alive() ? "yes" : "no");
  add("continue", head.expect_continue() ? "yes" : "no");
  for (std::size_t i = 0; i < head.header_count(); ++i) {
    add(head.header(i).name, head.header(i).value);
  }
  for (std::size_t i = 0; i < known_header_count; ++i) {
    const auto known = head.find(static_cast<KnownHeader>(i));
    if (known) add("known" + std::to_string(i), *known);
  }
  return out;
}

struct Parsed {
  ParseStatus status;
  std::string head;  // describe(), when complete

  bool operator==(const Parsed&) const = default;
};

/// Feeds `bytes` in steps that `next_step(remaining)` chooses, each time at a fresh address, until
/// the parser decides or the bytes end.
template <class NextStep>
Parsed parse_in_steps(std::string_view bytes, const ParserLimits& limits, NextStep next_step) {
  RequestHead head;
  Parsed parsed;
  std::string storage;
  std::size_t given = 0;
  do {
    given += std::min(bytes.size() - given, next_step(bytes.size() - given));
    storage = std::string(bytes.substr(0, given));  // exactly sized: a read beyond it is caught
    parsed.status = parse_request_head(storage, limits, head);
  } while (parsed.status.state == ParseState::need_more && given < bytes.size());
  if (parsed.status.state == ParseState::complete) parsed.head = describe(head);
  return parsed;
}

inline Parsed parse_whole(std::string_view bytes, const ParserLimits& limits = {}) {
  return parse_in_steps(bytes, limits, [](std::size_t rest) { return rest; });
}

inline Parsed parse_bytewise(std::string_view bytes, const ParserLimits& limits = {}) {
  return parse_in_steps(bytes, limits, [](std::size_t) { return std::size_t{1}; });
}

inline Parsed parse_randomly(std::string_view bytes, std::uint64_t seed, std::size_t step_max,
                             const ParserLimits& limits = {}) {
  std::mt19937_64 random(seed);
  return parse_in_steps(bytes, limits, [&](std::size_t) {
    return std::uniform_int_distribution<std::size_t>(0, step_max)(random);
  });
}

}  // namespace paceline::testing
