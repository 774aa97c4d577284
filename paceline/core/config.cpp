#include "paceline/core/config.h"

#include "paceline/core/config_entry.h"

namespace paceline {
namespace {

template <class T>
const T& get(const ConfigEntry& entry) {
  const T* data = std::get_if<T>(&entry.data);
  check(data != nullptr, entry.key.name);
  return *data;
}

}  // namespace

std::string ConfigPlace::text() const {
  if (line == 0) return source;
  return source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

const ConfigEntry& ConfigSection::entry(std::string_view key) const {
  const auto found = entries_.find(key);
  check(found != entries_.end(), key);
  return *found->second;
}

const std::string& ConfigSection::text(std::string_view key) const {
  const ConfigEntry& found = entry(key);
  return found.number.empty() ? get<std::string>(found) : found.number;
}

std::int64_t ConfigSection::integer(std::string_view key) const {
  return get<std::int64_t>(entry(key));
}

Duration ConfigSection::duration(std::string_view key) const { return get<Duration>(entry(key)); }

std::uint64_t ConfigSection::bytes(std::string_view key) const {
  return get<std::uint64_t>(entry(key));
}

bool ConfigSection::boolean(std::string_view key) const { return get<bool>(entry(key)); }

const std::vector<std::string>& ConfigSection::list(std::string_view key) const {
  return get<std::vector<std::string>>(entry(key));
}

const ConfigValue& ConfigSection::value(std::string_view key) const {
  return get<ConfigValue>(entry(key));
}

bool ConfigSection::is_set(std::string_view key) const { return entry(key).set; }

ConfigPlace ConfigSection::place(std::string_view key) const { return entry(key).place; }

std::span<const ConfigSection> Config::tables(std::string_view name) const {
  const auto found = tables_.find(name);
  check(found != tables_.end(), name);
  return found->second;
}

}  // namespace paceline
