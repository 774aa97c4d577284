// The keys, and the short calls, that the tests of the configuration share.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>

#include "paceline/core/config.h"

namespace paceline::config_testing {

inline constexpr std::array<ConfigKey, 13> kKeys = {{
    {.name = "workers",
     .kind = ConfigKind::integer,
     .fallback = "\"auto\"",
     .meaning = "Worker processes.",
     .choices = "auto|io|cpu",
     .min = 1,
     .max = 1024},
    {.name = "server.listen",
     .kind = ConfigKind::list,
     .fallback = "\"127.0.0.1:8000\"",
     .meaning = "Addresses."},
    {.name = "cache.l1.max",
     .kind = ConfigKind::integer,
     .fallback = "500",
     .meaning = "Entries.",
     .guide = "max"},
    {.name = "cache.l1.max_bytes",
     .kind = ConfigKind::bytes,
     .fallback = "\"64MiB\"",
     .meaning = "Memory.",
     .guide = "maxSize"},
    {.name = "cache.l1.ttl",
     .kind = ConfigKind::duration,
     .fallback = "\"1h\"",
     .meaning = "Age.",
     .guide = "ttl:ms|stdTTL:s"},
    {.name = "database.url", .fallback = "\"sqlite:data.db\"", .meaning = "Where the data is."},
    {.name = "database.password", .fallback = "\"\"", .meaning = "Password.", .secret = true},
    {.name = "database.migrations",
     .kind = ConfigKind::path,
     .fallback = "\"\"",
     .meaning = "Folder."},
    {.name = "database.durable",
     .kind = ConfigKind::boolean,
     .fallback = "true",
     .meaning = "Sync."},
    {.name = "database.pool.idle_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"10s\"",
     .meaning = "Idle connections close.",
     .guide = "idleTimeoutMillis"},
    {.name = "database.pool.max",
     .kind = ConfigKind::integer,
     .fallback = "20",
     .meaning = "Connections.",
     .guide = "max",
     .min = 1,
     .max = 100},
    {.name = "log.format",
     .kind = ConfigKind::choice,
     .fallback = "\"auto\"",
     .meaning = "Format.",
     .choices = "auto|text|json"},
    {.name = "extra", .kind = ConfigKind::value, .fallback = "{}", .meaning = "Anything."},
}};

inline constexpr std::array<ConfigKey, 4> kResourceKeys = {{
    {.name = "path", .meaning = "Route."},
    {.name = "ttl",
     .kind = ConfigKind::duration,
     .fallback = "\"1h\"",
     .meaning = "Age.",
     .guide = "cacheSeconds"},
    {.name = "query", .kind = ConfigKind::value, .fallback = "{}", .meaning = "Parameters."},
    {.name = "limits.rows", .kind = ConfigKind::integer, .fallback = "1000", .meaning = "Rows."},
}};

inline ConfigRegistry registry() {
  ConfigRegistry registry;
  registry.add(kKeys);
  registry.add_table("resource", kResourceKeys, "One route of the data service.");
  return registry;
}

inline ConfigSources file(std::string text) {
  ConfigSources sources;
  sources.file_name = "app.toml";
  sources.file_text = std::move(text);
  return sources;
}

inline Config good(const ConfigSources& sources) {
  auto config = Config::load(registry(), sources);
  EXPECT_TRUE(config) << config.error().message;
  return config.value();
}

inline std::string bad(const ConfigSources& sources) {
  const auto config = Config::load(registry(), sources);
  EXPECT_FALSE(config);
  return config ? "" : config.error().message;
}

inline std::string bad_file(const std::string& text) { return bad(file(text)); }

}  // namespace paceline::config_testing
