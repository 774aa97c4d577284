#include "paceline/service/resource.h"

#include <algorithm>
#include <array>

#include "paceline/cache.h"
#include "paceline/service/contains.h"

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 13> kKeys = {{
    {.name = "path",
     .kind = ConfigKind::text,
     .fallback = "",
     .meaning = "The route: \"/data\", \"/data/{id}\"; {name} is bound as :name."},
    {.name = "rows",
     .kind = ConfigKind::choice,
     .fallback = "\"one\"",
     .meaning = "one: an object, 404 without a row; many: an array.",
     .choices = "one|many"},
    {.name = "query",
     .kind = ConfigKind::value,
     .fallback = "{}",
     .meaning = "Query parameters of the read with their defaults, bound as :name and part of the "
                "cache key: { after = \"\", limit = { default = 50, max = 1000 } }."},
    {.name = "read",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "SQL of GET; it must not write."},
    {.name = "write",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "SQL of PUT; :body is the request's JSON."},
    {.name = "create",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "SQL of POST; :body is the request's JSON. Answers 201 with what it returns."},
    {.name = "remove",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "SQL of DELETE; 404 when it changed no row."},
    {.name = "ttl",
     .kind = ConfigKind::duration,
     .fallback = "\"1h\"",
     .meaning = "How long an answer may be cached; cache.l1.ttl when not set, 0: not cached.",
     .guide = "ttl"},
    {.name = "json",
     .kind = ConfigKind::list,
     .fallback = "[]",
     .meaning = "Columns that hold JSON, beside those whose declared type is JSON."},
    {.name = "tags",
     .kind = ConfigKind::list,
     .fallback = "[]",
     .meaning = "Names under which the cached answers of this resource can be made invalid."},
    {.name = "invalidates",
     .kind = ConfigKind::list,
     .fallback = "[]",
     .meaning = "Tags whose entries a write through this resource makes invalid, beside its own."},
    {.name = "cache_control",
     .kind = ConfigKind::text,
     .fallback = "\"no-cache\"",
     .meaning = "The Cache-Control header of reads; no-cache: clients ask each time, cheaply."},
    {.name = "description",
     .kind = ConfigKind::text,
     .fallback = "\"\"",
     .meaning = "For people who read the configuration."},
}};

constexpr std::size_t kTagsMax = Stamps::tags_max - 1;  // one is the resource's own
constexpr std::size_t kInvalidatesMax = 16;
constexpr std::size_t kParametersMax = 8;  // of a path; query parameters too

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && text.size() <= 64 && letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_literal(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
  });
}

/// "/data/{}": what the router tells apart.
std::string shape_of(std::string_view path) {
  std::string shape;
  bool inside = false;
  for (const char c : path) {
    if (!inside || c == '}') shape += c;
    if (c == '{') inside = true;
    if (c == '}') inside = false;
  }
  return shape;
}

/// Reads one table; collects the mistakes of all.
class Parser {
 public:
  Parser(const ConfigSection& table, std::string& errors) : table_(table), errors_(errors) {}

  Resource parse(Duration ttl) {
    resource_.path = table_.text("path");
    resource_.place = table_.place("path");
    resource_.rows = table_.text("rows") == "many" ? RowShape::many : RowShape::one;
    resource_.ttl = table_.is_set("ttl") ? table_.duration("ttl") : ttl;
    resource_.json = table_.list("json");
    resource_.tags = names("tags", kTagsMax);
    resource_.invalidates = names("invalidates", kInvalidatesMax);
    resource_.cache_control = table_.text("cache_control");
    if (printable(resource_.cache_control) != resource_.cache_control) {
      error("cache_control", "expected plain text on one line");
    }
    parse_path();
    parse_query();
    parse_statements();
    return std::move(resource_);
  }

 private:
  void error_at(const ConfigPlace& place, std::string_view key, std::string_view what) {
    if (!errors_.empty()) errors_ += '\n';
    errors_.append(place.text()).append(": resource ").append(printable(resource_.path, 80));
    errors_.append(": ").append(key).append(": ").append(what);
  }
  void error(std::string_view key, std::string_view what) {
    error_at(table_.place(key), key, what);
  }

  std::vector<std::string> names(std::string_view key, std::size_t max) {
    const std::vector<std::string>& list = table_.list(key);
    if (list.size() > max) {
      error(key, "at most " + std::to_string(max) + " names, got " + std::to_string(list.size()));
    }
    for (const std::string& name : list) {
      if (name.empty() || name.size() > 64 || printable(name) != name) {
        error(key, "a tag is 1 to 64 plain characters, got \"" + printable(name, 80) + "\"");
      }
    }
    return list;
  }

  void parse_path() {
    const std::string& path = resource_.path;
    if (path == "/") return error("path", "\"/\" is the index of all resources; choose a name");
    if (!path.starts_with('/') || path.ends_with('/')) {
      return error("path", "expected \"/name\" or \"/name/{parameter}\", without a final slash");
    }
    for (std::size_t at = 1; at <= path.size();) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      parse_segment(std::string_view(path).substr(at, end - at));
      at = end + 1;
    }
    if (resource_.parameters.size() > kParametersMax) {
      error("path", "at most " + std::to_string(kParametersMax) + " parameters");
    }
  }

  void parse_segment(std::string_view segment) {
    if (is_literal(segment)) return;
    const bool braced = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    const std::string_view name = braced ? segment.substr(1, segment.size() - 2) : segment;
    if (!braced || !is_name(name)) {
      return error("path", "segment \"" + printable(segment, 80) +
                               "\": expected letters, digits, - _ . ~, or a {name}");
    }
    if (name == "body") return error("path", "{body} is taken: :body is the request's JSON");
    if (contains(resource_.parameters, name)) {
      return error("path", "{" + std::string(name) + "} occurs twice");
    }
    resource_.parameters.emplace_back(name);
  }

  void parse_query() {
    const ConfigValue& value = table_.value("query");
    const ConfigValue::Table* fields = value.table();
    if (fields == nullptr) {
      return error("query",
                   "expected a table of parameters, e.g. { limit = { default = 50, max "
                   "= 1000 } }");
    }
    if (fields->size() > kParametersMax) {
      error("query", "at most " + std::to_string(kParametersMax) + " parameters");
    }
    for (const ConfigField& field : *fields) parse_parameter(field);
  }

  void parse_parameter(const ConfigField& field) {
    const std::string key = "query." + printable(field.key, 80);
    QueryParameter parameter{.name = field.key, .fallback = {}};
    if (!is_name(field.key)) {
      return error_at(field.value.place, key, "a name is letters, digits and _, without spaces");
    }
    if (field.key == "body" || contains(resource_.parameters, field.key)) {
      return error_at(field.value.place, key, "the name is taken by the path or by :body");
    }
    if (const std::string* text = field.value.string()) {
      parameter.fallback = *text;
    } else if (const std::int64_t* integer = field.value.integer()) {
      parameter.fallback = *integer;
      parameter.min = std::min<std::int64_t>(0, *integer);
    } else if (const ConfigValue::Table* table = field.value.table()) {
      if (!parse_bounds(*table, key, field.value.place, parameter)) return;
    } else {
      return error_at(field.value.place, key,
                      "expected its default: a string, an integer, or { "
                      "default = 50, max = 1000 }");
    }
    resource_.query.push_back(std::move(parameter));
  }

  bool parse_bounds(const ConfigValue::Table& table, const std::string& key,
                    const ConfigPlace& place, QueryParameter& parameter) {
    bool bounded = false;
    for (const ConfigField& field : table) {
      const std::int64_t* integer = field.value.integer();
      const std::string* text = field.value.string();
      if (field.key == "default" && integer != nullptr) {
        parameter.fallback = *integer;
      } else if (field.key == "default" && text != nullptr) {
        parameter.fallback = *text;
      } else if (field.key == "max" && integer != nullptr) {
        parameter.max = *integer;
        bounded = true;
      } else if (field.key == "min" && integer != nullptr) {
        parameter.min = *integer;
        bounded = true;
      } else {
        error_at(field.value.place, key + "." + printable(field.key, 80),
                 "expected default (a string or an integer), min or max (integers)");
        return false;
      }
    }
    const std::int64_t* fallback = std::get_if<std::int64_t>(&parameter.fallback);
    if (std::holds_alternative<std::monostate>(parameter.fallback)) {
      error_at(place, key, "needs a default, e.g. { default = 50, max = 1000 }");
    } else if (bounded && fallback == nullptr) {
      error_at(place, key, "min and max are for integers, but the default is a string");
    } else if (bounded && (*fallback < parameter.min || *fallback > parameter.max)) {
      error_at(place, key,
               "the default " + std::to_string(*fallback) + " is not within " +
                   std::to_string(parameter.min) + " to " + std::to_string(parameter.max));
    } else {
      return true;
    }
    return false;
  }

  enum class Uses : std::uint8_t { query, body, path_only };

  void parse_statements() {
    resource_.read = statement("read", Uses::query);
    resource_.write = statement("write", Uses::body);
    resource_.create = statement("create", Uses::body);
    resource_.remove = statement("remove", Uses::path_only);
    if (!resource_.read && !resource_.write && !resource_.create && !resource_.remove) {
      error("path", "has no statement; set read, write, create or remove");
    }
    for (const auto& [key, present] : {std::pair{"write", static_cast<bool>(resource_.write)},
                                       std::pair{"remove", static_cast<bool>(resource_.remove)}}) {
      if (!present) continue;
      if (resource_.rows == RowShape::many) {
        error(key, "works on one row, but rows = \"many\"; move it to the resource of one row");
      } else if (resource_.parameters.empty()) {
        error(key, "needs a path parameter that says which row, e.g. path = \"" +
                       printable(resource_.path, 80) + "/{id}\"");
      }
    }
    if (!resource_.query.empty() && !resource_.read) {
      error("query", "is for read, which this resource does not have");
    }
  }

  ResourceStatement statement(std::string_view key, Uses uses) {
    ResourceStatement statement{.sql = table_.text(key), .place = table_.place(key)};
    if (!statement) return statement;
    std::vector<std::string_view> used;
    for (const SqlPlaceholder& found : scan_parameters(statement.sql)) {
      if (!contains(used, found.name)) used.push_back(found.name);
    }
    for (const std::string_view name : used) check_known(key, uses, name);
    if (key == "create") return statement;  // what it creates may have a key of its own
    for (const std::string& name : resource_.parameters) {
      if (!contains(used, name)) {
        error(key, "does not use :" + name + ", so {" + name + "} in the path has no effect");
      }
    }
    if (uses != Uses::query) return statement;
    for (const QueryParameter& parameter : resource_.query) {
      if (!contains(used, parameter.name)) {
        error(key, "does not use :" + parameter.name + ", which query declares");
      }
    }
    return statement;
  }

  void check_known(std::string_view key, Uses uses, std::string_view name) {
    std::vector<std::string_view> known(resource_.parameters.begin(), resource_.parameters.end());
    if (uses == Uses::body) known.emplace_back("body");
    if (uses == Uses::query) {
      for (const QueryParameter& parameter : resource_.query) known.push_back(parameter.name);
    }
    if (contains(known, name)) return;
    std::string what = "unknown placeholder :" + std::string(name) + "; ";
    if (known.empty()) {
      what += "this statement has no parameters";
    } else {
      what += "known here:";
      for (const std::string_view each : known) what.append(" :").append(each);
    }
    if (const std::string_view near = nearest(name, known); !near.empty()) {
      what.append("; did you mean :").append(near).append("?");
    }
    if (name == "body") what += " (only write and create have a body)";
    error(key, what);
  }

  const ConfigSection& table_;
  std::string& errors_;
  Resource resource_;
};

}  // namespace

std::span<const ConfigKey> resource_config_keys() { return kKeys; }

Result<std::vector<Resource>> read_resources(std::span<const ConfigSection> tables, Duration ttl) {
  std::vector<Resource> resources;
  std::string errors;
  for (const ConfigSection& table : tables) {
    resources.push_back(Parser(table, errors).parse(ttl));
    const Resource& added = resources.back();
    for (const Resource& other : std::span(resources).first(resources.size() - 1)) {
      if (shape_of(other.path) != shape_of(added.path)) continue;
      if (!errors.empty()) errors += '\n';
      errors += added.place.text() + ": resource " + printable(added.path, 80) +
                ": path: is the same route as " + printable(other.path, 80) + " at " +
                other.place.text() + "; put their statements into one resource";
    }
  }
  if (!errors.empty()) return fail(Code::invalid, std::move(errors));
  return resources;
}

const Resource* item_of(const Resource& collection, std::span<const Resource> resources) {
  for (const Resource& resource : resources) {
    if (resource.parameters.size() != collection.parameters.size() + 1) continue;
    const std::string_view path = resource.path;
    if (!path.starts_with(collection.path + "/{")) continue;
    if (path.find('/', collection.path.size() + 1) == std::string_view::npos) return &resource;
  }
  return nullptr;
}

}  // namespace paceline
