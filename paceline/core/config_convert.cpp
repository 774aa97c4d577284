#include "paceline/core/config_convert.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <limits>

#include "paceline/core/config_print.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

constexpr std::string_view kMask = "***";

std::string quoted_words(std::string_view words) {
  std::string out;
  const std::vector<std::string_view> parts = split_words(words);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 < parts.size() ? ", " : " or ";
    out.append("\"").append(parts[i]).append("\"");
  }
  return out;
}

std::string expected_integer(const ConfigKey& key) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  std::string out = "an integer";
  if (key.max < kMost) {
    out += " from " + std::to_string(key.min) + " to " + std::to_string(key.max);
  } else if (key.min > std::numeric_limits<std::int64_t>::min()) {
    out += " of at least " + std::to_string(key.min);
  }
  return key.choices.empty() ? out : quoted_words(key.choices) + ", or " + out;
}

/// What stands there, short enough for an error, without secrets.
std::string got(const ConfigKey& key, const ConfigValue& value) {
  if (value.table() != nullptr) return "a table";
  if (value.array() != nullptr) return "an array";
  if (std::holds_alternative<std::monostate>(value.data)) return "a date or time without quotes";
  if (key.secret) return "something else";
  if (const std::string* text = value.string()) {
    return "\"" + printable(mask_passwords(*text), 60) + "\"";
  }
  return toml_text(value);
}

std::unexpected<Error> unfit(const ConfigKey& key, const ConfigValue& value,
                             const std::string& hint = {}) {
  return fail(Code::invalid, "expected " + expected(key) + ", got " + got(key, value) + hint);
}

Result<ConfigData> convert_word(const ConfigKey& key, const ConfigValue& value) {
  const std::string* text = value.string();
  if (text == nullptr) return unfit(key, value);
  const std::vector<std::string_view> words = split_words(key.choices);
  if (std::ranges::find(words, *text) != words.end()) return *text;
  const std::string_view near = nearest(*text, words);
  return unfit(key, value, near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?");
}

Result<ConfigData> convert_integer(const ConfigKey& key, const ConfigValue& value) {
  if (value.string() != nullptr && !key.choices.empty()) return convert_word(key, value);
  const std::int64_t* number = value.integer();
  if (number == nullptr || *number < key.min || *number > key.max) return unfit(key, value);
  return *number;
}

/// Durations and sizes: text with a unit, or a bare 0.
template <class Parse>
Result<ConfigData> convert_with_unit(const ConfigKey& key, const ConfigValue& value, Parse parse) {
  if (const std::string* text = value.string()) {
    const auto parsed = parse(*text);
    if (parsed) return *parsed;
    return unfit(key, value, parse_unsigned(*text) ? " without a unit" : "");
  }
  const std::int64_t* number = value.integer();
  if (number == nullptr) return unfit(key, value);
  if (*number == 0) return *parse("0");
  return unfit(key, value, " without a unit");
}

Result<ConfigData> convert_list(const ConfigKey& key, const ConfigValue& value) {
  if (const std::string* text = value.string()) return std::vector<std::string>{*text};
  const ConfigValue::Array* array = value.array();
  if (array == nullptr) return unfit(key, value);
  std::vector<std::string> list;
  for (const ConfigValue& item : *array) {
    const bool own_place = item.place.line != 0;
    const std::string where = own_place ? " at " + item.place.text() : " inside the array";
    if (item.string() == nullptr) return unfit(key, item, where);
    list.push_back(*item.string());
  }
  return list;
}

Result<ConfigData> convert_path(const ConfigKey& key, const ConfigValue& value,
                                const std::string& folder) {
  const std::string* text = value.string();
  if (text == nullptr || text->find('\0') != std::string::npos) return unfit(key, value);
  if (text->empty()) return *text;
  return (std::filesystem::path(folder) / *text).lexically_normal().string();
}

bool has_date(const ConfigValue& value) {
  if (const auto* array = value.array()) return std::ranges::any_of(*array, has_date);
  if (const auto* table = value.table()) {
    return std::ranges::any_of(*table, has_date, &ConfigField::value);
  }
  return std::holds_alternative<std::monostate>(value.data);
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view words) {
  std::vector<std::string_view> out;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find('|'), words.size());
    out.push_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return out;
}

std::string expected(const ConfigKey& key) {
  switch (key.kind) {
    case ConfigKind::text:
      return "a string";
    case ConfigKind::choice:
      return quoted_words(key.choices);
    case ConfigKind::integer:
      return expected_integer(key);
    case ConfigKind::duration:
      return "a duration such as \"30s\", \"250ms\" or \"1h30m\", or 0 for off";
    case ConfigKind::bytes:
      return "a size such as \"64MiB\" or \"512B\", or 0 for off";
    case ConfigKind::boolean:
      return "true or false";
    case ConfigKind::list:
      return "a string or an array of strings";
    case ConfigKind::path:
      return "a path as a string";
    case ConfigKind::value:
      return "a value other than a date or time";
  }
  return {};
}

Result<ConfigData> convert(const ConfigKey& key, const ConfigValue& value,
                           const std::string& folder) {
  switch (key.kind) {
    case ConfigKind::text:
      if (value.string() != nullptr) return *value.string();
      break;
    case ConfigKind::choice:
      return convert_word(key, value);
    case ConfigKind::integer:
      return convert_integer(key, value);
    case ConfigKind::duration:
      return convert_with_unit(key, value, parse_duration);
    case ConfigKind::bytes:
      return convert_with_unit(key, value, parse_bytes);
    case ConfigKind::boolean:
      if (value.boolean() != nullptr) return *value.boolean();
      break;
    case ConfigKind::list:
      return convert_list(key, value);
    case ConfigKind::path:
      return convert_path(key, value, folder);
    case ConfigKind::value:
      if (!has_date(value)) return value;
      break;
  }
  return unfit(key, value);
}

std::string mask_passwords(std::string_view text) {
  std::string out(text);
  // user:password@ after a scheme. Up to the last @ at all, not only of the authority: a password
  // whose / or ? nobody encoded must not show. What is hidden too much does no harm.
  for (std::size_t at = 0; (at = out.find("://", at)) != std::string::npos;) {
    at += 3;
    const std::size_t end = std::min(out.find_first_of(" \t\n\"'", at), out.size());
    const std::size_t user_end = out.substr(0, end).rfind('@');
    if (user_end == std::string::npos || user_end < at) continue;
    const std::size_t colon = out.find(':', at);
    if (colon < user_end) out.replace(colon + 1, user_end - colon - 1, kMask);
  }
  constexpr std::string_view kWord = "password=";
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  auto from = out.begin();
  while (true) {
    const auto found = std::search(from, out.end(), kWord.begin(), kWord.end(), same);
    if (found == out.end()) return out;
    const auto start = static_cast<std::size_t>(found - out.begin()) + kWord.size();
    const bool quoted = start < out.size() && out[start] == '\'';
    std::size_t end = quoted ? out.find('\'', start + 1) : out.find_first_of("& \t\n", start);
    end = std::min(end, out.size());
    out.replace(start, end - start, kMask);
    from = out.begin() + static_cast<std::ptrdiff_t>(start + kMask.size());
  }
}

}  // namespace paceline
