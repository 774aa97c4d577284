#include "paceline/core/config_parse.h"

#include <toml++/toml.h>

#include <map>
#include <utility>

#include "paceline/core/text.h"

namespace paceline {
namespace {

/// Turns the library's nodes into ours, with places from the document or one for all.
class Converter {
 public:
  explicit Converter(std::string source) : source_(std::move(source)) {}
  explicit Converter(const ConfigPlace& place) : fixed_(place) {}

  ConfigValue::Table table(const toml::table& from) const {
    // The library sorts by name; people expect their own order. No two keys stand in one place.
    std::map<std::pair<std::uint32_t, std::uint32_t>, ConfigField> in_order;
    for (const auto& [key, node] : from) {
      ConfigField field{std::string(key.str()), value(node), place(key.source())};
      if (field.value.place.line == 0) field.value.place = field.key_place;
      const toml::source_position at = key.source().begin;
      in_order.insert_or_assign({at.line, at.column}, std::move(field));
    }
    ConfigValue::Table to;
    for (auto& [at, field] : in_order) to.push_back(std::move(field));
    check(to.size() == from.size(), "every key has its own place");
    return to;
  }

  ConfigValue value(const toml::node& from) const {
    ConfigValue to;
    to.place = place(from.source());
    if (const auto* text = from.as_string()) to.data = text->get();
    if (const auto* number = from.as_integer()) to.data = number->get();
    if (const auto* number = from.as_floating_point()) to.data = number->get();
    if (const auto* truth = from.as_boolean()) to.data = truth->get();
    if (const auto* members = from.as_table()) to.data = table(*members);
    if (const auto* items = from.as_array()) {
      ConfigValue::Array array;
      for (const toml::node& item : *items) array.push_back(value(item));
      to.data = std::move(array);
    }
    return to;  // dates and times stay monostate: no key takes one
  }

 private:
  ConfigPlace place(const toml::source_region& region) const {
    if (fixed_) return *fixed_;
    return {
        source_,
        region.begin.line,
        region.begin.column,
    };
  }

  std::string source_;
  std::optional<ConfigPlace> fixed_;
};

/// The library throws what is wrong with the text; here that ends.
Result<toml::table> parse_document(std::string_view text, const std::string& source) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    std::string message = ConfigPlace{source, at.line, at.column}.text() + ": not valid TOML: ";
    return fail(Code::invalid, message + printable(error.description()));
  }
}

}  // namespace

Result<ConfigValue::Table> parse_toml(std::string_view text, const std::string& source) {
  PACELINE_TRY_VALUE(const toml::table document, parse_document(text, source));
  return Converter(source).table(document);
}

std::optional<ConfigValue> parse_toml_value(std::string_view text, const ConfigPlace& place) {
  const Result<toml::table> document = parse_document("v = " + std::string(text), place.source);
  if (!document || document->size() != 1) return std::nullopt;
  return Converter(place).value(document->begin()->second);
}

}  // namespace paceline
