#include "paceline/core/log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "paceline/core/text.h"

namespace paceline {
namespace {

// Room for the end of the line, with the mark that fields are missing.
constexpr std::size_t kEndMax = 32;
// A single value must leave room for others; escaping makes a byte six at most.
constexpr std::size_t kValueMax = 3000;

bool plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
}

/// As a JSON string, cut between two characters so that it has at most `limit` bytes.
void append_string(std::string& out, std::string_view text, std::size_t limit = kValueMax) {
  const std::size_t start = out.size();
  append_json_string(out, text.substr(0, limit));
  while (out.size() - start > limit && !text.empty()) {
    out.resize(start);
    text = text.substr(0, std::min(text.size(), limit) / 2);
    append_json_string(out, text);
  }
}

void append_number(std::string& out, double value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    out += "null";  // JSON has no infinity
  }
}

struct AppendValue {
  std::string& out;
  bool json;
  void operator()(std::string_view text) const {
    if (!json && plain(text) && text.size() <= kValueMax) {
      out += text;
    } else {
      append_string(out, text);
    }
  }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(double value) const { append_number(out, value); }
  void operator()(bool value) const { out += value ? "true" : "false"; }
};

/// The event and the role may have spaces, but nothing that ends the line or colours it.
void append_words(std::string& out, std::string_view text, std::size_t limit) {
  const bool clean = text.size() <= limit &&
                     std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (clean) {
    out += text;
  } else {
    append_string(out, text, limit);
  }
}

}  // namespace

std::string_view to_string(LogLevel level) {
  constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error", "off"};
  return kNames.at(static_cast<std::size_t>(level));
}

std::string log_text(const LogLine& line) {
  std::string out = format_rfc3339(line.time);
  out += ' ';
  out += to_string(line.level);
  out += ' ';
  if (!line.role.empty()) {
    append_words(out, line.role, 100);
    out += ": ";
  }
  append_words(out, line.event, kValueMax);
  std::string field;
  for (const LogField& f : line.fields) {
    field = " ";
    append_words(field, f.name, 100);
    field += '=';
    std::visit(AppendValue{field, false}, f.value);
    if (out.size() + field.size() + kEndMax > kLogLineMax) {
      out += " truncated=true";
      break;
    }
    out += field;
  }
  return out += '\n';
}

std::string log_json(const LogLine& line) {
  std::string out = "{\"time\":\"" + format_rfc3339(line.time) + "\",\"level\":\"";
  out += to_string(line.level);
  out += '"';
  if (!line.role.empty()) {
    out += ",\"role\":";
    append_string(out, line.role, 100);
  }
  out += ",\"event\":";
  append_string(out, line.event);
  std::string field;
  for (const LogField& f : line.fields) {
    field = ",";
    append_string(field, f.name, 100);
    field += ':';
    std::visit(AppendValue{field, true}, f.value);
    if (out.size() + field.size() + kEndMax > kLogLineMax) {
      out += ",\"truncated\":true";
      break;
    }
    out += field;
  }
  return out += "}\n";
}

}  // namespace paceline
