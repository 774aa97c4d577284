#include "paceline/core/config_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "paceline/core/config_convert.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

using Entries = std::map<std::string, std::shared_ptr<const ConfigEntry>, std::less<>>;

/// JSON's escapes are among TOML's (TOML 1.0, "String").
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string name_text(std::string_view name) {
  const bool bare = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return bare ? std::string(name) : quoted(name);
}

std::string number_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  std::string out = fmt::format("{}", number);
  // Without a point or an exponent it would come back as an integer.
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

struct ValueText {
  std::string operator()(std::monostate) const { return "\"\""; }
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return number_text(number); }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string operator()(const ConfigValue::Array& array) const {
    std::string out;
    for (const ConfigValue& item : array) out.append(out.empty() ? "[" : ", ") += toml_text(item);
    return out.empty() ? "[]" : out + "]";
  }
  std::string operator()(const ConfigValue::Table& table) const {
    std::string out;
    for (const auto& [name, value, place] : table) {
      out.append(out.empty() ? "{ " : ", ") += name_text(name) + " = " + toml_text(value);
    }
    return out.empty() ? "{}" : out + " }";
  }
};

struct DataText {
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(Duration duration) const {
    return duration == Duration::zero() ? "0" : quoted(format_duration(duration));
  }
  std::string operator()(std::uint64_t bytes) const {
    return bytes == 0 ? "0" : quoted(format_bytes(bytes));
  }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string operator()(const std::vector<std::string>& list) const {
    std::string out;
    for (const std::string& item : list) out.append(out.empty() ? "[" : ", ") += quoted(item);
    return out.empty() ? "[]" : out + "]";
  }
  std::string operator()(const ConfigValue& value) const { return toml_text(value); }
};

void mask(ConfigValue& value) {
  if (auto* text = std::get_if<std::string>(&value.data)) *text = mask_passwords(*text);
  if (auto* array = std::get_if<ConfigValue::Array>(&value.data)) {
    for (ConfigValue& item : *array) mask(item);
  }
  if (auto* table = std::get_if<ConfigValue::Table>(&value.data)) {
    for (ConfigField& field : *table) mask(field.value);
  }
}

std::string masked_text(const ConfigEntry& entry) {
  const std::string plain = toml_text(entry.data);
  if (entry.key.secret && plain != "\"\"" && plain != "[]") return "\"***\"";
  ConfigData data = entry.data;
  if (auto* text = std::get_if<std::string>(&data)) *text = mask_passwords(*text);
  if (auto* list = std::get_if<std::vector<std::string>>(&data)) {
    for (std::string& item : *list) item = mask_passwords(item);
  }
  if (auto* value = std::get_if<ConfigValue>(&data)) mask(*value);
  return toml_text(data);
}

void describe_entries(std::string& out, const std::string& prefix, const Entries& entries) {
  for (const auto& [name, entry] : entries) {
    out += prefix + name + " = " + masked_text(*entry) + "   # " + entry->place.text() + "\n";
  }
}

std::string inline_table(const Entries& entries) {
  std::string out;
  for (const auto& [name, entry] : entries) {
    if (!entry->set) continue;
    out.append(out.empty() ? "{ " : ", ") += name + " = " + toml_text(entry->data);
  }
  return out.empty() ? "{}" : out + " }";
}

}  // namespace

std::string toml_text(const ConfigValue& value) { return std::visit(ValueText(), value.data); }

std::string toml_text(const ConfigData& data) { return std::visit(DataText(), data); }

std::string Config::serialise() const {
  std::string out;
  for (const auto& [name, entry] : top_.entries_) {
    if (entry->set) out += name + " = " + toml_text(entry->data) + "\n";
  }
  // Tables inline: a header after dotted keys must not name the same table again (TOML 1.0).
  for (const auto& [name, sections] : tables_) {
    out += name + " = [\n";
    for (const ConfigSection& section : sections) {
      out += "  " + inline_table(section.entries_) + ",\n";
    }
    out += "]\n";
  }
  return out;
}

std::string Config::describe() const {
  std::string out;
  describe_entries(out, "", top_.entries_);
  for (const auto& [name, sections] : tables_) {
    for (std::size_t i = 0; i < sections.size(); ++i) {
      describe_entries(out, name + "[" + std::to_string(i) + "].", sections[i].entries_);
    }
  }
  return out;
}

}  // namespace paceline
