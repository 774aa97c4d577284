#include "paceline/load/engine.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <barrier>
#include <thread>

#include "paceline/load/judge.h"
#include "paceline/load/reach.h"
#include "paceline/load/thread.h"

namespace paceline {
namespace {

constexpr std::uint32_t kThreadsMax = 256;
constexpr std::uint32_t kPipelineMax = 1024;
constexpr rlim_t kFilesBeside = 64;  // descriptors for everything but connections
// Threads that were let go together begin together.
constexpr Duration kStartDelay = std::chrono::milliseconds(1);

Result<void> raise_file_limit(std::uint32_t connections) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = connections + kFilesBeside;
  if (limit.rlim_cur >= wanted) return {};
  if (limit.rlim_max < wanted) {
    return fail(Code::exhausted, fmt::format("{} connections need {} descriptors, the limit is {} "
                                             "(ulimit -Hn)",
                                             connections, wanted, limit.rlim_max));
  }
  limit.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno("raise the descriptor limit");
  return {};
}

Result<void> check_options(const LoadOptions& options) {
  if (options.threads < 1 || options.threads > kThreadsMax) {
    return fail(Code::invalid, fmt::format("threads are 1 to {}", kThreadsMax));
  }
  if (options.connections < options.threads) {
    return fail(Code::invalid, fmt::format("{} threads need at least as many connections, not {}",
                                           options.threads, options.connections));
  }
  if (options.pipeline < 1 || options.pipeline > kPipelineMax) {
    return fail(Code::invalid, fmt::format("a pipeline has 1 to {} requests", kPipelineMax));
  }
  if (options.pipeline > 1 && !options.keep_alive) {
    return fail(Code::invalid, "pipelining needs connections that are kept alive");
  }
  check(options.hooks.empty() || options.hooks.size() == options.threads, "a hook a thread");
  if (options.timeout <= Duration::zero()) return fail(Code::invalid, "a timeout is above 0");
  const bool timed = options.plan || options.requests > 0;
  if (!timed && options.duration <= Duration::zero()) {
    return fail(Code::invalid, "a duration is above 0");
  }
  return {};
}

/// Null for plain HTTP.
Result<std::unique_ptr<TlsContext>> tls_context(const LoadOptions& options) {
  if (!options.target.tls) return nullptr;
  return TlsContext::make(
      {.host = options.target.host,
       .verify = options.tls_verify,
       .ca_file = options.tls_ca,
       .protocol = options.version == LoadVersion::http10 ? "http/1.0" : "http/1.1"});
}

/// The share of `all` that falls to a thread; the first ones take the rest.
template <class Count>
Count share(Count all, unsigned thread, unsigned threads) {
  return all / threads + (thread < all % threads ? 1 : 0);
}

bool named(std::string_view header, std::string_view name) {
  return header.size() > name.size() && header[name.size()] == ':' &&
         std::ranges::equal(header.substr(0, name.size()), name, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
         });
}

}  // namespace

Result<std::string> load_request(const LoadOptions& options) {
  bool host = false;
  bool length = false;
  bool connection = false;
  std::string headers;
  const auto plain = [](unsigned char c) { return (c >= ' ' && c != 127) || c == '\t'; };
  for (const std::string& header : options.headers) {
    const std::size_t colon = header.find(':');
    if (colon == 0 || colon == std::string::npos || !std::ranges::all_of(header, plain) ||
        header.find(' ') < colon) {
      return fail(Code::invalid, "a header is \"Name: value\", not " + printable(header, 60));
    }
    host |= named(header, "host");
    length |= named(header, "content-length") || named(header, "transfer-encoding");
    connection |= named(header, "connection");
    headers += header + "\r\n";
  }
  if (options.method.empty() || !std::ranges::all_of(options.method, [](unsigned char c) {
        return c > ' ' && c < 127 && c != ':';
      })) {
    return fail(Code::invalid, "no method: " + printable(options.method, 40));
  }
  std::string out = options.method + " " + options.target.path +
                    (options.version == LoadVersion::http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  if (!host) out += "Host: " + options.target.host_header + "\r\n";
  out += headers;
  const bool has_body = !options.body.empty() || options.method == "POST" ||
                        options.method == "PUT" || options.method == "PATCH";
  if (has_body && !length) out += fmt::format("Content-Length: {}\r\n", options.body.size());
  // What the version means by itself is not said.
  const bool kept_by_itself = options.version == LoadVersion::http11;
  if (!connection && options.keep_alive != kept_by_itself) {
    out += options.keep_alive ? "Connection: Keep-Alive\r\n" : "Connection: close\r\n";
  }
  return out + "\r\n" + options.body;
}

namespace {

/// Passes seconds on, and ends the run when a goal says so.
class Watching final : public LoadFollower {
 public:
  explicit Watching(const LoadOptions& options)
      : follower_(options.follower), judge_(options.goals, classes_of(options.goals)) {}
  void second(const LoadSecond& second) override {
    judge_.add(second);
    if (follower_ != nullptr) follower_->second(second);
    if (ended_.load(std::memory_order_relaxed)) return;
    if (const LoadGoal* goal = judge_.aborting(); goal != nullptr) {
      ended_by_ = goal->text;
      ended_.store(true, std::memory_order_relaxed);
    }
  }
  const std::atomic<bool>& ended() const { return ended_; }
  /// When nothing more comes.
  const std::string& ended_by() const { return ended_by_; }

 private:
  LoadFollower* follower_;
  LoadJudge judge_;
  std::atomic<bool> ended_ = false;
  std::string ended_by_;
};

struct Setting {
  const LoadOptions& options;
  const LoadReached& reached;
  const TlsContext* tls;
  const std::string& requests;
  const ArrivalPlan* plan;
};

void run_threads(const Setting& setting, LoadResult& result) {
  const LoadOptions& options = setting.options;
  const std::vector<StatusClass> classes = classes_of(options.goals);
  const bool followed =
      options.follower != nullptr || std::ranges::any_of(options.goals, &LoadGoal::abort);
  Watching watching(options);
  LoadBoard board(options.threads);
  Time start;
  std::vector<LoadTally> tallies(options.threads);
  std::vector<Duration> sending(options.threads);
  std::vector<char> interrupted(options.threads);
  std::barrier together(options.threads, [&]() noexcept {
    start = Clock::now() + kStartDelay;
    result.started = std::chrono::system_clock::now() + options.warmup;
  });
  const auto body = [&](unsigned index) {
    LoadHook* hook = options.hooks.empty() ? nullptr : options.hooks[index];
    const LoadAddress* own = hook != nullptr ? hook->address() : nullptr;
    LoadThread thread({.options = options,
                       .address = own != nullptr ? *own : setting.reached.address,
                       .requests = setting.requests,
                       .tls = setting.tls,
                       .plan = setting.plan,
                       .part = {.thread = index, .threads = options.threads},
                       .classes = classes,
                       .ended = watching.ended(),
                       .board = followed ? &board : nullptr,
                       .connections = share(options.connections, index, options.threads),
                       .quota = options.requests == 0
                                    ? LoadThread::no_quota
                                    : share(options.requests, index, options.threads),
                       .hook = hook});
    thread.prepare();
    together.arrive_and_wait();
    thread.run(start);
    sending[index] = thread.sending();
    interrupted[index] = thread.interrupted() ? 1 : 0;
    tallies[index] = std::move(thread.tally());
  };
  {
    std::vector<std::jthread> threads;
    if (followed) {
      threads.emplace_back([&](const std::stop_token& end) { board.follow(watching, end); });
    }
    for (unsigned i = 1; i < options.threads; ++i) threads.emplace_back(body, i);
    body(0);
  }
  for (const LoadTally& tally : tallies) result.tally.add(tally);
  result.interrupted = std::ranges::count(interrupted, 1) > 0;
  result.duration = *std::ranges::max_element(sending);
  result.ended_by = watching.ended_by();
}

}  // namespace

Result<LoadResult> run_load_blocking(const LoadOptions& options) {
  PACELINE_TRY(check_options(options));
  PACELINE_TRY_VALUE(const std::string request, load_request(options));
  PACELINE_TRY(raise_file_limit(options.connections));
  PACELINE_TRY_VALUE(const std::unique_ptr<TlsContext> tls, tls_context(options));
  LoadResult result;
  result.open = options.plan.has_value();
  const Result<LoadReached> reached =
      reach_blocking(options.target, tls.get(), {.timeout = options.timeout, .stop = options.stop});
  if (!reached && reached.error().code == Code::cancelled) {
    result.interrupted = true;
    result.started = std::chrono::system_clock::now();
    return result;
  }
  if (!reached) return std::unexpected(reached.error());
  result.tls = reached->tls;
  std::string requests;
  for (std::uint32_t i = 0; i < options.pipeline; ++i) requests += request;
  std::optional<ArrivalPlan> plan;
  if (options.plan) plan = options.plan->after(options.warmup);

  run_threads({options, *reached, tls.get(), requests, plan ? &*plan : nullptr}, result);
  result.elapsed = std::max(result.duration, result.tally.last_answer);
  if (!result.open) {
    result.tally.service = result.tally.response;
    result.tally.sent_in_time = result.tally.sent;
  }
  const double seconds = std::chrono::duration<double>(result.duration).count();
  if (result.open && seconds > 0) {
    result.rate_offered = static_cast<double>(result.planned()) / seconds;
  }
  const std::vector<LoadVerdict> verdicts =
      judge_load(options.goals, classes_of(options.goals), result);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    result.goals.push_back({options.goals[i], verdicts[i]});
  }
  return result;
}

}  // namespace paceline
