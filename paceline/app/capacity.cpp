#include "paceline/app/capacity.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "paceline/app/snapshot_client.h"
#include "paceline/app/stop_on_signal.h"
#include "paceline/load.h"

namespace paceline::app {
namespace {

Result<void> set_duration(const char* name, const std::string& text, Duration& value) {
  if (text.empty()) return {};
  const Result<Duration> parsed = parse_duration(text);
  if (!parsed) return fail(Code::invalid, std::string(name) + ": " + parsed.error().message);
  if (*parsed <= Duration::zero()) return fail(Code::invalid, std::string(name) + " is above 0");
  value = *parsed;
  return {};
}

Result<nlohmann::json> snapshot(const std::string& dir) {
  PACELINE_TRY_VALUE(const std::string text, fetch_snapshot_blocking(dir));
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Code::corrupt, "the monitor's snapshot is no JSON object");
  return json;
}

/// The resources that can run out, as the instance sees them.
std::vector<ServerShare> look_at(const std::string& dir) {
  std::vector<ServerShare> found;
  const Result<nlohmann::json> json = snapshot(dir);
  if (!json) return found;
  const auto note = [&](const char* name, const char* path) {
    const nlohmann::json::json_pointer pointer(path);
    if (json->contains(pointer) && json->at(pointer).is_number()) {
      found.push_back({name, json->at(pointer).get<double>()});
    }
  };
  note("cpu", "/key/utilization/cpu");
  note("loop", "/key/utilization/loop_max");
  note("memory", "/key/utilization/memory");
  return found;
}

Result<CapacityOptions> capacity_options(const CapacityInvocation& given) {
  CapacityOptions options;
  LoadOptions& load = options.load;
  PACELINE_TRY_VALUE(load.target, parse_load_target(given.url));
  load.target.unix_path = given.unix_path;
  load.tls_verify = !given.insecure;
  load.tls_ca = given.ca;
  load.connections = given.connections;
  load.threads = given.threads;
  load.headers = given.headers;
  load.body = given.body;
  load.method = !given.method.empty() ? given.method : given.body.empty() ? "GET" : "POST";
  PACELINE_TRY(set_duration("--timeout", given.timeout, load.timeout));
  PACELINE_TRY(set_duration("--trial", given.trial, options.trial));
  PACELINE_TRY(set_duration("--trial-max", given.trial_max, options.trial_max));
  PACELINE_TRY(set_duration("--confirm", given.confirm, options.confirm));
  PACELINE_TRY(set_duration("--warmup", given.warmup, options.warmup));
  PACELINE_TRY(set_duration("--time-max", given.time_max, options.time_max));
  if (!given.goals.empty()) options.goals.clear();
  for (const std::string& goal : given.goals) {
    PACELINE_TRY_VALUE(options.goals.emplace_back(), parse_capacity_goal(goal));
  }
  options.rate_max = given.rate_max;
  options.width = given.width / 100;
  options.expected_rate = given.expected;
  if (given.dir.empty()) return options;
  PACELINE_TRY_VALUE(const nlohmann::json now, snapshot(given.dir));
  if (options.expected_rate == 0) {
    const nlohmann::json::json_pointer pointer("/key/throughput/expected_rate");
    if (now.contains(pointer) && now.at(pointer).is_number()) {
      options.expected_rate = now.at(pointer).get<double>();
    }
  }
  options.look = [dir = given.dir] { return look_at(dir); };
  return options;
}

int exit_code(const CapacityResult& result) {
  if (result.interrupted) return 105;
  if (result.rate == 0) return 99;
  if (!result.limited.empty()) return 96;
  if (!result.confirmed) return 98;
  return result.has_headroom().value_or(true) ? 0 : 99;
}

int refuse(const Error& error) {
  std::fprintf(stderr, "capacity: %s\n", error.text().c_str());
  return 1;
}

}  // namespace

void add_capacity_options(CLI::App& command, CapacityInvocation& capacity) {
  const auto number = CLI::PositiveNumber;
  command.add_option("url", capacity.url, "http://host[:port]/path")->required();
  command.add_option("-c,--connections", capacity.connections, "over all threads")
      ->check(number)
      ->capture_default_str();
  command.add_option("-t,--threads", capacity.threads, "each takes a core when it is busy")
      ->check(number)
      ->capture_default_str();
  command
      .add_option("--goal", capacity.goals,
                  "p(99)<500ms, error_rate<0.1%; repeatable (default the guide's)")
      ->allow_extra_args(false);
  command
      .add_option("--expected", capacity.expected,
                  "requests/s to have headroom for (default: goals.expected_rate of --dir)")
      ->check(number);
  command.add_option("--dir", capacity.dir, "the instance behind the URL: what ran out is named");
  command.add_option("--rate-max", capacity.rate_max, "try no higher rate")->check(number);
  command.add_option("--width", capacity.width, "of the result in percent; 2 is precise")
      ->check(CLI::Range(0.5, 50.0))
      ->capture_default_str();
  command.add_option("--trial", capacity.trial, "a first look at a rate (default 5s)");
  command.add_option("--trial-max", capacity.trial_max, "all looks at a rate (default 30s)");
  command.add_option("--confirm", capacity.confirm, "the last look (default 30s)");
  command.add_option("--warmup", capacity.warmup, "before each look, not counted (default 1s)");
  command.add_option("--time-max", capacity.time_max, "give up after that (default 15m)");
  command.add_option("-X,--method", capacity.method, "default GET, with a body POST");
  command.add_option("-H,--header", capacity.headers, "\"Name: value\"; repeatable")
      ->allow_extra_args(false);
  command.add_option("--body", capacity.body, "the request's body");
  command.add_option("--unix-socket", capacity.unix_path, "connect to this instead");
  command.add_option("--timeout", capacity.timeout, "for a whole answer (default 10s)");
  command.add_option("--ca", capacity.ca, "a file with certificates to trust");
  command.add_flag("--insecure", capacity.insecure, "take any certificate");
  command.add_option("--json", capacity.json, "write everything to this file");
}

int capacity(const CapacityInvocation& given) {
  Result<CapacityOptions> options = capacity_options(given);
  if (!options) return refuse(options.error());
  std::optional<StopOnSignal> signals(std::in_place);
  options->load.stop = &signals->stop();
  bool headed = false;
  options->tell = [&](const CapacityTrial& trial) {
    if (!headed) std::fputs(capacity_head(given.url, *options).c_str(), stdout);
    headed = true;
    std::fputs(capacity_row(trial).c_str(), stdout);
    std::fflush(stdout);
  };
  const Result<CapacityResult> result = find_capacity_blocking(*options);
  signals.reset();
  if (!result) return refuse(result.error());
  std::fputs(capacity_summary(*options, *result).c_str(), stdout);
  std::fflush(stdout);
  if (!given.json.empty()) {
    const std::string json = capacity_json(given.url, *options, *result);
    if (const Result<void> written = write_file(given.json, json); !written) {
      return refuse(written.error());
    }
  }
  return exit_code(*result);
}

}  // namespace paceline::app
