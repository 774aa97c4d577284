// From a parsed value to what a key holds, by the key's kind; and what to say when it cannot be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "paceline/core/config_entry.h"

namespace paceline {

/// `folder` makes a relative path absolute. The error says "expected …, got …".
Result<ConfigData> convert(const ConfigKey& key, const ConfigValue& value,
                           const std::string& folder);

/// What the key accepts, for errors and the template: `an integer from 1 to 64`.
std::string expected(const ConfigKey& key);

/// "a|b|c" apart; nothing for "".
std::vector<std::string_view> split_words(std::string_view words);

/// Hides the password in URLs (user:password@) and connection strings (password=…).
std::string mask_passwords(std::string_view text);

}  // namespace paceline
