#include "paceline/http/message.h"

#include <array>

namespace paceline {

namespace {

constexpr std::array<std::string_view, method_count> method_names = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "_OTHER",
};

}  // namespace

std::string_view to_string(Method method) { return method_names[static_cast<std::size_t>(method)]; }

Method method_from(std::string_view token) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Method::unknown); ++i) {
    if (method_names[i] == token) return static_cast<Method>(i);
  }
  return Method::unknown;
}

void RequestHead::reset() {
  content_length_ = 0;
  method_text_ = target_ = path_ = query_ = host_ = {};
  for (std::uint8_t& place : known_) place = 0;
  method_ = Method::unknown;
  version_minor_ = 1;
  count_ = 0;
  has_content_length_ = chunked_ = keep_alive_ = expect_continue_ = false;
  host_seen_ = absolute_ = asks_close_ = asks_keep_alive_ = careful_ = false;
  phase_ = Phase::start;
  line_ = at_ = colon_ = 0;
}

std::string_view RequestHead::path() const {
  if (path_.size != 0) return text(path_);
  return method_ == Method::options ? "*" : "/";
}

std::optional<std::string_view> RequestHead::find(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const HeaderView view = header(i);
    if (characters::same_ignoring_case(view.name, name)) return view.value;
  }
  return std::nullopt;
}

}  // namespace paceline
