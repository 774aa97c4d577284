#include "paceline/core/config_hint.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>
#include <vector>

#include "paceline/core/config_convert.h"
#include "paceline/core/config_print.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

constexpr std::size_t kListedMax = 12;  // known names in an error, when none is near

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

/// idleTimeoutMillis, idle_timeout_millis and IDLE-TIMEOUT-MILLIS are one name.
std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_' && c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

struct GuideName {
  std::string_view name;
  std::string_view unit;
};

std::vector<GuideName> guide_names(const ConfigKey& key) {
  std::vector<GuideName> names;
  for (const std::string_view word : split_words(key.guide)) {
    const std::size_t colon = std::min(word.find(':'), word.size());
    GuideName name{word.substr(0, colon), word.substr(std::min(colon + 1, word.size()))};
    if (name.unit.empty() && key.kind == ConfigKind::bytes) name.unit = "B";
    if (name.unit.empty()) {
      const std::string text = folded(name.name);
      name.unit = text.ends_with("seconds") || text.ends_with("sec") ? "s" : "ms";
    }
    names.push_back(name);
  }
  return names;
}

/// The guide's value as this key takes it, or nothing: 30000 is "30s".
std::optional<std::string> translated(const ConfigKey& key, std::string_view unit,
                                      const ConfigValue& value) {
  ConfigValue now = value;
  if (const std::string* text = value.string()) {
    const auto number = parse_unsigned(*text);
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (number && *number <= kMost) now.data = static_cast<std::int64_t>(*number);
  }
  const std::int64_t* number = now.integer();
  if (number != nullptr && *number > 0) {
    const std::string with_unit = std::to_string(*number).append(unit);
    if (key.kind == ConfigKind::duration) now.data = with_unit;
    if (key.kind == ConfigKind::bytes) now.data = with_unit;
  }
  auto data = convert(key, now, {});
  if (!data) data = convert(key, value, {});
  if (!data || key.secret) return std::nullopt;
  return key.kind == ConfigKind::path ? toml_text(value) : toml_text(*data);
}

struct Match {
  const ConfigKey* key;
  std::string_view unit;
  std::string where;  // " in [[resource]]", or nothing
};

void match_keys(std::vector<Match>& matches, std::span<const ConfigKey> keys, std::string_view name,
                const std::string& where) {
  const std::string wanted = folded(last_part(name));
  for (const ConfigKey& key : keys) {
    for (const GuideName& guide : guide_names(key)) {
      if (folded(guide.name) == wanted) matches.push_back({&key, guide.unit, where});
    }
  }
}

std::vector<Match> guide_matches(const ConfigNames& here, const ConfigRegistry& registry,
                                 std::string_view name) {
  std::vector<Match> matches;
  match_keys(matches, here.keys, name, "");
  if (!matches.empty()) return matches;
  match_keys(matches, registry.keys(), name, "");
  for (const auto& table : registry.tables()) {
    match_keys(matches, table.keys, name, " in [[" + table.name + "]]");
  }
  return matches;
}

std::string join(std::span<const std::string> words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : between).append(word);
  return out;
}

/// Keys, tables, and everything that keys stand below: "cache" and "cache.l1".
std::vector<std::string_view> all_names(const ConfigNames& here) {
  std::vector<std::string_view> names;
  for (const ConfigKey& key : here.keys) {
    names.push_back(key.name);
    for (std::size_t dot = 0; (dot = key.name.find('.', dot)) != std::string_view::npos; ++dot) {
      names.push_back(key.name.substr(0, dot));
    }
  }
  for (const auto& table : here.tables) names.push_back(table.name);
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
  return names;
}

/// The right word in the wrong table: server.max_bytes for cache.l1.max_bytes.
std::string_view same_last_part(std::span<const std::string_view> names, std::string_view name) {
  const std::string wanted = folded(last_part(name));
  const auto found = std::ranges::find_if(
      names, [&](std::string_view other) { return folded(last_part(other)) == wanted; });
  return found == names.end() ? std::string_view() : *found;
}

/// The names beside the wanted one, or at the top if there are none.
std::string known_beside(std::span<const std::string_view> names, std::string_view name) {
  std::string_view parent = name.substr(0, name.size() - last_part(name).size());
  if (std::ranges::none_of(names, [&](auto other) { return other.starts_with(parent); })) {
    parent = "";
  }
  std::vector<std::string> beside;
  for (const std::string_view other : names) {
    const bool direct =
        other.starts_with(parent) && other.find('.', parent.size()) == std::string_view::npos;
    if (direct) beside.emplace_back(other);
  }
  const bool more = beside.size() > kListedMax;
  beside.resize(std::min(beside.size(), kListedMax));
  return join(beside, ", ") + (more ? ", ..." : "");
}

}  // namespace

std::string environment_name(std::string_view key) {
  std::string out = "PACELINE_";
  for (const char c : key) {
    out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string guide_hint(const ConfigNames& here, const ConfigRegistry& registry,
                       std::string_view name, const ConfigValue& value) {
  const std::vector<Match> matches = guide_matches(here, registry, name);
  if (matches.empty()) return {};
  std::vector<std::string> names;
  std::vector<std::string> lines;
  for (const Match& match : matches) {
    names.push_back(std::string(match.key->name) + match.where);
    if (const auto text = translated(*match.key, match.unit, value)) {
      lines.push_back(std::string(match.key->name) + " = " + *text);
    }
  }
  std::string out = printable(last_part(name), 60) + " is called " + join(names, " or ") + " here";
  return lines.empty() ? out : out + ": " + join(lines, ", or ");
}

bool is_misspelt(const ConfigNames& here, std::string_view name) {
  return !nearest(name, all_names(here)).empty();
}

std::string unknown_key(const ConfigNames& here, std::string_view name) {
  const std::vector<std::string_view> names = all_names(here);
  std::string out = "unknown key " + printable(name, 80);
  std::string_view near = nearest(name, names);
  if (near.empty()) near = same_last_part(names, name);
  if (!near.empty()) return out + "; did you mean " + std::string(near) + "?";
  return out + "; known here: " + known_beside(names, name);
}

std::string unknown_variable(const ConfigRegistry& registry, std::string_view name,
                             const ConfigValue& value) {
  const std::string wanted = folded(name);
  for (const ConfigKey& key : registry.keys()) {
    for (const GuideName& guide : guide_names(key)) {
      if (!wanted.ends_with(folded(guide.name))) continue;
      const std::string variable = environment_name(key.name);
      const auto text = translated(key, guide.unit, value);
      return std::string(guide.name) + " is called " + variable + " here" +
             (text ? ": " + variable + "=" + *text : "");
    }
  }
  constexpr std::string_view kPrefix = "PACELINE_";
  std::vector<std::string> known;
  for (const ConfigKey& key : registry.keys()) {
    known.push_back(environment_name(key.name).substr(kPrefix.size()));
  }
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view near = nearest(name.substr(std::min(kPrefix.size(), name.size())), views);
  if (!near.empty()) {
    return "unknown variable; did you mean " + std::string(kPrefix).append(near) + "?";
  }
  return "unknown variable; the key cache.l1.max would be PACELINE_CACHE_L1_MAX";
}

}  // namespace paceline
