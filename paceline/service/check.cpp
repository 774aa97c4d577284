#include "paceline/service/check.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "paceline/service/contains.h"
#include "paceline/service/render.h"

namespace paceline {
namespace {

/// SQLite's rule 1 for a column's affinity: the declared type contains "INT".
bool has_integer_affinity(std::string_view type) {
  const auto upper = [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  };
  constexpr std::string_view kInt = "INT";
  return !std::ranges::search(type, kInt, {}, upper).empty();
}

class Checker {
 public:
  Checker(Connection& connection, const Resource& resource, std::string& errors)
      : connection_(connection), resource_(resource), errors_(errors) {}

  ResourceFacts check() {
    ResourceFacts facts;
    facts.json = resource_.json;
    facts.read_columns = look_at(resource_.read, "read", Kind::reads);
    look_at(resource_.write, "write", Kind::writes);
    look_at(resource_.create, "create", Kind::writes);
    look_at(resource_.remove, "remove", Kind::writes);
    for (const std::string& name : resource_.json) {
      if (!contains(seen_, name)) {
        error(resource_.place, "json", "no statement answers a column " + printable(name, 80));
      }
    }
    const std::vector<bool> json = json_columns(facts.read_columns, resource_.json);
    for (std::size_t i = 0; i < json.size(); ++i) {
      const std::string& name = facts.read_columns[i].name;
      if (json[i] && !contains(facts.json, name)) facts.json.push_back(name);
    }
    for (const std::string& parameter : resource_.parameters) {
      const auto column = std::ranges::find(facts.read_columns, parameter, &SqlColumn::name);
      facts.integer.push_back(column != facts.read_columns.end() &&
                              has_integer_affinity(column->declared_type));
    }
    return facts;
  }

 private:
  enum class Kind : std::uint8_t { reads, writes };

  void error(const ConfigPlace& place, std::string_view key, std::string_view what) {
    if (!errors_.empty()) errors_ += '\n';
    errors_.append(place.text()).append(": resource ").append(resource_.path);
    errors_.append(": ").append(key).append(": ").append(what);
  }

  std::vector<SqlColumn> look_at(const ResourceStatement& statement, std::string_view key,
                                 Kind kind) {
    if (!statement) return {};
    Result<StatementInfo> info = connection_.describe(statement.sql);
    if (!info) {
      error(statement.place, key, info.error().message);
      return {};
    }
    if (kind == Kind::reads && !info->read_only) {
      error(statement.place, key, "must not write; use write, create or remove");
    } else if (kind == Kind::reads && info->columns.empty()) {
      error(statement.place, key, "answers no columns; use SELECT");
    }
    if (kind == Kind::writes && info->read_only) {
      error(statement.place, key, "changes nothing; a statement that only reads belongs into read");
    }
    for (auto at = info->columns.begin(); at != info->columns.end(); ++at) {
      seen_.push_back(at->name);
      if (std::ranges::find(info->columns.begin(), at, at->name, &SqlColumn::name) != at) {
        error(statement.place, key,
              "answers two columns named " + printable(at->name, 80) + "; rename one with AS");
      }
    }
    return std::move(info->columns);
  }

  Connection& connection_;
  const Resource& resource_;
  std::string& errors_;
  std::vector<std::string> seen_;  // columns of all statements
};

}  // namespace

Result<std::vector<ResourceFacts>> resource_facts(Connection& connection,
                                                  const std::vector<Resource>& resources) {
  std::vector<ResourceFacts> facts;
  facts.reserve(resources.size());
  std::string errors;
  for (const Resource& resource : resources) {
    facts.push_back(Checker(connection, resource, errors).check());
  }
  if (!errors.empty()) return fail(Code::invalid, std::move(errors));
  // What RETURNING answers has no declared type: a collection and its items share what is known.
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const Resource* item = item_of(resources[i], resources);
    if (item == nullptr) continue;
    ResourceFacts& other = facts[static_cast<std::size_t>(item - resources.data())];
    for (const std::string& name : facts[i].json) {
      if (!contains(other.json, name)) other.json.push_back(name);
    }
    facts[i].json = other.json;
  }
  return facts;
}

Result<std::vector<ResourceFacts>> resource_facts(const ServiceConfig& config) {
  PACELINE_TRY_VALUE(const std::unique_ptr<Connection> connection,
                     Connection::open(config.database, {.access = Access::read_only,
                                                        .busy_timeout = std::chrono::seconds(1)}));
  return resource_facts(*connection, config.resources);
}

Result<void> check_resources(const ServiceConfig& config) {
  PACELINE_TRY(resource_facts(config));
  return {};
}

}  // namespace paceline
