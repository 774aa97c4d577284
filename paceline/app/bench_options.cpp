#include <CLI/CLI.hpp>

#include "paceline/app/bench.h"

namespace paceline::app {

namespace {

void add_merge(CLI::App& command, BenchInvocation& bench) {
  CLI::App* merge = command.add_subcommand("merge", "add interval logs of several generators");
  merge->add_option("files", bench.merge_files, "what --hlog wrote")->required();
  merge->add_option("-o,--output", bench.merge_output, "write one interval log of them all");
  merge->callback([&bench] { bench.merge = true; });
}

}  // namespace

void add_bench_options(CLI::App& command, BenchInvocation& bench) {
  command.add_option("url", bench.url, "http[s]://host[:port]/path");
  add_merge(command, bench);
  const auto number = CLI::PositiveNumber;
  command.add_option("-c,--connections", bench.connections, "over all threads")
      ->check(number)
      ->capture_default_str();
  command.add_option("-t,--threads", bench.threads, "each takes a core when it is busy")
      ->check(number)
      ->capture_default_str();
  command.add_option("-d,--duration", bench.duration, "30s, 5m (default 10s)");
  command.add_option("-n,--requests", bench.requests, "end after so many")->check(number);
  command.add_option("-R,--rate", bench.rate, "requests/s whatever the server does: open loop")
      ->check(number);
  command.add_option("--plan", bench.plan, "rates over time: 10s@50,30s@50..500,1m@500");
  command.add_option("--arrivals", bench.arrivals, "of an open loop (default uniform)")
      ->check(CLI::IsMember({"uniform", "poisson"}));
  command.add_option("--seed", bench.seed, "of Poisson arrivals")->capture_default_str();
  command.add_option("-X,--method", bench.method, "default GET, with a body POST");
  command.add_option("-H,--header", bench.headers, "\"Name: value\"; repeatable")
      ->allow_extra_args(false);
  CLI::Option* body = command.add_option("--body", bench.body, "the request's body");
  command.add_option("--body-file", bench.body_file, "a file with it")->excludes(body);
  command.add_option("--unix-socket", bench.unix_path, "connect to this instead");
  command.add_option("-s,--script", bench.script, "a Lua file that makes requests, as wrk's");
  command.add_option("args", bench.script_args, "words for the script's init(), behind --");
  CLI::Option* ca = command.add_option("--ca", bench.ca, "certificate authorities, a PEM file");
  command.add_flag("--insecure", bench.insecure, "take any certificate")->excludes(ca);
  command.add_flag("--http1.0", bench.http10, "ask in HTTP/1.0, as ab does");
  command.add_flag("--close", bench.close, "a connection for each request");
  command.add_option("--pipeline", bench.pipeline, "requests sent at once on a connection")
      ->check(number)
      ->capture_default_str();
  command.add_option("--timeout", bench.timeout, "for a whole answer (default 10s)");
  command.add_option("--warmup", bench.warmup, "ask before counting (default 0s)");
  command.add_option("--drain", bench.drain, "wait at the end for what is open (default: timeout)");
  command.add_option("--goal", bench.goals, "\"p(99)<500\", \"error_rate<0.1%\"; repeatable")
      ->allow_extra_args(false);
  command.add_flag("--goals", bench.guide_goals, "the guide's: p95, p99, error_rate");
  command.add_flag("--abort-on-fail", bench.abort_on_fail, "end when any goal is missed");
  command.add_flag("-q,--quiet", bench.quiet, "show nothing while it runs");
  command.add_option("--json", bench.json, "write everything to this file");
  command.add_option("--log", bench.log, "write a line for every request (TSV)");
  command.add_option("--html", bench.html, "write a page with charts");
  command.add_option("--hlog", bench.hlog, "write an interval log of response times");
  command.add_option("--hgrm", bench.hgrm, "write the percentile spectrum of response times");
  command
      .add_option("--compat", bench.compat,
                  "all other words are those of another program, and so is what is printed")
      ->check(CLI::IsMember({"wrk", "wrk2", "ab"}));
}

}  // namespace paceline::app
