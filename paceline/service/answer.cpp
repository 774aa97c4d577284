#include "paceline/service/answer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "paceline/service/etag.h"
#include "paceline/service/render.h"

namespace paceline {
namespace {

void add_cache_status(Response& response, Source source, Duration left) {
  constexpr std::string_view kHit = "paceline; hit; ttl=";
  constexpr std::string_view kLevel = "; detail=l1";
  switch (source) {
    case Source::hit: {
      std::array<char, 64> value;
      char* at = std::ranges::copy(kHit, value.data()).out;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left).count();
      at = std::to_chars(at, at + 20, seconds).ptr;
      at = std::ranges::copy(kLevel, at).out;
      response.header("Cache-Status", std::string_view(value.data(), at));
      response.cache_level("l1");
      return;
    }
    case Source::stored:
      response.header("Cache-Status", "paceline; fwd=uri-miss; stored; detail=source");
      break;
    case Source::missed:
      response.header("Cache-Status", "paceline; fwd=uri-miss; detail=source");
      break;
    case Source::bypass:
      response.header("Cache-Status", "paceline; fwd=bypass; detail=source");
      break;
  }
  response.cache_level("source");
}

}  // namespace

DataAnswer make_answer(const Endpoint& endpoint, const SqlResult& result) {
  DataAnswer answer;
  const bool many = endpoint.resource.rows == RowShape::many;
  if (!many && result.rows() == 0) return answer;
  const std::string body =
      many ? render_many(result, endpoint.facts.json) : render_one(result, endpoint.facts.json);
  answer.text.reserve(endpoint.prepared_start.size() + DataAnswer::etag_size +
                      endpoint.prepared_end.size() + body.size());
  answer.text.append(endpoint.prepared_start).append(format_etag(body_hash(body)));
  answer.text.append(endpoint.prepared_end);
  answer.head_size = static_cast<std::uint32_t>(answer.text.size());
  answer.text.append(body);
  return answer;
}

void respond(Response& response, const Request& request, Cached<DataAnswer> answer, Source source,
             Time now) {
  const DataAnswer& data = *answer;
  if (!data.found()) [[unlikely]] {
    response = Response::problem(404, "there is no such row");
    return add_cache_status(response, source, answer.expires() - now);
  }
  add_cache_status(response, source, answer.expires() - now);
  const std::optional<std::string_view> known = request.header(KnownHeader::if_none_match);
  if (known && none_match_names(*known, data.etag())) {
    response.status(304);
  } else {
    response.content_type("application/json").borrowed_body(data.body());
  }
  response.prepared_headers(data.head());
  response.keep(Hold(answer.detach(), &Cached<DataAnswer>::drop));
}

}  // namespace paceline
