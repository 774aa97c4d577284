// ab's command line.
#include <getopt.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "paceline/app.h"
#include "paceline/app/compat.h"
#include "paceline/app/stop_on_signal.h"
#include "paceline/load.h"

namespace paceline::app {
namespace {

constexpr int kUsageCode = 22;                    // EINVAL, as ab
constexpr int kResolveCode = 50;                  // apr's 670002, as the shell sees it
constexpr std::uint64_t kTimedRequests = 50'000;  // ab: "-t implies -n 50000"
constexpr std::uint64_t kRequestsMax = 100'000'000;
constexpr std::uint32_t kConcurrencyMax = 20'000;  // ab's

constexpr const char* kUsage =
    "Usage: %s [options] [http[s]://]hostname[:port]/path\n"
    "Options are:\n"
    "    -n requests     Number of requests to perform\n"
    "    -c concurrency  Number of multiple requests to make at a time\n"
    "    -t timelimit    Seconds to max. to spend on benchmarking\n"
    "                    This implies -n 50000\n"
    "    -s timeout      Seconds to max. wait for each response\n"
    "                    Default is 30 seconds\n"
    "    -p postfile     File containing data to POST. Remember also to set -T\n"
    "    -u putfile      File containing data to PUT. Remember also to set -T\n"
    "    -T content-type Content-type header to use for POST/PUT data\n"
    "                    Default is 'text/plain'\n"
    "    -v verbosity    How much troubleshooting info to print\n"
    "    -i              Use HEAD instead of GET\n"
    "    -C attribute    Add cookie, eg. 'Apache=1234'. (repeatable)\n"
    "    -H attribute    Add Arbitrary header line, eg. 'Accept-Encoding: gzip'\n"
    "                    Inserted after all normal header lines. (repeatable)\n"
    "    -A attribute    Add Basic WWW Authentication, the attributes\n"
    "                    are a colon separated username and password.\n"
    "    -P attribute    Add Basic Proxy Authentication, the attributes\n"
    "                    are a colon separated username and password.\n"
    "    -X proxy:port   Proxyserver and port number to use\n"
    "    -V              Print version number and exit\n"
    "    -k              Use HTTP KeepAlive feature\n"
    "    -d              Do not show percentiles served table.\n"
    "    -S              Do not show confidence estimators and warnings.\n"
    "    -q              Do not show progress when doing more than 150 requests\n"
    "    -l              Accept variable document length (use this for dynamic pages)\n"
    "    -g filename     Output collected data to gnuplot format file.\n"
    "    -e filename     Output CSV file with percentages served\n"
    "    -r              Don't exit on socket receive errors.\n"
    "    -m method       Method name\n"
    "    -h              Display usage information (this message)\n"
    "    -w              Print out results in HTML tables\n"
    "    -x attributes   String to insert as table attributes\n"
    "    -y attributes   String to insert as tr attributes\n"
    "    -z attributes   String to insert as td or th attributes\n"
    "Not supported: -b (buffer size), -B (local address), -I -Z -f -E (TLS)\n";

struct AbInvocation {
  AbTest test;
  AbRequest request;
  std::optional<std::uint64_t> requests;
  Duration timeout = std::chrono::seconds(30);
  std::string body_file;
  std::string body_method;
  std::string method;
  std::string proxy;
  std::string csv;
  std::string gnuplot;
  std::optional<AbHook::Html> html;
};

/// Says what is wrong in ab's words; answers its exit code.
int refuse(const char* program, const std::string& text, int code = kUsageCode) {
  std::fprintf(stderr, "%s: %s\n", program, text.c_str());
  if (code == kUsageCode) std::fprintf(stderr, kUsage, program);
  return code;
}

/// A problem with the command line.
struct Refusal {
  std::string text;  // empty: the usage is enough
  int code = kUsageCode;
};

std::optional<std::uint64_t> number(const char* text, std::uint64_t max) {
  std::uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [last, error] = std::from_chars(text, end, value);
  if (error != std::errc() || last != end || value > max) return std::nullopt;
  return value;
}

std::optional<Refusal> take_number(int option, const char* value, AbInvocation& ab) {
  constexpr std::uint64_t day = 86'400;
  const std::optional<std::uint64_t> parsed = number(value, kRequestsMax);
  switch (option) {
    case 'n':
      if (parsed.value_or(0) == 0) return Refusal{"Invalid number of requests\n", 1};
      ab.requests = *parsed;
      break;
    case 'c':
      if (!parsed || *parsed > kConcurrencyMax || *parsed == 0) {
        return Refusal{"Invalid Concurrency [Range 1..20000]"};
      }
      ab.test.concurrency = static_cast<std::uint32_t>(*parsed);
      break;
    case 't':
      if (parsed.value_or(0) == 0 || *parsed > 30 * day)
        return Refusal{"-t is a number of seconds"};
      ab.test.time_limit = std::chrono::seconds(*parsed);
      ab.requests = kTimedRequests;  // an -n behind it says otherwise
      break;
    case 's':
      if (parsed.value_or(0) == 0 || *parsed > day) return Refusal{"-s is a number of seconds"};
      ab.timeout = std::chrono::seconds(*parsed);
      break;
    default:
      if (!parsed) return Refusal{"-v is a number"};
      ab.test.verbosity = static_cast<int>(std::min<std::uint64_t>(*parsed, 4));
  }
  return std::nullopt;
}

/// -i, -p, -u, -m: the method. ab takes one of them, or -m with a body.
std::optional<Refusal> take_method(int option, const char* value, AbInvocation& ab) {
  if (option == 'm') {
    ab.method = value;
  } else if (option == 'i') {
    if (!ab.body_method.empty()) return Refusal{"Cannot mix HEAD with other methods", 1};
    ab.test.head = true;
  } else {
    const std::string method = option == 'p' ? "POST" : "PUT";
    if (ab.test.head || !ab.body_method.empty()) {
      return Refusal{"Cannot mix " + method + " with other methods", 1};
    }
    ab.body_method = method;
    ab.body_file = value;
    ab.request.has_body = ab.test.sends_body = true;
  }
  return std::nullopt;
}

std::optional<Refusal> take_flag(int option, AbInvocation& ab) {
  switch (option) {
    case 'k':
      ab.test.keep_alive = ab.request.keep_alive = true;
      break;
    case 'l':
      ab.test.variable_length = true;
      break;
    case 'r':
      ab.test.keeps_going = true;
      break;
    case 'd':
      ab.test.percentiles = false;
      break;
    case 'S':
      ab.test.confidence = false;
      break;
    case 'q':
      ab.test.progress = false;
      break;
    case 'V':
      std::printf("This is Paceline %s, in the manner of ApacheBench 2.3\n",
                  std::string(version()).c_str());
      return Refusal{{}, 0};
    case 'h':
      return Refusal{};
    default:
      return Refusal{std::string("-") + static_cast<char>(option) + " is not supported"};
  }
  return std::nullopt;
}

/// Any of -x, -y, -z asks for HTML, too.
void take_html(int option, const char* value, AbInvocation& ab) {
  if (!ab.html) ab.html.emplace();
  if (option == 'x') ab.html->table = value;
  if (option == 'y') ab.html->row = value;
  if (option == 'z') ab.html->cell = value;
}

std::optional<Refusal> take_option(int option, const char* value, AbInvocation& ab) {
  switch (option) {
    case 'n':
    case 'c':
    case 't':
    case 's':
    case 'v':
      return take_number(option, value, ab);
    case 'i':
    case 'p':
    case 'u':
    case 'm':
      return take_method(option, value, ab);
    case 'T':
      ab.request.content_type = value;
      break;
    case 'C':
      ab.request.cookies.emplace_back(value);
      break;
    case 'H':
      ab.request.lines.emplace_back(value);
      break;
    case 'A':
      ab.request.lines.push_back("Authorization: Basic " + base64(value));
      break;
    case 'P':
      ab.request.lines.push_back("Proxy-Authorization: Basic " + base64(value));
      break;
    case 'X':
      ab.proxy = value;
      break;
    case 'w':
    case 'x':
    case 'y':
    case 'z':
      take_html(option, value, ab);
      break;
    case 'e':
      ab.csv = value;
      break;
    case 'g':
      ab.gnuplot = value;
      break;
    default:
      return take_flag(option, ab);
  }
  return std::nullopt;
}

std::optional<Refusal> parse(std::span<char*> words, AbInvocation& ab, std::string& url) {
  const int count = static_cast<int>(words.size());
  // A leading + ends the options at the first word that is none, as ab does.
  constexpr const char* options = "+n:c:t:s:b:B:T:p:u:v:lrkVhwix:y:z:C:H:P:A:g:X:de:SqIm:Z:f:E:";
  while (true) {
    const int option = ::getopt(count, words.data(), options);
    if (option == -1) break;
    if (option == '?') return Refusal{};
    if (auto refusal = take_option(option, optarg, ab)) return refusal;
  }
  if (optind + 1 != count) return Refusal{"wrong number of arguments"};
  url = words[static_cast<std::size_t>(optind)];
  return std::nullopt;
}

std::optional<Refusal> fill(AbInvocation& ab, const std::string& url, LoadOptions& options) {
  const bool schemed = url.find("://") != std::string::npos;
  const std::string whole = schemed ? url : "http://" + url;
  // ab asks for the path, if it is only a slash.
  const bool has_path = whole.find('/', whole.find("://") + 3) != std::string::npos;
  Result<LoadTarget> target = parse_load_target(whole);
  if (!target || !has_path) return Refusal{"invalid URL"};
  ab.test.host = target->host;
  ab.test.port = target->port;
  ab.test.path = target->path;
  ab.request.host = target->host_header;
  ab.request.target = ab.proxy.empty() ? target->path : whole;
  options.target = *target;
  if (!ab.proxy.empty()) {
    Result<LoadTarget> proxy = parse_load_target("http://" + ab.proxy);
    if (!proxy) return Refusal{"-X is host:port"};
    options.target = *proxy;
  }
  if (ab.request.has_body) {
    constexpr std::size_t body_max = std::size_t{256} << 20;
    Result<std::string> body = read_file(ab.body_file, body_max);
    if (!body) {
      return Refusal{"Could not open " + ab.body_method + " data file (" + ab.body_file +
                         "): " + std::strerror(body.error().os),
                     1};
    }
    ab.request.body = std::move(*body);
  }
  ab.test.requests = ab.requests.value_or(1);
  if (ab.test.concurrency > ab.test.requests) {
    return Refusal{"Cannot use concurrency level greater than total number of requests"};
  }
  ab.request.method = !ab.method.empty()        ? ab.method
                      : !ab.body_method.empty() ? ab.body_method
                      : ab.test.head            ? "HEAD"
                                                : "GET";
  ab.test.head = ab.request.method == "HEAD";
  ab.test.request = ab_request(ab.request);
  options.tls_verify = false;  // ab takes any certificate
  options.requests = ab.test.requests;
  options.connections = ab.test.concurrency;
  options.keep_alive = ab.test.keep_alive;
  options.timeout = ab.timeout;
  return std::nullopt;
}

/// ab's words for a server that is not there.
int report_unreachable(const LoadTarget& target, const Error& error) {
  if (error.os != 0) {
    std::fprintf(stderr, "apr_socket_recv: %s (%d)\n", std::strerror(error.os), error.os);
    return error.os;
  }
  const std::size_t reason = error.message.rfind(": ");
  std::fprintf(
      stderr, "apr_sockaddr_info_get() for %s: %s\n", target.host.c_str(),
      reason == std::string::npos ? error.message.c_str() : error.message.c_str() + reason + 2);
  return kResolveCode;
}

int write_files(const AbInvocation& ab, const AbHook& hook) {
  for (const auto& [path, text] : {std::pair(ab.csv, hook.csv()), {ab.gnuplot, hook.gnuplot()}}) {
    if (path.empty() || hook.done() == 0) continue;
    if (const Result<void> written = write_file(path, text); !written) {
      std::fprintf(stderr, "%s\n", written.error().text().c_str());
      return 1;
    }
  }
  return 0;
}

void print_beginning(const AbInvocation& ab, bool progress) {
  const std::string banner =
      "This is Paceline " + std::string(version()) + ", in the manner of ApacheBench 2.3";
  if (ab.html) {
    std::printf("<p>\n %s\n</p>\n<p>\n", banner.c_str());
    return;
  }
  std::printf("%s\n\nBenchmarking %s ", banner.c_str(), ab.test.host.c_str());
  if (!ab.proxy.empty()) std::printf("[through %s] ", ab.proxy.c_str());
  std::printf("(be patient)%s", progress ? "\n" : "...");
}

int run_test(const AbInvocation& ab, LoadOptions options) {
  const bool progress = ab.test.progress && ab.test.requests > 150;
  print_beginning(ab, progress);
  std::fflush(stdout);
  const Result<LoadReached> reached =
      reach_blocking(options.target, nullptr, {.timeout = ab.timeout});
  if (!reached) return report_unreachable(options.target, reached.error());
  AbHook hook(ab.test);
  options.hooks = {&hook};
  std::optional<StopOnSignal> signals(std::in_place);
  options.stop = &signals->stop();
  const Result<LoadResult> result = run_load_blocking(options);
  signals.reset();
  if (!result) return refuse("ab", result.error().text(), 1);
  if (!hook.end().text.empty()) {
    std::fprintf(stderr, "%s\n", hook.end().text.c_str());
    if (hook.done() > 0) {
      std::printf("Total of %llu requests completed\n",
                  static_cast<unsigned long long>(hook.done()));
    }
    return hook.end().code & 0xff;
  }
  if (progress) {
    std::fprintf(stderr, "Finished %llu requests\n", static_cast<unsigned long long>(hook.done()));
  } else {
    std::printf("..done\n");
  }
  const std::string report = ab.html ? hook.report_html(*result, *ab.html) : hook.report(*result);
  std::printf("\n\n%s", report.c_str());
  std::fflush(stdout);
  return write_files(ab, hook);
}

}  // namespace

int run_ab(std::span<char*> words) {
  AbInvocation ab;
  LoadOptions options;
  std::string url;
  std::optional<Refusal> refusal = parse(words, ab, url);
  if (!refusal) refusal = fill(ab, url, options);
  if (!refusal) return run_test(ab, std::move(options));
  if (!refusal->text.empty()) return refuse(words[0], refusal->text, refusal->code);
  if (refusal->code != 0) std::fprintf(stderr, kUsage, words[0]);
  return refusal->code;
}

}  // namespace paceline::app
