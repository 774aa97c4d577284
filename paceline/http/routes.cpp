#include "paceline/http/routes.h"

namespace paceline {

Routes& Routes::add(Method method, std::string_view path, Handler handler) {
  const auto index = static_cast<std::uint32_t>(entries_.size());
  const Result<void> added = router_.add(method, path, index);
  check(added.has_value(), added ? std::string_view() : std::string_view(added.error().message));
  entries_.push_back({method, std::string(path), std::move(handler)});
  return *this;
}

}  // namespace paceline
