// The command `bench`, apart from the others: it needs no instance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace paceline::app {

/// Its command line; empty texts and zeros were not given.
struct BenchInvocation {
  std::string url;
  bool merge = false;  // the subcommand, with what is behind it
  std::vector<std::string> merge_files;
  std::string merge_output;
  std::uint32_t connections = 10;
  std::uint32_t threads = 1;
  std::string duration;
  std::uint64_t requests = 0;
  double rate = 0;
  std::string plan;
  std::string arrivals;
  std::uint64_t seed = 1;
  std::string method;
  std::vector<std::string> headers;
  std::string body;
  std::string body_file;
  std::string unix_path;
  std::string script;
  std::vector<std::string> script_args;
  std::string ca;
  bool insecure = false;
  bool http10 = false;
  bool close = false;
  std::uint32_t pipeline = 1;
  std::string timeout;
  std::string warmup;
  std::string drain;
  std::vector<std::string> goals;
  bool guide_goals = false;
  bool abort_on_fail = false;
  std::string json;
  std::string log;
  bool quiet = false;
  std::string html;
  std::string hlog;
  std::string hgrm;
  std::string compat;  // only what is none of wrk, wrk2, ab: those never come here
};

/// Adds the options to the subcommand; they fill `bench`, which outlives it.
void add_bench_options(CLI::App& command, BenchInvocation& bench);
/// `bench merge`: adds interval logs, exactly.
int bench_merge(const BenchInvocation& bench);
/// Runs it and answers the exit code: 0; 1 usage, I/O, or no answer at all; 96 when the numbers are
/// not about the server; 98 a goal cannot be decided; 99 one is missed; 105 interrupted.
int bench(const BenchInvocation& bench);

}  // namespace paceline::app
