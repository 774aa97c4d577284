#include "paceline/service/config.h"

#include <gtest/gtest.h>

#include "paceline/service/check.h"
#include "paceline/service/service_testing.h"

namespace paceline {
namespace {

using service_testing::Folder;
using service_testing::parse;

std::string mistakes(std::string text) {
  const Result<ServiceConfig> config = parse(std::move(text));
  return config ? "none" : config.error().message;
}

TEST(ServiceConfig, TheDefaultHasItemsAndTheirCollection) {
  const Result<ServiceConfig> config = parse(std::string(default_config()), "/dir");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->database, "/dir/data.db");
  EXPECT_EQ(config->durability, Durability::disk);
  EXPECT_EQ(config->l1.max, 500u);
  EXPECT_EQ(config->l1.max_bytes, 64u << 20);
  ASSERT_EQ(config->resources.size(), 2u);
  const Resource& item = config->resources[0];
  EXPECT_EQ(item.parameters, std::vector<std::string>{"id"});
  EXPECT_EQ(item.ttl, 1h);
  EXPECT_EQ(item.cache_control, "no-cache");
  const Resource& list = config->resources[1];
  EXPECT_EQ(list.rows, RowShape::many);
  ASSERT_EQ(list.query.size(), 2u);
  EXPECT_FALSE(list.query[0].is_integer());
  EXPECT_EQ(list.query[1].max, 1000);
  EXPECT_EQ(item_of(list, config->resources), &item);
  EXPECT_EQ(item_of(item, config->resources), nullptr);
}

TEST(ServiceConfig, WithoutResourcesNothingRuns) {
  const Result<ServiceConfig> config = parse("");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->active());
}

TEST(ServiceConfig, AResourceTakesTheTtlOfTheCacheUnlessItHasOne) {
  const auto config = parse(
      "cache.l1.ttl = \"5m\"\n[[resource]]\npath = \"/a\"\nread = \"SELECT 1\"\n[[resource]]\n"
      "path = \"/b\"\nread = \"SELECT 1\"\nttl = 0\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->resources[0].ttl, 5min);
  EXPECT_EQ(config->resources[1].ttl, 0s);
}

TEST(ServiceConfig, EveryMistakeNamesItsPlaceAndWhatToDo) {
  const std::string head = "[[resource]]\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"path = \"/d/{id}\"\nread = \"SELECT :idd\"",
       "app.toml:3:8: resource /d/{id}: read: unknown placeholder :idd; known here: :id; did you "
       "mean :id?"},
      {"path = \"/d/{id}\"\nread = \"SELECT 1\"",
       "read: does not use :id, so {id} in the path has no effect"},
      {"path = \"/d/{id}\"\nremove = \"DELETE FROM d WHERE id = :id AND b = :body\"",
       "remove: unknown placeholder :body; known here: :id"},
      {"path = \"/d\"\nwrite = \"UPDATE d SET b = :body\"",
       "write: needs a path parameter that says which row, e.g. path = \"/d/{id}\""},
      {"path = \"/d/{id}\"\nrows = \"many\"\nremove = \"DELETE FROM d WHERE id = :id\"",
       "remove: works on one row, but rows = \"many\""},
      {"path = \"/d\"", "path: has no statement; set read, write, create or remove"},
      {"path = \"d\"\nread = \"SELECT 1\"", "path: expected \"/name\""},
      {"path = \"/\"\nread = \"SELECT 1\"", "path: \"/\" is the index"},
      {"path = \"/d/\"\nread = \"SELECT 1\"", "without a final slash"},
      {"path = \"/d//e\"\nread = \"SELECT 1\"", "path: segment \"\""},
      {"path = \"/d/x{id}\"\nread = \"SELECT :id\"", "path: segment \"x{id}\""},
      {"path = \"/d/{body}\"\nread = \"SELECT :body\"", "path: {body} is taken"},
      {"path = \"/d/{a}/{a}\"\nread = \"SELECT :a\"", "path: {a} occurs twice"},
      {"path = \"/d\"\nquery = { a = \"\" }\nread = \"SELECT 1\"",
       "read: does not use :a, which query declares"},
      {"path = \"/d\"\nquery = { a = true }\nread = \"SELECT :a\"",
       "query.a: expected its default"},
      {"path = \"/d\"\nquery = { a = { max = 5 } }\nread = \"SELECT :a\"",
       "query.a: needs a default"},
      {"path = \"/d\"\nquery = { a = { default = 9, max = 5 } }\nread = \"SELECT :a\"",
       "query.a: the default 9 is not within 0 to 5"},
      {"path = \"/d\"\nquery = { a = { default = \"\", max = 5 } }\nread = \"SELECT :a\"",
       "query.a: min and max are for integers"},
      {"path = \"/d\"\nquery = { a = { default = 1, maximum = 5 } }\nread = \"SELECT :a\"",
       "query.a.maximum: expected default"},
      {"path = \"/d\"\nquery = \"limit\"\nread = \"SELECT 1\"", "query: expected a table"},
      {"path = \"/d\"\ntags = [\"a\", \"b\", \"c\", \"d\"]\nread = \"SELECT 1\"",
       "tags: at most 3 names, got 4"},
      {"path = \"/d\"\nread = \"SELECT 1\"\ncache_control = \"a\\nb\"",
       "cache_control: expected plain text"},
  };
  for (const auto& [table, expected] : cases) {
    const std::string found = mistakes(head + table);
    EXPECT_NE(found.find(expected), std::string::npos) << table << "\nfound: " << found;
    EXPECT_EQ(found.find("app.toml:"), 0u) << found;
  }
}

TEST(ServiceConfig, TellsAllMistakesAtOnce) {
  const std::string found = mistakes(
      "[database]\nurl = \"mysql://x\"\n[[resource]]\npath = \"/a/{x}\"\nread = \"SELECT :y\"\n"
      "[[resource]]\npath = \"/a/{z}\"\nread = \"SELECT :z\"\n");
  EXPECT_NE(found.find("app.toml:2:7: database.url: "), std::string::npos) << found;
  EXPECT_NE(found.find("unknown placeholder :y"), std::string::npos) << found;
  EXPECT_NE(found.find("is the same route as /a/{x} at app.toml:4:8"), std::string::npos) << found;
}

TEST(ServiceConfig, PlaceholdersAreNotSeenInStringsAndComments) {
  EXPECT_EQ(mistakes("[[resource]]\npath = \"/a\"\nread = \"SELECT ':x' -- :y\\n\"\n"), "none");
}

class ResourceCheck : public testing::Test {
 protected:
  std::string check_sql(const std::string& tables) {
    auto config = parse(tables, folder_.path());
    if (!config) return config.error().message;
    auto opened = Connection::open(config->database, {.access = Access::read_write});
    if (!opened) return opened.error().message;
    check((*opened)
              ->run("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, doc JSON, b TEXT)")
              .has_value());
    auto facts = resource_facts(*config);
    if (!facts) return facts.error().message;
    facts_ = std::move(*facts);
    return "none";
  }
  Folder folder_;
  std::vector<ResourceFacts> facts_;
};

TEST_F(ResourceCheck, FindsIntegerParametersAndJsonColumns) {
  ASSERT_EQ(check_sql("[[resource]]\npath = \"/t/{id}\"\n"
                      "read = \"SELECT id, doc, b FROM t WHERE id = :id\"\n"
                      "write = \"INSERT INTO t VALUES(:id, :body, '') RETURNING id, doc\"\n"
                      "json = [\"b\"]\n[[resource]]\npath = \"/t\"\n"
                      "create = \"INSERT INTO t(doc) VALUES(:body) RETURNING id, doc\"\n"),
            "none");
  EXPECT_EQ(facts_[0].integer, std::vector<bool>{true});
  EXPECT_EQ(facts_[0].json, (std::vector<std::string>{"b", "doc"}));
  EXPECT_EQ(facts_[1].json, facts_[0].json) << "a collection shares what its items know";
}

TEST_F(ResourceCheck, NamesStatementAndPosition) {
  const std::string path = "[[resource]]\npath = \"/t/{id}\"\n";
  const std::string missing =
      check_sql(path + "read = \"SELECT id,\\n nope FROM t WHERE id = :id\"\n");
  EXPECT_EQ(missing.find("app.toml:3:8: resource /t/{id}: read: "), 0u) << missing;
  EXPECT_NE(missing.find("nope"), std::string::npos) << missing;
  EXPECT_NE(missing.find("line 2, column 2"), std::string::npos) << missing;
  EXPECT_NE(check_sql(path + "read = \"DELETE FROM t WHERE id = :id\"").find("must not write"),
            std::string::npos);
  EXPECT_NE(check_sql(path + "write = \"SELECT :id\"").find("changes nothing"), std::string::npos);
  EXPECT_NE(check_sql(path + "read = \"SELECT id, b AS id FROM t WHERE id = :id\"")
                .find("two columns named id"),
            std::string::npos);
  EXPECT_NE(check_sql(path + "read = \"SELECT id FROM t WHERE id = :id\"\njson = [\"dok\"]")
                .find("no statement answers a column dok"),
            std::string::npos);
}

}  // namespace
}  // namespace paceline
