#include "paceline/service/endpoint.h"

#include <algorithm>
#include <charconv>

#include "paceline/service/render.h"

namespace paceline {
namespace {

/// 0, 7, -12: the one text that each integer has, so that a row has one key.
bool is_canonical_integer(std::string_view text) {
  if (text == "0") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.front() != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// An Error without a place: it is the client's.
std::unexpected<Error> bad(std::string_view name, std::string_view what) {
  return fail(Code::invalid, std::string(name).append(": ").append(what));
}

Result<std::string_view> path_value(const Endpoint& endpoint, const Request& request,
                                    std::size_t index, std::string& scratch) {
  const std::string_view raw = request.param(index);
  const std::string& name = endpoint.resource.parameters[index];
  std::string_view text = raw;
  if (std::memchr(raw.data(), '%', raw.size()) != nullptr) {
    Result<std::string_view> decoded = decode_segment(raw, scratch);
    if (!decoded) return bad(name, decoded.error().message);
    text = *decoded;
  }
  if (!endpoint.facts.integer[index]) return text;
  if (is_canonical_integer(text) && parse_integer(text)) return text;
  return bad(name, "expected an integer");
}

Result<SqlValue> query_parameter(const QueryParameter& parameter, const Request& request) {
  std::string scratch;
  Result<std::optional<std::string_view>> given =
      query_value(request.query(), parameter.name, scratch);
  if (!given) return bad(parameter.name, given.error().message);
  if (!*given) return parameter.fallback;
  if (!parameter.is_integer()) return SqlValue(std::string(**given));
  const std::optional<std::int64_t> value = parse_integer(**given);
  if (value && *value >= parameter.min && *value <= parameter.max) return SqlValue(*value);
  std::string what = "expected an integer";
  if (parameter.max == INT64_MAX) {
    what += ", at least " + std::to_string(parameter.min);
  } else {
    what += " from " + std::to_string(parameter.min) + " to " + std::to_string(parameter.max);
  }
  return bad(parameter.name, what);
}

void append_value(KeyBuffer& key, const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return key.append(*text);
  std::array<char, 20> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), std::get<std::int64_t>(value));
  key.append(std::string_view(digits.data(), end.ptr));
}

}  // namespace

Endpoint make_endpoint(Resource resource, ResourceFacts facts, const Versions& versions) {
  Endpoint endpoint{.resource = std::move(resource), .facts = std::move(facts)};
  const std::uint64_t hash = body_hash(endpoint.resource.path);
  endpoint.key_prefix.assign(reinterpret_cast<const char*>(&hash), sizeof hash);
  endpoint.created_tag = versions.hash("created:" + endpoint.resource.path);
  for (const std::string& tag : endpoint.resource.tags) {
    endpoint.tags.push_back(versions.hash("tag:" + tag));
  }
  for (const std::string& tag : endpoint.resource.invalidates) {
    endpoint.raises.push_back(versions.hash("tag:" + tag).value);
  }
  endpoint.prepared_start = "ETag: ";
  endpoint.prepared_end = "\r\n";
  if (!endpoint.resource.cache_control.empty()) {
    endpoint.prepared_end += "Cache-Control: " + endpoint.resource.cache_control + "\r\n";
  }
  return endpoint;
}

Result<void> append_row_key(KeyBuffer& key, const Endpoint& endpoint, const Request& request) {
  key.append(endpoint.key_prefix);
  for (std::size_t i = 0; i < endpoint.resource.parameters.size(); ++i) {
    std::string scratch;
    PACELINE_TRY_VALUE(const std::string_view text, path_value(endpoint, request, i, scratch));
    key.append('\0');
    key.append(text);
  }
  return {};
}

Result<std::size_t> append_key(KeyBuffer& key, const Endpoint& endpoint, const Request& request) {
  PACELINE_TRY(append_row_key(key, endpoint, request));
  const std::size_t row_key = key.view().size();
  for (const QueryParameter& parameter : endpoint.resource.query) {
    key.append('\0');
    if (request.query().empty()) {
      append_value(key, parameter.fallback);
      continue;
    }
    PACELINE_TRY_VALUE(const SqlValue value, query_parameter(parameter, request));
    append_value(key, value);
  }
  return row_key;
}

SqlParameters path_parameters(const Endpoint& endpoint, const Request& request) {
  SqlParameters parameters;
  for (std::size_t i = 0; i < endpoint.resource.parameters.size(); ++i) {
    std::string scratch;
    const Result<std::string_view> text = path_value(endpoint, request, i, scratch);
    check(text.has_value(), "parameters of a request that was refused");
    SqlParameter parameter{.name = endpoint.resource.parameters[i], .value = {}};
    if (endpoint.facts.integer[i]) {
      parameter.value = *parse_integer(*text);
    } else {
      parameter.value = std::string(*text);
    }
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

SqlParameters read_parameters(const Endpoint& endpoint, const Request& request) {
  SqlParameters parameters = path_parameters(endpoint, request);
  for (const QueryParameter& declared : endpoint.resource.query) {
    Result<SqlValue> value = query_parameter(declared, request);
    check(value.has_value(), "parameters of a request that was refused");
    parameters.push_back({.name = declared.name, .value = std::move(*value)});
  }
  return parameters;
}

bool named_as_asked(const Endpoint& endpoint, const SqlParameters& parameters,
                    const SqlResult& result) {
  if (endpoint.resource.rows == RowShape::many || result.rows() == 0) return true;
  for (std::size_t i = 0; i < endpoint.resource.parameters.size(); ++i) {
    const auto column =
        std::ranges::find(result.columns, endpoint.resource.parameters[i], &SqlColumn::name);
    if (column == result.columns.end()) continue;
    const auto index = static_cast<std::size_t>(column - result.columns.begin());
    if (result.row(0)[index] != parameters[i].value) return false;
  }
  return true;
}

}  // namespace paceline
