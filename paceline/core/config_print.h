// Values as TOML text.
#pragma once

#include <string>

#include "paceline/core/config_entry.h"

namespace paceline {

/// On one line, tables inline: what parse_toml_value reads back as the same value.
std::string toml_text(const ConfigValue& value);
/// As the key would take it: durations and sizes with units, 0 for off.
std::string toml_text(const ConfigData& data);

}  // namespace paceline
