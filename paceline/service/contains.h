// std::ranges::contains, which libstdc++ 12 does not have yet.
#pragma once

#include <algorithm>
#include <ranges>

namespace paceline {

template <std::ranges::input_range Range, class Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

}  // namespace paceline
