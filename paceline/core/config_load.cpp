#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "paceline/core/config.h"
#include "paceline/core/config_convert.h"
#include "paceline/core/config_entry.h"
#include "paceline/core/config_hint.h"
#include "paceline/core/config_parse.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

constexpr std::string_view kVariablePrefix = "PACELINE_";
constexpr std::string_view kInternalPrefix = "PACELINE_INTERNAL_";

std::string working_folder() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::current_path(error);
  return error ? "/" : path.string();
}

std::string folder_of(const std::string& file_name) {
  return (std::filesystem::path(working_folder()) / file_name).parent_path().string();
}

/// What an unquoted TOML key may have; no key of ours needs more.
bool bare(std::string_view name) {
  constexpr std::string_view kBare =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !name.empty() && name.find_first_not_of(kBare) == std::string_view::npos;
}

bool is_parent(const ConfigNames& names, const std::string& name) {
  const std::string prefix = name + ".";
  const auto below = [&](std::string_view other) { return other.starts_with(prefix); };
  return std::ranges::any_of(names.keys, below, &ConfigKey::name) ||
         std::ranges::any_of(names.tables, below, &ConfigRegistry::TableKeys::name);
}

}  // namespace

/// Takes one source after the other, the weakest first, and collects what is wrong with them.
class ConfigLoader {
 public:
  ConfigLoader(const ConfigRegistry& registry, const ConfigSources& sources)
      : registry_(registry),
        sources_(sources),
        top_{config_.top_, {registry.keys(), registry.tables()}, "", working_folder()} {}

  Result<Config> load() {
    for (const auto& table : registry_.tables()) config_.tables_[table.name];
    take_file();
    take_environment();
    take_sets();
    take_default_tables();
    add_defaults(top_);
    if (errors_.empty()) return std::move(config_);
    std::string message;
    for (const std::string& error : errors_) message.append(message.empty() ? "" : "\n") += error;
    return fail(Code::invalid, std::move(message));
  }

 private:
  /// One set of keys that is being filled.
  struct Target {
    ConfigSection& section;
    ConfigNames names;
    std::string table;   // "resource", or nothing at the top
    std::string folder;  // for relative paths
    std::string shown(std::string_view name) const {
      return (table.empty() ? "" : table + ".") + std::string(name);
    }
  };

  void error(const ConfigPlace& place, const std::string& message) {
    const std::string where = place.text();
    errors_.push_back(where.empty() ? message : where + ": " + message);
  }

  void take_file() {
    if (sources_.file_name.empty() && sources_.file_text.empty()) return;
    const auto document = parse_toml(sources_.file_text, sources_.file_name);
    if (!document) {
      errors_.push_back(document.error().message);
      return;
    }
    top_.folder = folder_of(sources_.file_name);
    take_members(top_, "", *document);
    top_.folder = working_folder();
  }

  void take_members(const Target& target, const std::string& prefix,
                    const ConfigValue::Table& members) {
    for (const auto& [part, value, key_place] : members) {
      const std::string name = prefix + part;
      const ConfigKey* key = find(target.names, name);
      const auto* tables = find_tables(target.names, name);
      if (!bare(part)) {
        error(key_place, unknown_key(target.names, name));
      } else if (key != nullptr) {
        assign(target, *key, value);
      } else if (tables != nullptr) {
        take_tables(*tables, value, target.folder);
      } else if (!is_parent(target.names, name)) {
        take_unknown(target, name, value, key_place);
      } else if (value.table() != nullptr) {
        take_members(target, name + ".", *value.table());
      } else {
        error(value.place, target.shown(name) + ": expected a table, [" + name + "]");
      }
    }
  }

  static const ConfigKey* find(const ConfigNames& names, std::string_view name) {
    const auto found = std::ranges::find(names.keys, name, &ConfigKey::name);
    return found == names.keys.end() ? nullptr : &*found;
  }

  static const ConfigRegistry::TableKeys* find_tables(const ConfigNames& names,
                                                      std::string_view name) {
    const auto found = std::ranges::find(names.tables, name, &ConfigRegistry::TableKeys::name);
    return found == names.tables.end() ? nullptr : &*found;
  }

  void assign(const Target& target, const ConfigKey& key, const ConfigValue& value) {
    auto entry = std::make_shared<ConfigEntry>(ConfigEntry{key, {}, value.place, true, {}});
    auto data = convert(key, value, target.folder);
    if (data) {
      entry->data = std::move(*data);
    } else {
      error(value.place, target.shown(key.name) + ": " + data.error().message);
    }
    insert(target, std::move(entry));
  }

  static void insert(const Target& target, std::shared_ptr<ConfigEntry> entry) {
    const bool may_be_word = entry->key.kind == ConfigKind::integer && !entry->key.choices.empty();
    const auto* number = std::get_if<std::int64_t>(&entry->data);
    if (may_be_word && number != nullptr) entry->number = std::to_string(*number);
    target.section.entries_.insert_or_assign(std::string(entry->key.name), std::move(entry));
  }

  void take_tables(const ConfigRegistry::TableKeys& keys, const ConfigValue& value,
                   const std::string& folder) {
    const ConfigValue::Array* array = value.array();
    if (array == nullptr) {
      error(value.place, keys.name + ": expected an array of tables, [[" + keys.name + "]]");
      return;
    }
    std::vector<ConfigSection>& sections = config_.tables_[keys.name];
    taken_.push_back(keys.name);
    for (const ConfigValue& item : *array) {
      if (item.table() == nullptr) {
        error(item.place, keys.name + ": expected a table, [[" + keys.name + "]]");
        continue;
      }
      ConfigSection section;
      section.place_ = item.place;
      const Target target{section, {keys.keys, {}}, keys.name, folder};
      take_members(target, "", *item.table());
      add_defaults(target);
      sections.push_back(std::move(section));
    }
  }

  /// A table of another program's names may hold some that the guide has: those are translated,
  /// and then each of its keys is named; else the table alone is.
  void take_unknown(const Target& target, const std::string& name, const ConfigValue& value,
                    const ConfigPlace& place) {
    const std::string hint = guide_hint(target.names, registry_, name, value);
    if (!hint.empty()) {
      error(place, hint);
    } else if (has_guide_name(target, value) && !is_misspelt(target.names, name)) {
      for (const ConfigField& field : *value.table()) {
        take_unknown(target, name + "." + field.key, field.value, field.key_place);
      }
    } else {
      const std::string text = unknown_key(target.names, name);
      error(place, target.table.empty() ? text : "[[" + target.table + "]]: " + text);
    }
  }

  bool has_guide_name(const Target& target, const ConfigValue& value) const {
    if (value.table() == nullptr) return false;
    return std::ranges::any_of(*value.table(), [&](const ConfigField& field) {
      return !guide_hint(target.names, registry_, field.key, field.value).empty() ||
             has_guide_name(target, field.value);
    });
  }

  void take_environment() {
    for (const std::string& variable : sources_.environment) {
      const std::size_t equals = std::min(variable.find('='), variable.size());
      const std::string name = variable.substr(0, equals);
      if (!name.starts_with(kVariablePrefix) || name.starts_with(kInternalPrefix)) continue;
      const std::string text = variable.substr(std::min(equals + 1, variable.size()));
      const auto key = std::ranges::find_if(registry_.keys(), [&](const ConfigKey& other) {
        return environment_name(other.name) == name;
      });
      const ConfigPlace place{printable(name), 0, 0};
      if (key != registry_.keys().end()) {
        assign_text(*key, text, place);
      } else {
        error(place, unknown_variable(registry_, name, any_value(text, place)));
      }
    }
  }

  void take_sets() {
    for (const std::string& set : sources_.sets) take_set(set, {"--set", 0, 0});
    for (const std::string& flag : sources_.flags) {
      const std::size_t space = flag.find(' ');
      check(space != std::string::npos, "a flag without its key");
      take_set(flag.substr(space + 1), {flag.substr(0, space), 0, 0});
    }
  }

  void take_set(const std::string& set, const ConfigPlace& place) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      error(place, "expected key=value, got \"" + printable(set, 60) + "\"");
      return;
    }
    const std::string name = trimmed(set.substr(0, equals));
    const std::string text = trimmed(set.substr(equals + 1));
    if (const ConfigKey* key = registry_.find(name)) {
      assign_text(*key, text, place);
    } else if (find_tables(top_.names, name) != nullptr) {
      error(place, name + ": tables can only stand in a file, as [[" + name + "]]");
    } else {
      take_unknown(top_, name, any_value(text, place), place);
    }
  }

  static std::string trimmed(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
  }

  static ConfigValue bare_value(const std::string& text, const ConfigPlace& place) {
    ConfigValue value;
    value.data = text;
    value.place = place;
    return value;
  }

  static ConfigValue any_value(const std::string& text, const ConfigPlace& place) {
    return parse_toml_value(text, place).value_or(bare_value(text, place));
  }

  void assign_text(const ConfigKey& key, const std::string& text, const ConfigPlace& place) {
    if (!is_utf8(text)) {
      error(place, std::string(key.name) + ": expected UTF-8");
      return;
    }
    const ConfigValue typed = any_value(text, place);
    const ConfigValue bare_text = bare_value(text, place);
    const bool use_bare = !convert(key, typed, top_.folder) && convert(key, bare_text, top_.folder);
    assign(top_, key, use_bare ? bare_text : typed);
  }

  void take_default_tables() {
    for (const auto& keys : registry_.tables()) {
      const std::string_view text = registry_.fallback(keys);
      if (text.empty() || std::ranges::find(taken_, keys.name) != taken_.end()) continue;
      const auto document = parse_toml(text, "default");
      check(document.has_value(), "a table's default is TOML");
      take_members(top_, "", *document);
    }
  }

  void add_defaults(const Target& target) {
    for (const ConfigKey& key : target.names.keys) {
      if (target.section.entries_.contains(key.name)) continue;
      const std::string_view text = registry_.fallback(key);
      if (text.empty()) {
        error(target.section.place_, target.shown(key.name) + " is missing: expected " +
                                         expected(key) + ". " + std::string(key.meaning));
        continue;
      }
      const ConfigPlace place{"default", 0, 0};
      const auto value = parse_toml_value(text, place);
      check(value.has_value(), key.name);
      auto data = convert(key, *value, working_folder());
      check(data.has_value(), key.name);
      insert(target,
             std::make_shared<ConfigEntry>(ConfigEntry{key, std::move(*data), place, false, {}}));
    }
  }

  const ConfigRegistry& registry_;
  const ConfigSources& sources_;
  Config config_;
  Target top_;
  std::vector<std::string> taken_;  // tables that the file has
  std::vector<std::string> errors_;
};

Result<Config> Config::load(const ConfigRegistry& registry, const ConfigSources& sources) {
  return ConfigLoader(registry, sources).load();
}

}  // namespace paceline
