#include <gtest/gtest.h>

#include "paceline/http.h"

namespace paceline {
namespace {

ServerOptions options_from(std::vector<std::string> sets) {
  ConfigRegistry registry;
  registry.add(http_config_keys());
  const Result<Config> config = Config::load(registry, {.sets = std::move(sets)});
  check(config.has_value(), "the configuration is right");
  return server_options(config->top());
}

TEST(ServerConfig, ItsDefaultsAreThoseOfTheOptions) {
  const ServerOptions read = options_from({});
  const ServerOptions wanted;
  EXPECT_EQ(read.body_max, wanted.body_max);
  EXPECT_EQ(read.header_timeout, wanted.header_timeout);
  EXPECT_EQ(read.body_idle_timeout, wanted.body_idle_timeout);
  EXPECT_EQ(read.body_timeout, wanted.body_timeout);
  EXPECT_EQ(read.handler_timeout, wanted.handler_timeout);
  EXPECT_EQ(read.keep_alive_timeout, wanted.keep_alive_timeout);
  EXPECT_EQ(read.write_timeout, wanted.write_timeout);
  EXPECT_EQ(read.requests_max, wanted.requests_max);
  EXPECT_EQ(read.age_max, wanted.age_max);
  EXPECT_EQ(read.connections_max, wanted.connections_max);
  EXPECT_EQ(read.connections_soft, wanted.connections_soft);
}

TEST(ServerConfig, TheSoftLimitFollowsTheMaximum) {
  const ServerOptions options = options_from(
      {"server.connections_max=100", "server.handler_timeout=0", "server.body_max=2MiB"});
  EXPECT_EQ(options.connections_max, 100U);
  EXPECT_EQ(options.connections_soft, 80U);
  EXPECT_EQ(options.handler_timeout, Duration(0));
  EXPECT_EQ(options.body_max, std::uint64_t{2} << 20);
}

}  // namespace
}  // namespace paceline
