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

std::optional<std::string_view> RequestHead::find(std::string_view name) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const HeaderView view = header(i);
    if (characters::same_ignoring_case(view.name, name)) return view.value;
  }
  return std::nullopt;
}

}  // namespace paceline
