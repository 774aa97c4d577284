// The command `capacity`: the highest rate at which a server keeps its goals.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace paceline::app {

/// Its command line; empty texts and zeros were not given.
struct CapacityInvocation {
  std::string url;
  std::uint32_t connections = 64;
  std::uint32_t threads = 1;
  std::vector<std::string> goals;
  double expected = 0;
  double rate_max = 0;
  double width = 5;  // percent
  std::string method;
  std::vector<std::string> headers;
  std::string body;
  std::string unix_path;
  std::string ca;
  bool insecure = false;
  std::string timeout;
  std::string trial;
  std::string trial_max;
  std::string confirm;
  std::string warmup;
  std::string time_max;
  std::string dir;  // of the instance behind the URL
  std::string json;
};

/// Adds the options to the subcommand; they fill `capacity`, which outlives it.
void add_capacity_options(CLI::App& command, CapacityInvocation& capacity);
/// Runs it and answers the exit code: 0 found, with headroom if a rate is expected; 1 usage, I/O,
/// or no answer; 96 a lower bound, since the generator was the limit; 98 not confirmed; 99 too
/// little headroom, or no rate keeps the goals; 105 interrupted.
int capacity(const CapacityInvocation& capacity);

}  // namespace paceline::app
