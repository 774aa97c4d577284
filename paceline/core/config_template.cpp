// The commented file of `paceline init`. Prose begins with "# ", a setting with "#": taking that
// one character away sets it.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core/config.h"
#include "paceline/core/config_convert.h"

namespace paceline {
namespace {

constexpr std::size_t kWidth = 96;

/// As comment lines, broken at spaces.
void append_prose(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > kWidth) end = std::min(text.rfind(' ', kWidth), text.find(' ', kWidth));
    end = std::min(end, text.size());
    out.append("# ").append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

std::string guide_text(const ConfigKey& key) {
  std::string out;
  for (const std::string_view word : split_words(key.guide)) {
    out.append(out.empty() ? " The guide calls it " : " or ")
        .append(word.substr(0, word.find(':')));
  }
  return out.empty() ? out : out + ".";
}

void append_key(std::string& out, const ConfigKey& key, std::string_view name,
                std::string_view fallback) {
  append_prose(out, std::string(key.meaning) + " " + capital(expected(key)) + "." +
                        (fallback.empty() ? " Required." : "") + guide_text(key));
  out.append("#").append(name).append(fallback.empty() ? " =" : " = ").append(fallback) += "\n\n";
}

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

/// "" first, whose keys cannot stand below a header; the others as their modules were added.
std::vector<std::string_view> parents(const ConfigRegistry& registry) {
  std::vector<std::string_view> out = {""};
  for (const ConfigKey& key : registry.keys()) {
    const std::string_view parent = parent_of(key.name);
    if (std::ranges::find(out, parent) == out.end()) out.push_back(parent);
  }
  return out;
}

/// A document apart: `[section]`s first, then the arrays of tables with the comments before them.
struct Settings {
  std::string_view sections;
  std::string_view tables;
};
Settings split(std::string_view document) {
  std::size_t tables = document.starts_with("[[") ? 0 : document.find("\n[[") + 1;
  if (tables == 0 && !document.starts_with("[[")) return {document, {}};
  while (tables > 0) {
    const std::size_t before = document.rfind('\n', tables - 2);
    const std::size_t line = before == std::string_view::npos ? 0 : before + 1;
    if (document[line] != '#') break;
    tables = line;
  }
  return {document.substr(0, tables), document.substr(tables)};
}

/// What stands below `[name]` there; a header may not occur twice, so the template's has to do.
std::string_view section_of(std::string_view sections, std::string_view name) {
  const std::string header = "[" + std::string(name) + "]\n";
  const std::size_t at = sections.find(header);
  if (at == std::string_view::npos || (at > 0 && sections[at - 1] != '\n')) return {};
  const std::string_view text = sections.substr(at + header.size());
  const std::size_t end = text.find("\n[");
  return end == std::string_view::npos ? text : text.substr(0, end + 1);
}

}  // namespace

std::string config_template(const ConfigRegistry& registry, std::string_view preamble,
                            std::string_view document) {
  const Settings settings = split(document);
  std::string out;
  while (!preamble.empty()) {
    const std::size_t end = std::min(preamble.find('\n'), preamble.size());
    append_prose(out, preamble.substr(0, end));
    preamble.remove_prefix(std::min(end + 1, preamble.size()));
  }
  if (!out.empty()) out += '\n';
  for (const std::string_view parent : parents(registry)) {
    if (!parent.empty()) out.append("[").append(parent).append("]\n");
    for (const ConfigKey& key : registry.keys()) {
      if (parent_of(key.name) != parent) continue;
      const std::size_t skip = parent.empty() ? 0 : parent.size() + 1;
      append_key(out, key, key.name.substr(skip), registry.fallback(key));
    }
    if (!parent.empty()) out += section_of(settings.sections, parent);
  }
  for (const auto& table : registry.tables()) {
    append_prose(out, "[[" + table.name + "]]: " + table.meaning);
    out += "#\n";
    for (const ConfigKey& key : table.keys) append_key(out, key, key.name, key.fallback);
  }
  return out.append(settings.tables);
}

}  // namespace paceline
