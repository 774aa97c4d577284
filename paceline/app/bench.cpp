// paceline bench URL: the load generator's command line.
#include "paceline/app/bench.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "paceline/app/bench_view.h"
#include "paceline/app/stop_on_signal.h"
#include "paceline/goals.h"
#include "paceline/load.h"

namespace paceline::app {
namespace {

Result<std::optional<Duration>> optional_duration(const std::string& name,
                                                  const std::string& text) {
  if (text.empty()) return std::nullopt;
  const Result<Duration> parsed = parse_duration(text);
  if (!parsed) return fail(Code::invalid, name + ": " + parsed.error().message);
  return *parsed;
}

Result<ArrivalPlan> constant_plan(const BenchInvocation& bench, Duration duration) {
  // Far from what a plan takes, and from where a sum of nanoseconds ends.
  if (!(bench.rate > 0 && bench.rate <= 1e7)) {
    return fail(Code::invalid, "-R is a rate above 0, at most 10000000 requests/s");
  }
  if (bench.requests > 0) {
    const double seconds = static_cast<double>(bench.requests) / bench.rate;
    if (seconds > 86400.0 * 30) return fail(Code::invalid, "-n at this rate takes over 30 days");
    // Rounding must not let one more arrive: the plan ends just before that would be due.
    duration = std::chrono::floor<Duration>(std::chrono::duration<double>(seconds)) - Duration(1);
  }
  if (duration <= Duration::zero()) return fail(Code::invalid, "-d is above 0");
  return ArrivalPlan({{.length = duration, .from = bench.rate, .to = bench.rate}});
}

Result<void> choose_loop(const BenchInvocation& bench, LoadOptions& options) {
  PACELINE_TRY_VALUE(const std::optional<Duration> duration,
                     optional_duration("-d", bench.duration));
  if (duration && bench.requests > 0) {
    return fail(Code::invalid, "-d and -n both say when to end: give one of them");
  }
  if (!bench.plan.empty() && (duration || bench.requests > 0 || bench.rate != 0)) {
    return fail(Code::invalid, "--plan says rate and length: give it without -R, -d and -n");
  }
  options.duration = duration.value_or(options.duration);
  options.requests = bench.requests;
  if (!bench.plan.empty()) {
    PACELINE_TRY_VALUE(options.plan, ArrivalPlan::parse(bench.plan));
  } else if (bench.rate != 0) {
    PACELINE_TRY_VALUE(options.plan, constant_plan(bench, options.duration));
  } else if (!bench.arrivals.empty()) {
    return fail(Code::invalid, "--arrivals needs a rate: -R or --plan");
  }
  if (bench.arrivals == "poisson") options.arrivals = ArrivalKind::poisson;
  return {};
}

/// Before the test: it would be a pity to lose the result of an hour. Files are replaced, which is
/// no way to treat a device.
Result<void> check_output(const std::string& path) {
  if (path.empty()) return {};
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode)) {
    return fail(Code::invalid, "not a regular file: " + printable(path));
  }
  const std::size_t slash = path.rfind('/');
  std::string folder = ".";
  if (slash != std::string::npos) folder = path.substr(0, slash + 1);
  if (::access(folder.c_str(), W_OK) != 0) return fail_errno("write in " + printable(folder));
  return {};
}

Result<std::vector<LoadGoal>> load_goals(const BenchInvocation& bench) {
  std::vector<LoadGoal> goals;
  if (bench.guide_goals) goals = guide_load_goals();
  for (const std::string& text : bench.goals) {
    PACELINE_TRY_VALUE(LoadGoal goal, parse_load_goal(text));
    goals.push_back(std::move(goal));
  }
  if (bench.abort_on_fail && goals.empty()) {
    return fail(Code::invalid, "--abort-on-fail needs a goal: --goal or --goals");
  }
  for (LoadGoal& goal : goals) goal.abort |= bench.abort_on_fail;
  return goals;
}

Result<LoadOptions> load_options(const BenchInvocation& bench) {
  LoadOptions options;
  if (bench.url.empty()) return fail(Code::invalid, "a URL is needed: paceline bench URL");
  PACELINE_TRY_VALUE(options.target, parse_load_target(bench.url));
  options.target.unix_path = bench.unix_path;
  PACELINE_TRY(choose_loop(bench, options));
  for (const std::string& path : {bench.json, bench.html, bench.log, bench.hlog, bench.hgrm}) {
    PACELINE_TRY(check_output(path));
  }
  options.method = bench.method;
  options.headers = bench.headers;
  options.body = bench.body;
  if (!bench.body_file.empty()) {
    PACELINE_TRY_VALUE(options.body, read_file(bench.body_file, std::size_t{256} << 20));
  }
  if (options.method.empty()) options.method = options.body.empty() ? "GET" : "POST";
  PACELINE_TRY_VALUE(options.goals, load_goals(bench));
  options.tls_verify = !bench.insecure;
  options.tls_ca = bench.ca;
  options.connections = bench.connections;
  options.threads = bench.threads;
  if (bench.http10) options.version = LoadVersion::http10;
  options.keep_alive = !bench.close;
  options.pipeline = bench.pipeline;
  options.seed = bench.seed;
  PACELINE_TRY_VALUE(const auto timeout, optional_duration("--timeout", bench.timeout));
  PACELINE_TRY_VALUE(const auto warmup, optional_duration("--warmup", bench.warmup));
  PACELINE_TRY_VALUE(options.drain, optional_duration("--drain", bench.drain));
  options.timeout = timeout.value_or(options.timeout);
  options.warmup = warmup.value_or(options.warmup);
  return options;
}

/// Null without one.
Result<std::unique_ptr<LoadScript>> load_script(const BenchInvocation& bench,
                                                LoadOptions& options) {
  if (bench.script.empty()) {
    if (bench.script_args.empty()) return nullptr;
    return fail(Code::invalid,
                "words behind the URL are for a script (-s): " + printable(bench.script_args[0]));
  }
  return LoadScript::load_blocking({.file = bench.script,
                                    .url = bench.url,
                                    .args = bench.script_args,
                                    .meter = {.timeout = options.timeout}},
                                   options);
}

Result<void> write_files(const BenchInvocation& bench, const LoadOptions& options,
                         const LoadResult& result) {
  if (!bench.json.empty()) {
    PACELINE_TRY(write_file(bench.json, load_report_json(bench.url, options, result)));
  }
  if (!bench.html.empty()) {
    PACELINE_TRY(write_file(bench.html, load_report_html(bench.url, options, result)));
  }
  if (!bench.hlog.empty()) PACELINE_TRY(write_file(bench.hlog, load_report_hlog(result)));
  if (!bench.hgrm.empty())
    PACELINE_TRY(write_file(bench.hgrm, hdr_spectrum(result.tally.response)));
  return {};
}

int exit_code(const LoadResult& result) {
  if (result.interrupted) return 105;
  if (result.tally.completed == 0) return 1;
  // Whether a slow generator or the server missed a goal cannot be told; a server that does not
  // keep up with the rate has missed it itself.
  const std::vector<LoadResult::Doubt> doubts = result.doubts();
  const bool ours = std::ranges::any_of(doubts, &LoadResult::Doubt::ours);
  if (!ours && result.any_goal(GoalState::missed)) return 99;
  if (!doubts.empty()) return 96;
  return result.any_goal(GoalState::unknown) ? 98 : 0;
}

int refuse(const Error& error) {
  std::fprintf(stderr, "bench: %s\n", error.text().c_str());
  return 1;
}

}  // namespace

int bench(const BenchInvocation& bench) {
  if (bench.merge) return bench_merge(bench);
  Result<LoadOptions> options = load_options(bench);
  if (!options) return refuse(options.error());
  Result<std::unique_ptr<LoadScript>> script = load_script(bench, *options);
  if (!script) return refuse(script.error());
  std::unique_ptr<RequestLog> log;
  if (!bench.log.empty()) {
    Result<std::unique_ptr<RequestLog>> opened = RequestLog::open(bench.log);
    if (!opened) return refuse(opened.error());
    log = std::move(*opened);
    options->log = log.get();
  }
  std::optional<StopOnSignal> signals(std::in_place);
  options->stop = &signals->stop();
  std::optional<BenchView> view;
  if (!bench.quiet) options->follower = &view.emplace(*options);
  const Result<LoadResult> result = run_load_blocking(*options);
  view.reset();
  signals.reset();
  if (!result) return refuse(result.error());
  if (*script) {
    if (const Result<void> ran = (*script)->outcome(); !ran) return refuse(ran.error());
  }
  std::fputs(load_report(bench.url, *options, *result).c_str(), stdout);
  std::fflush(stdout);
  if (const Result<void> logged = log ? log->finish() : Result<void>(); !logged) {
    return refuse(logged.error());
  }
  if (const Result<void> written = write_files(bench, *options, *result); !written) {
    return refuse(written.error());
  }
  if (*script) {
    const LoadSummary summary(*result, (*script)->meters());
    if (const Result<void> done = (*script)->done(summary, summary.response); !done) {
      return refuse(done.error());
    }
  }
  return exit_code(*result);
}

}  // namespace paceline::app
