// A rendered answer as the cache keeps it, and how it becomes a response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/cache.h"
#include "paceline/http.h"
#include "paceline/service/endpoint.h"
#include "paceline/sqlite.h"

namespace paceline {

/// Header lines and body in one text; or that there is no such row.
struct DataAnswer {
  std::string text;
  std::uint32_t head_size = 0;  // 0: no such row
  bool keep = true;             // false: for those who wait, not for the cache

  bool found() const { return head_size > 0; }
  std::string_view head() const { return std::string_view(text).substr(0, head_size); }
  std::string_view body() const { return std::string_view(text).substr(head_size); }
  std::string_view etag() const { return std::string_view(text).substr(etag_at, etag_size); }
  std::size_t heap_bytes() const { return text.capacity() + 1; }
  bool storable() const { return keep; }

  static constexpr std::size_t etag_at = 6;  // after "ETag: "
  static constexpr std::size_t etag_size = 18;
};

/// How long "no such row" is believed; rows that something else writes appear after this.
inline constexpr Duration absent_ttl = std::chrono::seconds(10);

DataAnswer make_answer(const Endpoint& endpoint, const SqlResult& result);

/// Where an answer came from; the words of Cache-Status (RFC 9211).
enum class Source : std::uint8_t {
  hit,     // l1
  stored,  // read now, and kept
  missed,  // read now, not kept: another write came between
  bypass,  // this resource is not cached
};

/// 200, 304 or 404. Allocates nothing for a row that was found. `now` is the loop's time.
void respond(Response& response, const Request& request, Cached<DataAnswer> answer, Source source,
             Time now);

}  // namespace paceline
