// wrk's command line, and wrk2's: with -R the loop is open and the report is wrk2's.
#include <fmt/format.h>
#include <getopt.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "paceline/app.h"
#include "paceline/app/compat.h"
#include "paceline/app/stop_on_signal.h"
#include "paceline/load.h"

namespace paceline::app {
namespace {

struct WrkInvocation {
  std::uint64_t threads = 2;
  std::uint64_t connections = 10;
  Duration duration = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(2);
  std::optional<double> rate;
  std::uint64_t requests = 0;
  std::string script;
  std::vector<std::string> headers;
  WrkLatency latency;
  LoadMeter::Batch batch = LoadMeter::Batch::each;  // wrk2's
  std::string json;
  std::string url;
  std::vector<std::string> args;
};

constexpr const char* kUsage =
    "  Options:\n"
    "    -c, --connections <N>  Connections to keep open\n"
    "    -d, --duration    <T>  Duration of test\n"
    "    -t, --threads     <N>  Number of threads to use\n"
    "\n"
    "    -s, --script      <S>  Load Lua script file\n"
    "    -H, --header      <H>  Add header to request\n"
    "    -L  --latency          Print latency statistics\n"
    "    -U  --u_latency        Print uncorrected latency statistics (with -R)\n"
    "        --timeout     <T>  Socket/request timeout\n"
    "    -B, --batch_latency    Measure the last answer of a pipeline only (with -R)\n"
    "    -v, --version          Print version details\n"
    "    -R, --rate        <T>  Requests/sec of an open loop, as wrk2\n"
    "    -n, --requests    <N>  End after so many\n"
    "        --json        <F>  Write everything to a file, too\n"
    "\n"
    "  Numeric arguments may include a SI unit (1k, 1M, 1G)\n"
    "  Time arguments may include a time unit (2s, 2m, 2h)\n";

int usage(const char* program) {
  std::printf("Usage: %s <options> <url>\n%s", program, kUsage);
  return 1;
}

enum LongOption { kJson = 256 };

/// A number that is not one, or 0 where that makes no sense, is answered with the usage, as by wrk.
template <class Value>
bool take(std::optional<Value> parsed, Value& into) {
  if (!parsed || *parsed <= Value{}) return false;
  into = *parsed;
  return true;
}

bool take_rate(const char* text, WrkInvocation& into) {
  if (const std::optional<std::uint64_t> whole = parse_wrk_count(text)) {
    into.rate = static_cast<double>(*whole);
  } else {
    char* end = nullptr;
    into.rate = std::strtod(text, &end);
    if (*end != '\0') return false;
  }
  return *into.rate > 0 && *into.rate <= 1e7;
}

bool take_option(int option, const char* value, WrkInvocation& into) {
  switch (option) {
    case 't':
      return take(parse_wrk_count(value), into.threads);
    case 'c':
      return take(parse_wrk_count(value), into.connections);
    case 'n':
      return take(parse_wrk_count(value), into.requests);
    case 'd':
      return take(parse_wrk_time(value), into.duration);
    case 'T':
      return take(parse_wrk_time(value), into.timeout);
    case 'R':
      return take_rate(value, into);
    case 's':
      into.script = value;
      return true;
    case 'H':
      into.headers.emplace_back(value);
      return true;
    case 'L':
      into.latency.distribution = true;
      return true;
    case 'U':
      into.latency.distribution = into.latency.uncorrected = true;
      return true;
    case 'B':
      into.batch = LoadMeter::Batch::last;
      return true;
    case kJson:
      into.json = value;
      return true;
    case 'v':
      std::printf("wrk of paceline %s [epoll]\n", std::string(version()).c_str());
      return true;
    default:
      return false;
  }
}

/// nullopt: the usage is the answer.
std::optional<WrkInvocation> parse(std::span<char*> words) {
  static const option options[] = {{"connections", required_argument, nullptr, 'c'},
                                   {"duration", required_argument, nullptr, 'd'},
                                   {"threads", required_argument, nullptr, 't'},
                                   {"script", required_argument, nullptr, 's'},
                                   {"header", required_argument, nullptr, 'H'},
                                   {"latency", no_argument, nullptr, 'L'},
                                   {"u_latency", no_argument, nullptr, 'U'},
                                   {"batch_latency", no_argument, nullptr, 'B'},
                                   {"timeout", required_argument, nullptr, 'T'},
                                   {"rate", required_argument, nullptr, 'R'},
                                   {"requests", required_argument, nullptr, 'n'},
                                   {"json", required_argument, nullptr, kJson},
                                   {"help", no_argument, nullptr, 'h'},
                                   {"version", no_argument, nullptr, 'v'},
                                   {nullptr, 0, nullptr, 0}};
  WrkInvocation wrk;
  const int count = static_cast<int>(words.size());
  while (true) {
    const int option =
        ::getopt_long(count, words.data(), "t:c:d:s:H:T:R:n:LUBvh", options, nullptr);
    if (option == -1) break;
    if (!take_option(option, optarg, wrk)) return std::nullopt;
  }
  if (optind == count) return std::nullopt;
  wrk.url = words[static_cast<std::size_t>(optind)];
  for (int i = optind + 1; i < count; ++i)
    wrk.args.emplace_back(words[static_cast<std::size_t>(i)]);
  return wrk;
}

/// wrk keeps a header only if it is "Name: value", and of one name the last.
std::vector<std::string> wrk_headers(const std::vector<std::string>& given) {
  std::vector<std::string> kept;
  for (const std::string& header : given) {
    const std::size_t colon = header.find(':');
    if (colon == std::string::npos || header.substr(colon + 1, 1) != " ") {
      std::fprintf(stderr, "ignored: a header is \"Name: value\", not %s\n",
                   printable(header, 60).c_str());
      continue;
    }
    std::erase_if(kept, [&](const std::string& other) {
      return other.starts_with(header.substr(0, colon + 1));
    });
    kept.push_back(header);
  }
  return kept;
}

/// wrk's words for a server that is not there.
void print_unreachable(const LoadTarget& target, const Error& error) {
  if (error.os != 0) {
    std::fprintf(stderr, "unable to connect to %s:%u %s\n", target.host.c_str(), target.port,
                 std::strerror(error.os));
  } else {
    const std::size_t reason = error.message.rfind(": ");
    std::fprintf(
        stderr, "unable to resolve %s:%u %s\n", target.host.c_str(), target.port,
        reason == std::string::npos ? error.message.c_str() : error.message.c_str() + reason + 2);
  }
}

LoadOptions load_options(const WrkInvocation& wrk, LoadTarget target) {
  LoadOptions options;
  options.target = std::move(target);
  options.headers = wrk_headers(wrk.headers);
  options.tls_verify = false;  // wrk takes any certificate
  options.threads = static_cast<std::uint32_t>(wrk.threads);
  // Each thread has the same number, so some may be left out.
  options.connections = static_cast<std::uint32_t>(wrk.connections / wrk.threads * wrk.threads);
  options.duration = wrk.duration;
  options.requests = wrk.requests;
  // An answer that is too late is still an answer: the meter counts it as a timeout.
  options.timeout = wrk.duration + wrk.timeout + std::chrono::hours(24);
  options.drain = Duration{};
  if (wrk.rate) {
    const Duration length = wrk.requests == 0
                                ? wrk.duration
                                : std::chrono::ceil<Duration>(std::chrono::duration<double>(
                                      static_cast<double>(wrk.requests) / *wrk.rate));
    options.plan = ArrivalPlan({{.length = length, .from = *wrk.rate, .to = *wrk.rate}});
  }
  return options;
}

/// A meter a thread: the script's, or of our own.
struct Meters {
  std::unique_ptr<LoadScript> script;
  std::vector<std::unique_ptr<LoadMeter>> own;
  std::vector<const LoadMeter*> all;
};

Result<Meters> make_meters(const WrkInvocation& wrk, LoadOptions& options) {
  const LoadMeter::Options meter = {.timeout = wrk.timeout,
                                    .batch = wrk.rate ? wrk.batch : LoadMeter::Batch::last};
  Meters meters;
  if (!wrk.script.empty()) {
    LoadScript::Source source = {
        .file = wrk.script,
        .url = wrk.url,
        .args = wrk.args,
        .meter = meter,
        .sizes = wrk.rate ? LoadScript::Sizes::all : LoadScript::Sizes::distinct};
    PACELINE_TRY_VALUE(meters.script, LoadScript::load_blocking(std::move(source), options));
    meters.all = meters.script->meters();
    return meters;
  }
  for (std::uint64_t i = 0; i < wrk.threads; ++i) {
    meters.own.push_back(std::make_unique<LoadMeter>(meter));
    meters.all.push_back(meters.own.back().get());
    options.hooks.push_back(meters.own.back().get());
  }
  return meters;
}

Result<LoadResult> run_blocking(LoadOptions& options) {
  const StopOnSignal signals;
  options.stop = &signals.stop();
  Result<LoadResult> result = run_load_blocking(options);
  options.stop = nullptr;
  return result;
}

Result<void> run_test(const WrkInvocation& wrk, LoadOptions options) {
  PACELINE_TRY_VALUE(const Meters meters, make_meters(wrk, options));
  std::fputs(wrk_heading(wrk.url, wrk.duration, wrk.threads, wrk.connections).c_str(), stdout);
  std::fflush(stdout);
  PACELINE_TRY_VALUE(const LoadResult result, run_blocking(options));
  if (meters.script) PACELINE_TRY(meters.script->outcome());
  const LoadSummary summary(result, meters.all);
  WrkLatency shape = wrk.latency;
  shape.open_loop = wrk.rate.has_value();
  const HdrHistogram latency =
      shape.open_loop ? summary.response : wrk_latency(summary, wrk.connections);
  std::fputs(wrk_report(summary, latency, shape).c_str(), stdout);
  std::fflush(stdout);
  if (!wrk.json.empty()) {
    PACELINE_TRY(write_file(wrk.json, load_report_json(wrk.url, options, result)));
  }
  return meters.script ? meters.script->done(summary, latency) : Result<void>();
}

}  // namespace

int run_wrk(Compat manner, std::span<char*> words) {
  const std::optional<WrkInvocation> wrk = parse(words);
  if (!wrk) return usage(words[0]);
  const Result<LoadTarget> target = parse_load_target(wrk->url);
  if (!target) {
    std::fprintf(stderr, "invalid URL: %s\n%s\n", wrk->url.c_str(), target.error().text().c_str());
    return usage(words[0]);
  }
  if (wrk->connections < wrk->threads) {
    std::fprintf(stderr, "number of connections must be >= threads\n");
    return usage(words[0]);
  }
  constexpr std::uint64_t threads_max = 256;            // the engine's
  constexpr std::uint64_t connections_max = 1'000'000;  // more than one address has ports for
  if (wrk->threads > threads_max || wrk->connections > connections_max) {
    std::fprintf(stderr, "at most 256 threads and 1000000 connections\n");
    return usage(words[0]);
  }
  if (manner == Compat::wrk2 && !wrk->rate) {
    std::fprintf(stderr, "Throughput MUST be specified with the --rate or -R option\n");
    return usage(words[0]);
  }
  const Result<LoadReached> reached = reach_blocking(*target, nullptr, {.timeout = wrk->timeout});
  if (!reached) {
    print_unreachable(*target, reached.error());
    return 1;
  }
  const Result<void> done = run_test(*wrk, load_options(*wrk, *target));
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().text().c_str());
  return 1;
}

}  // namespace paceline::app
