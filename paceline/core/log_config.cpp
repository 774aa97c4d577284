#include <unistd.h>

#include <array>
#include <limits>

#include "paceline/core/log.h"
#include "paceline/core/text.h"

namespace paceline {
namespace {

constexpr std::array<ConfigKey, 4> kKeys = {{
    {.name = "log.level",
     .kind = ConfigKind::choice,
     .fallback = "\"info\"",
     .meaning = "The least important lines that are written.",
     .choices = "debug|info|warning|error|off"},
    {.name = "log.format",
     .kind = ConfigKind::choice,
     .fallback = "\"auto\"",
     .meaning = "Text for people, JSON for machines; auto is text on a terminal, else JSON.",
     .choices = "auto|text|json"},
    {.name = "log.access",
     .kind = ConfigKind::text,
     .fallback = "\"errors\"",
     .meaning = "Which requests are logged: \"off\", \"errors\" (5xx, or slower than log.slow), "
                "\"all\", or a fraction such as \"1/100\" (and every error)."},
    {.name = "log.slow",
     .kind = ConfigKind::duration,
     .fallback = "\"500ms\"",
     .meaning = "A slower answer counts as an error in the access log; 0 counts none."},
}};

LogLevel level_of(std::string_view name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  return name == "off" ? LogLevel::off : LogLevel::info;
}

}  // namespace

std::span<const ConfigKey> log_config_keys() { return kKeys; }

LogOptions log_options(const ConfigSection& config, std::string role, int fd) {
  LogOptions options;
  options.level = level_of(config.text("log.level"));
  const std::string& format = config.text("log.format");
  options.json = format == "json" || (format == "auto" && ::isatty(fd) == 0);
  options.role = std::move(role);
  options.fd = fd;
  return options;
}

Result<AccessPolicy> access_policy(const ConfigSection& config) {
  AccessPolicy policy;
  policy.slow = config.duration("log.slow");
  const std::string_view text = config.text("log.access");
  if (text == "errors") return policy;
  if (text == "off") {
    policy.errors = false;
    return policy;
  }
  if (text == "all") {
    policy.every = 1;
    return policy;
  }
  if (text.starts_with("1/")) {
    const auto every = parse_unsigned(text.substr(2));
    if (every && *every > 0 && *every <= std::numeric_limits<std::uint32_t>::max()) {
      policy.every = static_cast<std::uint32_t>(*every);
      return policy;
    }
  }
  return fail(Code::invalid, config.place("log.access").text() +
                                 ": log.access: expected \"off\", \"errors\", \"all\" or a "
                                 "fraction such as \"1/100\", got \"" +
                                 printable(text, 40) + "\"");
}

}  // namespace paceline
