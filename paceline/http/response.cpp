#include "paceline/http/response.h"

#include <algorithm>

namespace paceline {

Response Response::text(std::string_view borrowed) {
  Response response;
  response.content_type_ = "text/plain";
  response.body_ = borrowed;
  return response;
}

Response Response::text(std::string owned) {
  Response response;
  response.content_type_ = "text/plain";
  response.body(std::move(owned));
  return response;
}

Response Response::json(std::string owned, unsigned status) {
  Response response(status);
  response.content_type_ = "application/json";
  response.body(std::move(owned));
  return response;
}

Response Response::problem(unsigned status, std::string_view detail, std::string_view code) {
  Response response(status);
  response.problem_ = true;
  response.problem_code_ = code;
  response.body(std::string(detail));
  return response;
}

Response Response::stream(std::string_view content_type, BodyProducer producer) {
  Response response;
  response.content_type_ = content_type;
  response.producer_ = std::move(producer);
  return response;
}

Response& Response::body(std::string owned) {
  owned_ = std::move(owned);
  owns_body_ = true;
  return *this;
}

namespace {

bool clean(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

Response& Response::header(std::string_view name, std::string_view value) {
  check(!name.empty() && clean(name) && clean(value) && name.find(':') == std::string_view::npos,
        "a response header with CR, LF, NUL, or ':' in its name");
  const std::size_t size = name.size() + value.size() + 4;
  if (spilled_.empty() && lines_size_ + size <= kInlineLines) {
    char* at = lines_.data() + lines_size_;
    at = std::ranges::copy(name, at).out;
    *at++ = ':';
    *at++ = ' ';
    at = std::ranges::copy(value, at).out;
    *at++ = '\r';
    *at++ = '\n';
    lines_size_ = static_cast<std::uint16_t>(lines_size_ + size);
    return *this;
  }
  if (spilled_.empty()) spilled_.assign(lines_.data(), lines_size_);
  spilled_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

void Response::reset() {
  status_ = 200;
  owns_body_ = problem_ = false;
  lines_size_ = 0;
  content_type_ = prepared_ = cache_level_ = problem_code_ = body_ = {};
  owned_.clear();
  spilled_.clear();
  if (producer_) producer_ = nullptr;
  hold_ = Hold();
}

}  // namespace paceline
