#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "paceline/core/config.h"
#include "paceline/core/config_hint.h"
#include "paceline/core/config_testing.h"

namespace paceline {
namespace {

using namespace config_testing;  // NOLINT: the fixture of this file

TEST(ConfigError, UnknownKeyNamesTheNearestKnownOne) {
  EXPECT_EQ(bad_file("\n  wrokers = 3"),
            "app.toml:2:3: unknown key wrokers; did you mean workers?");
  EXPECT_EQ(bad_file("[cache.l1]\nmax_byte = 3"),
            "app.toml:2:1: unknown key cache.l1.max_byte; did you mean cache.l1.max_bytes?");
  EXPECT_EQ(bad_file("[cach.l1]\nttl = '1s'"),
            "app.toml:1:2: unknown key cach; did you mean cache?");
  EXPECT_EQ(bad_file("[[resourc]]\npath = '/'"),
            "app.toml:1:3: unknown key resourc; did you mean resource?");
}

TEST(ConfigError, TheRightNameInTheWrongTableIsFound) {
  EXPECT_EQ(bad_file("server.durable = true"),
            "app.toml:1:8: unknown key server.durable; did you mean database.durable?");
}

TEST(ConfigError, WithoutANearKeyTheKnownOnesAreListed) {
  EXPECT_EQ(bad_file("[log]\ntelescope = 1"),
            "app.toml:2:1: unknown key log.telescope; known here: log.format");
  EXPECT_EQ(bad_file("telescope = 1"),
            "app.toml:1:1: unknown key telescope; known here: cache, database, extra, log, "
            "resource, server, workers");
}

TEST(ConfigError, AQuotedKeyIsNotAPath) {
  EXPECT_NE(bad_file("\"cache.l1.max\" = 1").find("unknown key cache.l1.max"), std::string::npos);
}

TEST(ConfigError, ANameOfTheGuideIsTranslated) {
  EXPECT_EQ(bad_file("idleTimeoutMillis = 30000"),
            "app.toml:1:1: idleTimeoutMillis is called database.pool.idle_timeout here: "
            "database.pool.idle_timeout = \"30s\"");
  EXPECT_EQ(bad_file("[database]\n  pool.idle_timeout_millis = 1500"),
            "app.toml:2:8: idle_timeout_millis is called database.pool.idle_timeout here: "
            "database.pool.idle_timeout = \"1s500ms\"");
  EXPECT_EQ(bad_file("[cache]\nstdTTL = 600"),
            "app.toml:2:1: stdTTL is called cache.l1.ttl here: cache.l1.ttl = \"10m\"");
  EXPECT_EQ(bad_file("maxSize = 1048576"),
            "app.toml:1:1: maxSize is called cache.l1.max_bytes here: cache.l1.max_bytes = "
            "\"1MiB\"");
  EXPECT_EQ(bad_file("idleTimeoutMillis = 0"),
            "app.toml:1:1: idleTimeoutMillis is called database.pool.idle_timeout here: "
            "database.pool.idle_timeout = 0");
}

TEST(ConfigError, AGuideNameWithTwoMeaningsGivesBoth) {
  EXPECT_EQ(bad_file("max = 50"),
            "app.toml:1:1: max is called cache.l1.max or database.pool.max here: "
            "cache.l1.max = 50, or database.pool.max = 50");
}

TEST(ConfigError, TheGuidesTablesAreTranslatedKeyByKey) {
  EXPECT_EQ(bad_file("[pool]\nidleTimeoutMillis = 30000\nother = 1"),
            "app.toml:2:1: idleTimeoutMillis is called database.pool.idle_timeout here: "
            "database.pool.idle_timeout = \"30s\"\n"
            "app.toml:3:1: unknown key pool.other; known here: cache, database, extra, log, "
            "resource, server, workers");
}

TEST(ConfigError, GuideNamesInsideAndOutsideATable) {
  EXPECT_EQ(bad_file("cacheSeconds = 60"),
            "app.toml:1:1: cacheSeconds is called ttl in [[resource]] here: ttl = \"1m\"");
  EXPECT_EQ(bad_file("[[resource]]\npath = '/'\ncacheSeconds = '60'"),
            "app.toml:3:1: cacheSeconds is called ttl here: ttl = \"1m\"");
}

TEST(ConfigError, GuideNamesInFlagsAndEnvironment) {
  ConfigSources sources;
  sources.sets = {"pool.idleTimeoutMillis=30000"};
  EXPECT_EQ(bad(sources),
            "--set: idleTimeoutMillis is called database.pool.idle_timeout here: "
            "database.pool.idle_timeout = \"30s\"");
  sources.sets.clear();
  sources.environment = {"PACELINE_IDLE_TIMEOUT_MILLIS=30000"};
  EXPECT_EQ(bad(sources),
            "PACELINE_IDLE_TIMEOUT_MILLIS: idleTimeoutMillis is called "
            "PACELINE_DATABASE_POOL_IDLE_TIMEOUT here: "
            "PACELINE_DATABASE_POOL_IDLE_TIMEOUT=\"30s\"");
}

TEST(ConfigError, UnknownVariablesAndFlags) {
  ConfigSources sources;
  sources.environment = {"PACELINE_CACHE_L1_MXA=1", "PACELINE_TELESCOPE=1"};
  sources.sets = {"cache.l1.mxa=1", "workers", "resource=1"};
  EXPECT_EQ(bad(sources),
            "PACELINE_CACHE_L1_MXA: unknown variable; did you mean PACELINE_CACHE_L1_MAX?\n"
            "PACELINE_TELESCOPE: unknown variable; the key cache.l1.max would be "
            "PACELINE_CACHE_L1_MAX\n"
            "--set: unknown key cache.l1.mxa; did you mean cache.l1.max?\n"
            "--set: expected key=value, got \"workers\"\n"
            "--set: resource: tables can only stand in a file, as [[resource]]");
}

TEST(ConfigError, EveryErrorIsReportedAtOnce) {
  ConfigSources sources = file("workers = 1.5\nwho = 1\n[log]\nformat = 'xml'\n[[resource]]\n");
  sources.environment = {"PACELINE_CACHE_L1_TTL=soon"};
  sources.sets = {"database.durable=maybe"};
  EXPECT_EQ(bad(sources),
            "app.toml:1:11: workers: expected \"auto\", \"io\" or \"cpu\", or an integer from 1 to "
            "1024, got 1.5\n"
            "app.toml:2:1: unknown key who; known here: cache, database, extra, log, resource, "
            "server, workers\n"
            "app.toml:4:10: log.format: expected \"auto\", \"text\" or \"json\", got \"xml\"\n"
            "app.toml:5:1: resource.path is missing: expected a string. Route.\n"
            "PACELINE_CACHE_L1_TTL: cache.l1.ttl: expected a duration such as \"30s\", \"250ms\" "
            "or \"1h30m\", or 0 for off, got \"soon\"\n"
            "--set: database.durable: expected true or false, got \"maybe\"");
}

TEST(ConfigError, WrongTypesSayWhatStandsThere) {
  EXPECT_NE(bad_file("database.url = 5").find("expected a string, got 5"), std::string::npos);
  EXPECT_NE(bad_file("database.url = [1]").find("got an array"), std::string::npos);
  EXPECT_NE(bad_file("database.url = {}").find("got a table"), std::string::npos);
  EXPECT_NE(bad_file("extra = 2026-01-01").find("got a date or time"), std::string::npos);
  EXPECT_NE(bad_file("extra = [{a = 10:00:00}]").find("expected a value other than"),
            std::string::npos);
  EXPECT_EQ(bad_file("server.listen = ['a', 7]"),
            "app.toml:1:17: server.listen: expected a string or an array of strings, got 7 at "
            "app.toml:1:23");
  EXPECT_EQ(bad_file("cache = 5"), "app.toml:1:9: cache: expected a table, [cache]");
  EXPECT_EQ(bad_file("[resource]\npath = '/'"),
            "app.toml:1:1: resource: expected an array of tables, [[resource]]");
  EXPECT_EQ(bad_file("resource = [1]"), "app.toml:1:13: resource: expected a table, [[resource]]");
  EXPECT_NE(bad_file("cache.l1.max = -1").find("an integer of at least 0, got -1"),
            std::string::npos);
  EXPECT_NE(bad_file("database.migrations = \"a\\u0000b\"").find("got \"a\\x00b\""),
            std::string::npos);
}

TEST(ConfigError, SyntaxErrorsAndDuplicatesHaveAPosition) {
  EXPECT_TRUE(bad_file("workers = 1\nlog = [").starts_with("app.toml:2:"));
  EXPECT_TRUE(bad_file("workers = 1\nworkers = 2").starts_with("app.toml:2:"));
  EXPECT_TRUE(bad_file("[log]\n[log]\n").starts_with("app.toml:2:"));
  EXPECT_TRUE(bad_file("workers = auto").starts_with("app.toml:1:"));
  EXPECT_NE(bad_file("workers = \xff").find("not valid TOML"), std::string::npos);
}

TEST(ConfigError, ASyntaxErrorDoesNotHideTheOtherSources) {
  ConfigSources sources = file("=");
  sources.sets = {"wrokers=1"};
  EXPECT_NE(bad(sources).find("\n--set: unknown key wrokers"), std::string::npos);
}

TEST(ConfigError, SecretsDoNotShowInErrors) {
  EXPECT_EQ(bad_file("database.password = 12345").find("12345"), std::string::npos);
  EXPECT_EQ(bad_file("log.format = 'postgres://u:hidden@h/d'").find("hidden"), std::string::npos);
}

TEST(ConfigError, BytesThatAreNotUtf8AreRefused) {
  ConfigSources sources;
  sources.environment = {"PACELINE_DATABASE_URL=\xff"};
  EXPECT_EQ(bad(sources), "PACELINE_DATABASE_URL: database.url: expected UTF-8");
}

TEST(ConfigError, NoGarbageBreaksTheLoader) {
  std::mt19937 random(5);
  const std::vector<std::string> pieces = {
      "workers", "cache", ".",  "l1", "=",   "[",    "]",  "[[resource]]",
      "{",       "}",     "\"", "'",  "\n",  "1",    "-",  "0x",
      ",",       "#",     " ",  "\\", "max", "\xc3", "\t", "path = '/'\n"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += pieces[random() % pieces.size()];
    ConfigSources sources = file(text);
    sources.environment = {"PACELINE_" + text};
    sources.sets = {text, "extra=" + text};
    const auto config = Config::load(registry(), sources);
    if (!config) {
      EXPECT_FALSE(config.error().message.empty());
    }
  }
}

TEST(ConfigError, EnvironmentNamesAreUpperCaseWithUnderscores) {
  EXPECT_EQ(environment_name("cache.l1.max_bytes"), "PACELINE_CACHE_L1_MAX_BYTES");
}

}  // namespace
}  // namespace paceline
