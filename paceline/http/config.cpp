#include "paceline/http/config.h"

#include <limits>

namespace paceline {
namespace {

constexpr ConfigKey kKeys[] = {
    {.name = "server.body_max",
     .kind = ConfigKind::bytes,
     .fallback = "\"1MiB\"",
     .meaning = "Largest request body; a larger one is answered 413."},
    {.name = "server.header_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"10s\"",
     .meaning = "From a request's first byte to the end of its head; then 408."},
    {.name = "server.body_idle_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"10s\"",
     .meaning = "Between two reads of a body; then 408."},
    {.name = "server.body_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"60s\"",
     .meaning = "For a whole body; then 408."},
    {.name = "server.handler_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"30s\"",
     .meaning = "For an answer; then the handler is cancelled and the client gets 503."},
    {.name = "server.keep_alive_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"65s\"",
     .meaning = "How long an idle connection stays open; above the 60 s of most balancers."},
    {.name = "server.write_timeout",
     .kind = ConfigKind::duration,
     .fallback = "\"10s\"",
     .meaning = "Without progress in writing; then the connection is cut."},
    {.name = "server.requests_max",
     .kind = ConfigKind::integer,
     .fallback = "10000",
     .meaning = "Requests on one connection before it is closed, so that load can move.",
     .min = 1,
     .max = std::numeric_limits<std::uint32_t>::max()},
    {.name = "server.age_max",
     .kind = ConfigKind::duration,
     .fallback = "\"1h\"",
     .meaning = "Age of a connection (10 % more or less) after which it is closed."},
    {.name = "server.connections_max",
     .kind = ConfigKind::integer,
     .fallback = "10000",
     .meaning = "Connections of one worker; idle ones close from 80 % on, more are answered 503.",
     .min = 1,
     .max = 1'000'000},
};

}  // namespace

std::span<const ConfigKey> http_config_keys() { return kKeys; }

ServerOptions server_options(const ConfigSection& config) {
  ServerOptions options;
  options.body_max = config.bytes("server.body_max");
  options.header_timeout = config.duration("server.header_timeout");
  options.body_idle_timeout = config.duration("server.body_idle_timeout");
  options.body_timeout = config.duration("server.body_timeout");
  options.handler_timeout = config.duration("server.handler_timeout");
  options.keep_alive_timeout = config.duration("server.keep_alive_timeout");
  options.write_timeout = config.duration("server.write_timeout");
  options.requests_max = static_cast<std::uint32_t>(config.integer("server.requests_max"));
  options.age_max = config.duration("server.age_max");
  const std::int64_t connections = config.integer("server.connections_max");
  options.connections_max = static_cast<std::uint32_t>(connections);
  options.connections_soft = static_cast<std::uint32_t>(connections * 8 / 10);
  return options;
}

}  // namespace paceline
