#include <algorithm>

#include "paceline/core/config.h"
#include "paceline/core/config_hint.h"

namespace paceline {
namespace {

/// One is the other, or stands below it: "cache" and "cache.l1".
bool overlap(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '.');
}

}  // namespace

void ConfigRegistry::add(std::span<const ConfigKey> keys) {
  for (const ConfigKey& key : keys) {
    const std::string environment = environment_name(key.name);
    for (const ConfigKey& other : keys_) {
      check(environment != environment_name(other.name), key.name);
    }
    for (const TableKeys& other : tables_) check(!overlap(key.name, other.name), key.name);
    keys_.push_back(key);
  }
}

void ConfigRegistry::add_table(std::string_view name, std::span<const ConfigKey> keys,
                               std::string_view meaning) {
  for (const ConfigKey& other : keys_) check(!overlap(name, other.name), name);
  for (const TableKeys& other : tables_) check(!overlap(name, other.name), name);
  tables_.push_back({std::string(name), std::string(meaning), {keys.begin(), keys.end()}});
}

void ConfigRegistry::set_fallback(std::string_view name, std::string fallback) {
  const bool table = std::ranges::find(tables_, name, &TableKeys::name) != tables_.end();
  check(table || find(name) != nullptr, name);
  fallbacks_.insert_or_assign(std::string(name), std::move(fallback));
}

const ConfigKey* ConfigRegistry::find(std::string_view name) const {
  const auto found = std::ranges::find(keys_, name, &ConfigKey::name);
  return found == keys_.end() ? nullptr : &*found;
}

std::string_view ConfigRegistry::fallback(const ConfigKey& key) const {
  // A table's key may have the name of a top-level one: only the latter can be replaced.
  const auto found = find(key.name) == &key ? fallbacks_.find(key.name) : fallbacks_.end();
  return found == fallbacks_.end() ? key.fallback : std::string_view(found->second);
}

std::string_view ConfigRegistry::fallback(const TableKeys& tables) const {
  const auto found = fallbacks_.find(tables.name);
  return found == fallbacks_.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace paceline
