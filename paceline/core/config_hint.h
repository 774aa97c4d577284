// What to say about a key that does not exist: its translation from the guide, or the nearest
// one that does.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "paceline/core/config.h"

namespace paceline {

/// The keys that could stand in one place: the top level, or inside one kind of table.
struct ConfigNames {
  std::span<const ConfigKey> keys;
  std::span<const ConfigRegistry::TableKeys> tables;  // none inside a table
};

/// "cache.l1.max" is "PACELINE_CACHE_L1_MAX".
std::string environment_name(std::string_view key);

/// `idleTimeoutMillis is called database.pool.idle_timeout here: database.pool.idle_timeout =
/// "30s"`, or empty if the last part of `name` is none of the guide's names. Looks into `here`
/// first, then everywhere.
std::string guide_hint(const ConfigNames& here, const ConfigRegistry& registry,
                       std::string_view name, const ConfigValue& value);

/// A key or table of ours is so near that `name` must be a slip of the hand.
bool is_misspelt(const ConfigNames& here, std::string_view name);

/// `unknown key cache.l1.mx; did you mean cache.l1.max?`
std::string unknown_key(const ConfigNames& here, std::string_view name);

/// The same for PACELINE_CACHE_L1_MX, with the guide's translation if there is one.
std::string unknown_variable(const ConfigRegistry& registry, std::string_view name,
                             const ConfigValue& value);

}  // namespace paceline
