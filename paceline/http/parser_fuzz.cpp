// Fuzz target: a connection's bytes, as the server would take them apart. Beside "no crash" it
// holds that the result does not depend on how the bytes arrive, and that every view a head gives
// lies within its bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/http/chunked.h"
#include "paceline/http/parser.h"
#include "paceline/http/router.h"
#include "paceline/http/split_testing.h"
#include "paceline/http/target.h"

namespace paceline {
namespace {

using testing::Parsed;

/// Step sizes made from the input itself, so that a finding repeats.
class Steps {
 public:
  explicit Steps(std::string_view bytes) : bytes_(bytes) {}
  std::size_t operator()(std::size_t) {
    state_ = state_ * 6364136223846793005u + static_cast<unsigned char>(bytes_[at_]) + 1;
    at_ = (at_ + 1) % bytes_.size();
    return (state_ >> 33) % 24;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  std::uint64_t state_ = 1;
};

void check_within(std::string_view whole, std::string_view part) {
  const bool inside =
      part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
  check(inside, "a view outside of the bytes");
}

struct Body {
  ParseState state = ParseState::need_more;
  ParseError error = ParseError::none;
  std::size_t consumed = 0;
  std::string text;
  bool operator==(const Body&) const = default;
};

template <class NextStep>
Body decode(std::string_view bytes, NextStep next_step) {
  ChunkedDecoder decoder({.body_max = 4096, .trailer_max = 256, .overhead_free = 512});
  Body body;
  while (body.state == ParseState::need_more && body.consumed < bytes.size()) {
    const std::size_t rest = bytes.size() - body.consumed;
    std::string piece(bytes.substr(body.consumed, std::min(rest, next_step(rest))));
    const ChunkedDecoder::Compacted step = decoder.compact(piece);
    check(step.size <= step.consumed, "more data than bytes");
    body.text += piece.substr(0, step.size);
    body.consumed += step.consumed;
    body.state = step.state;
    body.error = step.error;
  }
  return body;
}

std::size_t check_chunked(std::string_view bytes) {
  const Body whole = decode(bytes, [](std::size_t rest) { return rest; });
  check(decode(bytes, [](std::size_t) { return std::size_t{1}; }) == whole, "chunks: byte by byte");
  if (!bytes.empty()) check(decode(bytes, Steps(bytes)) == whole, "chunks: in steps");
  return whole.state == ParseState::complete ? whole.consumed : bytes.size();
}

/// What a handler does with a target.
void use(const Router& router, const RequestHead& head) {
  check(is_safe_path(head.path()), "an unsafe path was accepted");
  RouteMatch match;
  if (router.match(head.method(), head.path(), match) == RouteMatch::Kind::found) {
    for (std::size_t i = 0; i < match.param_count; ++i) {
      std::string scratch;
      const Result<std::string_view> text = decode_segment(match.params[i], scratch);
      check(text && !text->empty(), "a parameter of a safe path decodes");
      std::string encoded;
      append_encoded(encoded, *text);
      check(decodes_to(encoded, *text), "encoding and decoding are inverse");
    }
  }
  std::string scratch;
  const auto value = query_value(head.query(), "limit", scratch);
  check(!value || !*value || (*value)->size() <= head.query().size(),
        "a value longer than its text");
}

/// The size of the first request, or 0 when there is none.
std::size_t check_request(std::string_view bytes, const Router& router) {
  const ParserLimits tight{.line_max = 64, .header_max = 48, .head_max = 192, .headers_max = 5};
  for (const ParserLimits& limits : {ParserLimits{}, tight}) {
    const Parsed whole = testing::parse_whole(bytes, limits);
    check(testing::parse_bytewise(bytes, limits) == whole, "head: byte by byte");
    check(testing::parse_in_steps(bytes, limits, Steps(bytes)) == whole, "head: in steps");
    check(whole.status.bytes <= bytes.size(), "a position outside of the bytes");
  }
  RequestHead head;
  const ParseStatus status = parse_request_head(bytes, {}, head);
  if (status.state != ParseState::complete) return 0;
  const std::string_view taken = bytes.substr(0, status.bytes);
  check(taken.ends_with("\r\n\r\n"), "a head ends in an empty line");
  for (const std::string_view part :
       {head.method_text(), head.target(), head.query(), head.host()}) {
    check_within(taken, part);
  }
  for (std::size_t i = 0; i < head.header_count(); ++i) {
    check_within(taken, head.header(i).name);
    check_within(taken, head.header(i).value);
  }
  check(!(head.chunked() && head.content_length()), "two framings at once");
  use(router, head);
  if (!head.chunked()) return status.bytes + head.content_length().value_or(0);
  return status.bytes + check_chunked(bytes.substr(status.bytes));
}

Router make_router() {
  Router router;
  std::uint32_t route = 0;
  for (const std::string_view pattern :
       {"/", "/data", "/data/{id}", "/data/new", "/{a}/{b}/x", "/data/{id}/items/"}) {
    check(router.add(Method::get, pattern, route++).has_value(), "a valid route");
  }
  return router;
}

}  // namespace
}  // namespace paceline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paceline;
  const Router router = make_router();
  const std::string storage(reinterpret_cast<const char*>(data), size);
  check_chunked(storage);
  std::string_view rest = storage;
  for (int requests = 0; requests < 4 && !rest.empty(); ++requests) {
    const std::size_t used = check_request(rest, router);
    if (used == 0 || used >= rest.size()) break;
    rest.remove_prefix(used);
  }
  return 0;
}
