#include "paceline/core/config_print.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "paceline/core/config.h"
#include "paceline/core/config_convert.h"
#include "paceline/core/config_parse.h"
#include "paceline/core/config_testing.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

using namespace config_testing;  // NOLINT: the fixture of this file

/// Without the places, which differ after a round trip.
std::string values(const Config& config) {
  std::string out;
  std::string line;
  for (const char c : config.serialise() + config.describe()) {
    line += c;
    if (c != '\n') continue;
    out += line.substr(0, line.rfind("   # ")) + "\n";
    line.clear();
  }
  return out;
}

class Random {
 public:
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }

  std::string text() {
    static const std::vector<std::string> pieces = {
        "a",    "Z",    "\"",       "'",   "\\",     "\n",    "\t",  "#", "=",
        "[",    "]",    "{",        "ä",   "→",      "🎉",    " ",   ".", std::string(1, '\0'),
        "\x1b", "\x7f", "\xc2\x85", "'''", "\"\"\"", ":name", "://", "@"};
    std::string out;
    for (auto n = below(8); n > 0; --n) out += pieces[below(pieces.size())];
    return out;
  }

  ConfigValue value(int depth) {
    ConfigValue value;
    switch (below(depth > 0 ? 7 : 4)) {
      case 0:
        value.data = text();
        break;
      case 1:
        value.data = static_cast<std::int64_t>(engine_());
        break;
      case 2:
        value.data = number();
        break;
      case 3:
        value.data = below(2) == 0;
        break;
      case 4: {
        ConfigValue::Array array;
        for (auto n = below(4); n > 0; --n) array.push_back(this->value(depth - 1));
        value.data = std::move(array);
        break;
      }
      default: {
        ConfigValue::Table table;
        for (auto n = below(4); n > 0; --n) {
          table.push_back({text() + std::to_string(n), this->value(depth - 1)});
        }
        value.data = std::move(table);
      }
    }
    return value;
  }

 private:
  double number() {
    switch (below(4)) {
      case 0:
        return std::numeric_limits<double>::infinity();
      case 1:
        return static_cast<double>(below(1000));
      case 2:
        return 1e300 / static_cast<double>(1 + below(1000));
      default:
        return -1.0 / static_cast<double>(1 + below(1000));
    }
  }
  std::mt19937_64 engine_{17};
};

TEST(ConfigPrint, EveryValueSurvivesPrintAndParse) {
  Random random;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = toml_text(random.value(4));
    const auto parsed = parse_toml_value(text, {});
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(toml_text(*parsed), text);
  }
}

TEST(ConfigPrint, EveryConfigurationSurvivesSerialiseAndLoad) {
  Random random;
  for (int i = 0; i < 300; ++i) {
    ConfigSources sources = file("");
    std::string& text = sources.file_text;
    const auto add = [&](const std::string& name, const std::string& value) {
      if (random.below(2) == 0) text += name + " = " + value + "\n";
    };
    const auto quoted = [&](const std::string& value) {
      ConfigValue v;
      v.data = value;
      return toml_text(v);
    };
    add("workers", random.below(2) == 0 ? "\"io\"" : "7");
    add("server.listen", "[" + quoted(random.text()) + ", " + quoted(random.text()) + "]");
    add("cache.l1.max", std::to_string(random.below(1000)));
    add("cache.l1.max_bytes", "\"" + std::to_string(random.below(1U << 20U)) + "B\"");
    add("cache.l1.ttl", "\"" + std::to_string(random.below(1U << 20U)) + "us\"");
    add("database.url", quoted(random.text()));
    add("database.password", quoted(random.text()));
    add("database.migrations", "\"some/folder\"");
    add("database.durable", "false");
    add("extra", toml_text(random.value(3)));
    for (auto n = random.below(3); n > 0; --n) {
      text += "[[resource]]\npath = " + quoted(random.text()) + "\n";
      add("query", toml_text(random.value(2)));
      add("limits.rows", "3");
    }
    const Config config = good(sources);
    ConfigSources again = file(config.serialise());
    again.file_name = "/elsewhere/memory";
    EXPECT_EQ(values(good(again)), values(config)) << config.serialise();
    EXPECT_EQ(good(again).top().is_set("workers"), config.top().is_set("workers"));
    EXPECT_EQ(good(again).top().text("database.url"), config.top().text("database.url"));
    EXPECT_EQ(good(again).top().text("database.password"), config.top().text("database.password"));
  }
}

TEST(ConfigPrint, DescribeGivesEveryValueWithItsOrigin) {
  ConfigSources sources = file("[cache.l1]\nmax = 5\n[[resource]]\npath = '/a'");
  sources.environment = {"PACELINE_CACHE_L1_TTL=90m"};
  sources.sets = {"workers=io"};
  const std::string text = good(sources).describe();
  for (const char* line :
       {"cache.l1.max = 5   # app.toml:2:7\n",
        "cache.l1.ttl = \"1h30m\"   # PACELINE_CACHE_L1_TTL\n", "workers = \"io\"   # --set\n",
        "cache.l1.max_bytes = \"64MiB\"   # default\n",
        "resource[0].path = \"/a\"   # app.toml:4:8\n", "resource[0].ttl = \"1h\"   # default\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(ConfigPrint, DescribeMasksSecretsWhereverTheyStand) {
  const Config config = good(file(R"(
database.url = "postgres://user:hidden1@host:5432/db"
database.password = "hidden2"
server.listen = ["redis://:hidden3@host"]
extra = { a = [{ b = "host=x password='hidden4 hidden5' user=y" }] }
)"));
  const std::string text = config.describe();
  EXPECT_EQ(text.find("hidden"), std::string::npos) << text;
  EXPECT_NE(text.find("\"postgres://user:***@host:5432/db\""), std::string::npos);
  EXPECT_NE(text.find("database.password = \"***\""), std::string::npos);
  EXPECT_NE(config.serialise().find("hidden1"), std::string::npos) << "the children need it";
}

TEST(ConfigPrint, PasswordsAreFoundInUrlsAndConnectionStrings) {
  EXPECT_EQ(mask_passwords("postgres://u:p@h/d"), "postgres://u:***@h/d");
  EXPECT_EQ(mask_passwords("postgres://u:p/a?b@h/d"), "postgres://u:***@h/d");
  EXPECT_EQ(mask_passwords("postgres://u:p@q@h/d"), "postgres://u:***@h/d");
  EXPECT_EQ(mask_passwords("postgres://h:5432/d"), "postgres://h:5432/d");
  EXPECT_EQ(mask_passwords("postgres://u@h/d"), "postgres://u@h/d");
  EXPECT_EQ(mask_passwords("a://u:p@h b://v:q@h"), "a://u:***@h b://v:***@h");
  EXPECT_EQ(mask_passwords("x?user=a&Password=secret&b=c"), "x?user=a&Password=***&b=c");
  EXPECT_EQ(mask_passwords("password='a b' user=c"), "password=***' user=c");
  EXPECT_EQ(mask_passwords("sqlite:data.db"), "sqlite:data.db");
  EXPECT_EQ(mask_passwords("://:@"), "://:***@");
}

TEST(ConfigTemplate, LoadsUnchangedToTheDefaults) {
  const std::string text =
      config_template(registry(), "An application.", "[[resource]]\npath = \"/a\"\n");
  const Config config = good(file(text));
  EXPECT_EQ(config.tables("resource").size(), 1U);
  EXPECT_FALSE(config.top().is_set("cache.l1.max"));
  for (const ConfigKey& key : kKeys) EXPECT_FALSE(config.top().is_set(key.name));
}

TEST(ConfigTemplate, TakesSettingsIntoItsOwnSections) {
  const std::string text = config_template(registry(), "One line.\nAnother.",
                                           "[cache.l1]\nmax = 7\n\n# Why.\n[[resource]]\n"
                                           "path = \"/a\"\n");
  EXPECT_TRUE(text.starts_with("# One line.\n# Another.\n\n")) << text;
  EXPECT_TRUE(text.ends_with("\n# Why.\n[[resource]]\npath = \"/a\"\n")) << text;
  const Config config = good(file(text));
  EXPECT_EQ(config.top().integer("cache.l1.max"), 7);
  EXPECT_EQ(config.tables("resource").size(), 1U);
}

TEST(ConfigTemplate, WithoutItsHashesEverySettingLoads) {
  std::string text;
  std::string line;
  for (const char c : config_template(registry(), "", "")) {
    line += c;
    if (c != '\n') continue;
    if (line.starts_with("# [[resource]]")) break;  // from here on, keys of the table
    const bool setting = line.size() > 2 && line[0] == '#' && line[1] != ' ';
    text += setting ? line.substr(1) : line;
    line.clear();
  }
  const Config config = good(file(text));
  for (const ConfigKey& key : kKeys) EXPECT_TRUE(config.top().is_set(key.name)) << key.name;
  EXPECT_EQ(config.top().integer("cache.l1.max"), 500);
}

TEST(ConfigTemplate, ShowsMeaningKindAndGuideName) {
  const std::string text = config_template(registry(), "", "");
  EXPECT_NE(text.find("# Idle connections close. A duration such as \"30s\", \"250ms\" or "
                      "\"1h30m\", or 0 for off. The guide\n"
                      "# calls it idleTimeoutMillis.\n#idle_timeout = \"10s\"\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# Route. A string. Required.\n#path =\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace paceline
