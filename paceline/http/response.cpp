#include "paceline/http/response.h"

#include <algorithm>

#include "paceline/http/response_head.h"

namespace paceline {

Response Response::text(std::string_view borrowed) {
  Response response;
  response.plain_.content_type = "text/plain";
  response.plain_.body = borrowed;
  return response;
}

Response Response::text(std::string owned) {
  Response response;
  response.plain_.content_type = "text/plain";
  response.body(std::move(owned));
  return response;
}

Response Response::json(std::string owned, unsigned status) {
  Response response(status);
  response.plain_.content_type = "application/json";
  response.body(std::move(owned));
  return response;
}

Response Response::problem(unsigned status, std::string_view detail, std::string_view code) {
  Response response(status);
  response.plain_.kind = Kind::problem;
  response.plain_.problem_code = code;
  response.body(std::string(detail));
  return response;
}

Response Response::stream(std::string_view content_type, BodyProducer producer) {
  Response response;
  response.plain_.content_type = content_type;
  response.producer_ = std::move(producer);
  return response;
}

Response& Response::body(std::string owned) {
  owned_ = std::move(owned);
  plain_.owns_body = true;
  return *this;
}

Response& Response::header(std::string_view name, std::string_view value) {
  if (!is_header_name(name) || !is_header_value(value) || is_server_header(name)) [[unlikely]] {
    plain_.kind = Kind::faulty;
    return *this;
  }
  const std::size_t size = name.size() + value.size() + 4;
  if (!plain_.spilled && plain_.lines_size + size <= kInlineLines) {
    char* at = lines_.data() + plain_.lines_size;
    at = std::ranges::copy(name, at).out;
    *at++ = ':';
    *at++ = ' ';
    at = std::ranges::copy(value, at).out;
    *at++ = '\r';
    *at++ = '\n';
    plain_.lines_size = static_cast<std::uint8_t>(plain_.lines_size + size);
    return *this;
  }
  if (!plain_.spilled) spilled_.assign(lines_.data(), plain_.lines_size);
  plain_.spilled = true;
  plain_.lines_size = 0;
  spilled_.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

void Response::release() {
  std::string().swap(owned_);  // an assignment would keep the memory
  std::string().swap(spilled_);
  producer_ = nullptr;
  hold_ = Hold();
  plain_.owns_body = plain_.spilled = false;
}

}  // namespace paceline
