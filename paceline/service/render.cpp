#include "paceline/service/render.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "paceline/service/contains.h"
#include "paceline/service/json.h"

namespace paceline {
namespace {

bool declared_json(std::string_view type) {
  constexpr std::string_view kJson = "JSON";
  return std::ranges::equal(type, kJson, [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

/// Deeper than a request may nest: it is in the database, and clients cope with what they stored.
constexpr std::size_t kStoredDepthMax = 1000;

struct AppendCell {
  std::string& out;
  bool json;
  void operator()(std::monostate) const { out += "null"; }
  void operator()(std::int64_t value) const { append_number(out, value); }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      append_number(out, value);
    } else {
      out += "null";
    }
  }
  void operator()(const std::string& text) const {
    if (json && check_json(text, kStoredDepthMax)) {
      out += text;
    } else {
      append_json_string(out, text);
    }
  }
  void operator()(const SqlBlob& blob) const {
    out.append(1, '"').append(base64(blob.bytes)) += '"';
  }
};

}  // namespace

std::vector<bool> json_columns(std::span<const SqlColumn> columns,
                               std::span<const std::string> names) {
  std::vector<bool> json;
  json.reserve(columns.size());
  for (const SqlColumn& column : columns) {
    json.push_back(declared_json(column.declared_type) || contains(names, column.name));
  }
  return json;
}

void append_object(std::string& out, std::span<const SqlColumn> columns,
                   const std::vector<bool>& json, SqlRow row) {
  out += '{';
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, columns[i].name);
    out += ':';
    std::visit(AppendCell{out, json[i]}, row[i]);
  }
  out += '}';
}

std::string render_one(const SqlResult& result, std::span<const std::string> json_names) {
  check(result.rows() > 0, "a row to render");
  std::string out;
  append_object(out, result.columns, json_columns(result.columns, json_names), result.row(0));
  return out;
}

std::string render_many(const SqlResult& result, std::span<const std::string> json_names) {
  const std::vector<bool> json = json_columns(result.columns, json_names);
  std::string out = "[";
  for (std::size_t i = 0; i < result.rows(); ++i) {
    if (i > 0) out += ',';
    append_object(out, result.columns, json, result.row(i));
  }
  out += ']';
  return out;
}

std::uint64_t body_hash(std::string_view body) { return XXH3_64bits(body.data(), body.size()); }

std::string format_etag(std::uint64_t hash) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string tag = "\"0000000000000000\"";
  for (std::size_t i = 16; i > 0; --i, hash >>= 4) tag[i] = kDigits[hash & 0xf];
  return tag;
}

}  // namespace paceline
