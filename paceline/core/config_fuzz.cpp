// Any bytes as a file, as flags and as the environment: an error or a configuration that
// survives a round trip.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "paceline/core/config.h"
#include "paceline/core/log.h"

namespace {

constexpr std::array<paceline::ConfigKey, 2> kTableKeys = {{
    {.name = "path", .meaning = "Route."},
    {.name = "query",
     .kind = paceline::ConfigKind::value,
     .fallback = "{}",
     .meaning = "Parameters.",
     .guide = "params"},
}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  paceline::ConfigRegistry registry;
  registry.add(paceline::log_config_keys());
  registry.add_table("resource", kTableKeys, "A route.");
  paceline::ConfigSources sources;
  sources.file_name = "fuzz.toml";
  sources.file_text = text;
  sources.sets = {text};
  sources.environment = {"PACELINE_" + text};
  static_cast<void>(paceline::Config::load(registry, sources));
  sources.sets.clear();
  sources.environment.clear();
  const auto config = paceline::Config::load(registry, sources);
  if (!config) {
    paceline::check(!config.error().message.empty());
    return 0;
  }
  static_cast<void>(config->describe());
  sources.file_text = config->serialise();
  const auto again = paceline::Config::load(registry, sources);
  paceline::check(again && again->serialise() == sources.file_text);
  return 0;
}
