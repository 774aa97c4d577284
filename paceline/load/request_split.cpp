#include "paceline/load/request_split.h"

#include <strings.h>

#include <charconv>

#include "paceline/http.h"

namespace paceline {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::unexpected<Error> no_request(std::string_view bytes, std::string_view why) {
  return fail(Code::invalid,
              std::string(why) + " in the request that begins with " + printable(bytes, 60));
}

/// The value behind "\r\nname:" in any case, without spaces around it.
std::string_view header_value(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    std::string_view value = line.substr(name.size() + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    return value;
  }
  return {};
}

/// METHOD SP TARGET SP HTTP/1.x
bool is_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  return first != 0 && first != std::string_view::npos && last > first + 1 &&
         line.substr(last + 1).starts_with("HTTP/1.");
}

Result<std::size_t> chunked_size(std::string_view bytes, std::string_view request) {
  ReplyBody body(Framing::chunked, 0);
  std::size_t size = 0;
  while (true) {
    const ReplyBody::Piece piece = body.next(bytes.substr(size));
    size += piece.consumed;
    if (piece.state == ParseState::complete) return size;
    if (piece.state == ParseState::failed || piece.consumed == 0) {
      return no_request(request, "the chunked body is broken");
    }
  }
}

Result<std::size_t> request_size(std::string_view bytes) {
  const std::size_t end = bytes.find(kHeadEnd);
  if (end == std::string_view::npos) return no_request(bytes, "no empty line ends the headers");
  const std::string_view head = bytes.substr(0, end + 2);
  if (!is_request_line(head.substr(0, head.find("\r\n")))) {
    return no_request(bytes, "the first line is not METHOD PATH HTTP/1.1");
  }
  const std::size_t begin = end + kHeadEnd.size();
  if (::strncasecmp(std::string(header_value(head, "transfer-encoding")).c_str(), "chunked", 7) ==
      0) {
    PACELINE_TRY_VALUE(const std::size_t body, chunked_size(bytes.substr(begin), bytes));
    return begin + body;
  }
  const std::string_view length = header_value(head, "content-length");
  if (length.empty()) return begin;
  const Result<std::uint64_t> body = parse_unsigned(length);
  if (!body) return no_request(bytes, "Content-Length is no number");
  if (*body > bytes.size() - begin) {
    return no_request(bytes, "the body is shorter than Content-Length");
  }
  return begin + static_cast<std::size_t>(*body);
}

}  // namespace

Result<std::vector<std::string_view>> split_requests(std::string_view bytes) {
  std::vector<std::string_view> requests;
  do {
    PACELINE_TRY_VALUE(const std::size_t size, request_size(bytes));
    requests.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  } while (!bytes.empty());
  return requests;
}

}  // namespace paceline
