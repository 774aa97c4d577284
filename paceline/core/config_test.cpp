#include "paceline/core/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "paceline/core/config_testing.h"
#include "paceline/core/log.h"

namespace paceline {
namespace {

using namespace config_testing;  // NOLINT: the fixture of this file

TEST(Config, WithoutAnySourceTheDefaultsStand) {
  const Config config = good({});
  EXPECT_EQ(config.top().text("workers"), "auto");
  EXPECT_EQ(config.top().integer("cache.l1.max"), 500);
  EXPECT_EQ(config.top().bytes("cache.l1.max_bytes"), std::uint64_t{64} << 20);
  EXPECT_EQ(config.top().duration("cache.l1.ttl"), 1h);
  EXPECT_EQ(config.top().list("server.listen"), std::vector<std::string>{"127.0.0.1:8000"});
  EXPECT_TRUE(config.top().boolean("database.durable"));
  EXPECT_EQ(config.top().text("database.migrations"), "") << "no path, not the working directory";
  EXPECT_FALSE(config.top().is_set("workers"));
  EXPECT_EQ(config.top().place("workers").text(), "default");
  EXPECT_TRUE(config.tables("resource").empty());
}

TEST(Config, EveryKindIsReadFromAFile) {
  const Config config = good(file(R"(
workers = 3
extra = { z = [1, 2.5, "x"], b = { c = true } }
[server]
listen = ["127.0.0.1:1", "unix:a"]
[cache.l1]
max = 0
max_bytes = "1GiB"
ttl = 0
[database]
durable = false
pool = { max = 7, idle_timeout = "250ms" }
[log]
format = "json"
)"));
  EXPECT_EQ(config.top().text("workers"), "3");
  EXPECT_EQ(config.top().integer("workers"), 3);
  EXPECT_EQ(config.top().list("server.listen").size(), 2U);
  EXPECT_EQ(config.top().integer("cache.l1.max"), 0);
  EXPECT_EQ(config.top().bytes("cache.l1.max_bytes"), std::uint64_t{1} << 30);
  EXPECT_EQ(config.top().duration("cache.l1.ttl"), 0s);
  EXPECT_FALSE(config.top().boolean("database.durable"));
  EXPECT_EQ(config.top().duration("database.pool.idle_timeout"), 250ms);
  EXPECT_EQ(config.top().text("log.format"), "json");
  const ConfigValue& extra = config.top().value("extra");
  ASSERT_NE(extra.table(), nullptr);
  EXPECT_EQ(extra.table()->at(0).key, "z") << "the file's order";
  EXPECT_EQ(extra.table()->at(0).value.array()->size(), 3U);
  EXPECT_TRUE(config.top().is_set("workers"));
  EXPECT_EQ(config.top().place("workers").text(), "app.toml:2:11");
}

TEST(Config, ZeroNeedsNoUnitAndANumberDoes) {
  const auto ttl = [](const std::string& text) {
    return good(file("cache.l1.ttl = " + text)).top().duration("cache.l1.ttl");
  };
  EXPECT_EQ(ttl("0"), 0s);
  EXPECT_EQ(ttl("\"0\""), 0s);
  EXPECT_EQ(ttl("\"0s\""), 0s);
  EXPECT_EQ(good(file("cache.l1.max_bytes = 0")).top().bytes("cache.l1.max_bytes"), 0U);
  EXPECT_EQ(bad_file("cache.l1.ttl = 30"),
            "app.toml:1:16: cache.l1.ttl: expected a duration such as \"30s\", \"250ms\" or "
            "\"1h30m\", or 0 for off, got 30 without a unit");
  EXPECT_EQ(bad_file("cache.l1.max_bytes = \"64\""),
            "app.toml:1:22: cache.l1.max_bytes: expected a size such as \"64MiB\" or \"512B\", or "
            "0 for off, got \"64\" without a unit");
}

TEST(Config, AFlagBeatsTheEnvironmentBeatsTheFileBeatsTheDefault) {
  ConfigSources sources = file("cache.l1.max = 1\n");
  EXPECT_EQ(good(sources).top().integer("cache.l1.max"), 1);
  sources.environment = {"PATH=/bin", "PACELINE_CACHE_L1_MAX=2", "PACELINE_INTERNAL_ROLE=worker"};
  EXPECT_EQ(good(sources).top().integer("cache.l1.max"), 2);
  EXPECT_EQ(good(sources).top().place("cache.l1.max").text(), "PACELINE_CACHE_L1_MAX");
  sources.sets = {"cache.l1.max=3", "cache.l1.max = 4"};
  EXPECT_EQ(good(sources).top().integer("cache.l1.max"), 4);
  EXPECT_EQ(good(sources).top().place("cache.l1.max").text(), "--set");
}

TEST(Config, OutsideTheFileAValueIsTomlOrBareText) {
  ConfigSources sources;
  sources.environment = {"PACELINE_CACHE_L1_TTL=30s", "PACELINE_DATABASE_URL=sqlite:a b.db"};
  sources.sets = {"workers=io",
                  "server.listen=[\"a:1\", \"b:2\"]",
                  "log.format=\"json\"",
                  "database.password=1234",
                  "database.durable=false",
                  "extra={ a = 1 }",
                  "database.pool.max=1_0"};
  const Config config = good(sources);
  EXPECT_EQ(config.top().duration("cache.l1.ttl"), 30s);
  EXPECT_EQ(config.top().text("database.url"), "sqlite:a b.db");
  EXPECT_EQ(config.top().text("workers"), "io");
  EXPECT_EQ(config.top().list("server.listen").size(), 2U);
  EXPECT_EQ(config.top().text("log.format"), "json");
  EXPECT_EQ(config.top().text("database.password"), "1234");
  EXPECT_FALSE(config.top().boolean("database.durable"));
  EXPECT_EQ(config.top().integer("database.pool.max"), 10);
  EXPECT_EQ(config.top().value("extra").table()->size(), 1U);
}

TEST(Config, AFlagCannotSmuggleInASecondKey) {
  ConfigSources sources;
  sources.sets = {"database.url=\"a\"\nworkers = 7"};
  const Config config = good(sources);
  EXPECT_EQ(config.top().text("database.url"), "\"a\"\nworkers = 7");
  EXPECT_EQ(config.top().text("workers"), "auto");
}

TEST(Config, PathsAreRelativeToTheFileThatNamesThem) {
  ConfigSources sources = file("database.migrations = \"../migrations\"");
  sources.file_name = "/etc/paceline/app.toml";
  EXPECT_EQ(good(sources).top().text("database.migrations"), "/etc/migrations");
  const std::string here = std::filesystem::current_path().string();
  sources.file_name = "sub/app.toml";
  EXPECT_EQ(good(sources).top().text("database.migrations"), here + "/migrations");
  sources.sets = {"database.migrations=m"};
  EXPECT_EQ(good(sources).top().text("database.migrations"), here + "/m");
  sources.sets = {"database.migrations=/m"};
  EXPECT_EQ(good(sources).top().text("database.migrations"), "/m");
}

TEST(Config, TablesAreReadInOrderWithTheirDefaults) {
  const Config config = good(file(R"(
[[resource]]
path = "/b"
ttl = "0"
[[resource]]
path = "/a"
query = { after = "", limit = { default = 50, max = 1000 } }
[resource.limits]
rows = 5
)"));
  const auto resources = config.tables("resource");
  ASSERT_EQ(resources.size(), 2U);
  EXPECT_EQ(resources[0].text("path"), "/b");
  EXPECT_EQ(resources[0].duration("ttl"), 0s);
  EXPECT_EQ(resources[0].integer("limits.rows"), 1000);
  EXPECT_EQ(resources[0].place().text(), "app.toml:2:1");
  EXPECT_EQ(resources[1].duration("ttl"), 1h);
  EXPECT_EQ(resources[1].integer("limits.rows"), 5);
  EXPECT_EQ(resources[1].value("query").table()->at(1).key, "limit");
}

TEST(Config, TablesMayBeInline) {
  const Config config = good(file("resource = [{ path = '/a' }, { path = '/b', ttl = '1s' }]"));
  ASSERT_EQ(config.tables("resource").size(), 2U);
  EXPECT_EQ(config.tables("resource")[1].duration("ttl"), 1s);
  EXPECT_TRUE(good(file("resource = []")).tables("resource").empty());
}

TEST(Config, DefaultsCanBeReplaced) {
  ConfigRegistry own = registry();
  own.set_fallback("cache.l1.max", "7");
  own.set_fallback("resource", "[[resource]]\npath = \"/data/{id}\"");
  const Config config = Config::load(own, {}).value();
  EXPECT_EQ(config.top().integer("cache.l1.max"), 7);
  EXPECT_FALSE(config.top().is_set("cache.l1.max"));
  ASSERT_EQ(config.tables("resource").size(), 1U);
  EXPECT_EQ(config.tables("resource")[0].text("path"), "/data/{id}");
  EXPECT_TRUE(Config::load(own, file("resource = []"))->tables("resource").empty());
  const Config again = Config::load(own, file(config.serialise())).value();
  EXPECT_EQ(again.tables("resource").size(), 1U);
}

TEST(Config, WordsOfAnIntegerAreReadAsText) {
  EXPECT_EQ(good(file("workers = \"cpu\"")).top().text("workers"), "cpu");
  EXPECT_EQ(good(file("workers = 12")).top().text("workers"), "12");
  EXPECT_EQ(bad_file("workers = \"atuo\""),
            "app.toml:1:11: workers: expected \"auto\", \"io\" or \"cpu\", or an integer from 1 to "
            "1024, got \"atuo\"; did you mean \"auto\"?");
  EXPECT_NE(bad_file("workers = 0").find("got 0"), std::string::npos);
}

TEST(ConfigDeathTest, AskingForWhatIsNotThereIsABug) {
  const Config config = good({});
  EXPECT_DEATH(static_cast<void>(config.top().integer("cache.l1.mx")), "cache.l1.mx");
  EXPECT_DEATH(static_cast<void>(config.top().boolean("cache.l1.max")), "cache.l1.max");
  EXPECT_DEATH(static_cast<void>(config.tables("none")), "none");
  ConfigRegistry twice = registry();
  EXPECT_DEATH(twice.add(kKeys), "workers");
}

TEST(Config, TheLogReadsItsKeys) {
  ConfigRegistry log;
  log.add(log_config_keys());
  const auto load = [&](const std::string& text) {
    ConfigSources sources = file(text);
    return Config::load(log, sources).value();
  };
  const Config defaults = load("");
  EXPECT_EQ(log_options(defaults.top(), "x", -1).level, LogLevel::info);
  EXPECT_TRUE(log_options(defaults.top(), "x", -1).json) << "no terminal";
  const Config text = load("[log]\nlevel = 'error'\nformat = 'text'\nslow = '1s'");
  EXPECT_EQ(log_options(text.top(), "x", -1).level, LogLevel::error);
  EXPECT_FALSE(log_options(text.top(), "x", -1).json);
  EXPECT_EQ(access_policy(text.top())->slow, 1s);
  EXPECT_TRUE(access_policy(text.top())->errors);
  EXPECT_FALSE(access_policy(load("log.access = 'off'").top())->errors);
  EXPECT_EQ(access_policy(load("log.access = 'all'").top())->every, 1U);
  EXPECT_EQ(access_policy(load("log.access = '1/100'").top())->every, 100U);
  for (const char* wrong : {"1/0", "1/", "2/3", "none", "1/99999999999"}) {
    const auto policy = access_policy(load("log.access = '" + std::string(wrong) + "'").top());
    ASSERT_FALSE(policy) << wrong;
    EXPECT_TRUE(policy.error().message.starts_with("app.toml:1:14: log.access: expected"));
  }
}

}  // namespace
}  // namespace paceline
