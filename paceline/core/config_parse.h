// TOML text to ConfigValue. The only place that knows which library parses TOML.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "paceline/core/config.h"

namespace paceline {

/// The document as one table; `source` goes into every place. A syntax error, a duplicate key:
/// Code::invalid, the message begins with the place.
Result<ConfigValue::Table> parse_toml(std::string_view text, const std::string& source);

/// One value, `500` or `{ a = 1 }`, if that is what the text is. Every place in it is `place`.
std::optional<ConfigValue> parse_toml_value(std::string_view text, const ConfigPlace& place);

}  // namespace paceline
