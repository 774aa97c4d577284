// What a loaded key holds, for the parts of the configuration that build and print it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "paceline/core/config.h"

namespace paceline {

/// By kind: text, choice, path and words: string; then integer, duration, bytes, boolean, list,
/// value in this order.
using ConfigData = std::variant<std::string, std::int64_t, Duration, std::uint64_t, bool,
                                std::vector<std::string>, ConfigValue>;

struct ConfigEntry {
  ConfigKey key;
  ConfigData data;
  ConfigPlace place;
  bool set = false;
  std::string number = {};  // the digits of an integer that could be a word, for text()
};

}  // namespace paceline
