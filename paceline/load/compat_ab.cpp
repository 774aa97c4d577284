#include "paceline/load/compat_ab.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace paceline {
namespace {

// ab tells of its progress ten times, and not of fewer requests than this.
constexpr std::uint64_t kProgressFrom = 150;
constexpr std::uint64_t kProgressStep = 100;
constexpr std::size_t kServerMax = 32;  // as much of the Server header as ab shows
// apr's number for "The timeout specified has expired".
constexpr int kAprTimeout = 70007;

bool contains_keep_alive(std::string_view value) {
  constexpr std::string_view word = "keep-alive";
  const auto found = std::ranges::search(
      value, word, [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  return !found.empty();
}

}  // namespace

std::string ab_request(const AbRequest& request) {
  std::string out = request.method + " " + request.target + " HTTP/1.0\r\n";
  if (request.keep_alive) out += "Connection: Keep-Alive\r\n";
  std::string cookies;
  for (const std::string& each : request.cookies) cookies += (cookies.empty() ? "" : "; ") + each;
  if (!cookies.empty()) out += "Cookie: " + cookies + "\r\n";
  if (request.has_body) {
    out += fmt::format("Content-length: {}\r\nContent-type: {}\r\n", request.body.size(),
                       request.content_type);
  }
  bool host = false;
  bool agent = false;
  bool accept = false;
  for (const std::string& line : request.lines) {
    out += line + "\r\n";
    const auto named = [&](std::string_view name) {
      return line.size() >= name.size() &&
             ::strncasecmp(line.data(), name.data(), name.size()) == 0;
    };
    host |= named("Host:");
    agent |= named("User-Agent:");
    accept |= named("Accept:");
  }
  if (!host) out += "Host: " + request.host + "\r\n";
  if (!agent) out += "User-Agent: ApacheBench/2.3\r\n";
  if (!accept) out += "Accept: */*\r\n";
  return out + "\r\n" + request.body;
}

AbHook::AbHook(const AbTest& test)
    : test_(test),
      wall_clock_(std::chrono::system_clock::now().time_since_epoch() -
                  std::chrono::duration_cast<std::chrono::system_clock::duration>(
                      Clock::now().time_since_epoch())) {
  constexpr std::uint64_t reserve_max = 1'000'000;
  samples_.reserve(std::min(test.requests, reserve_max));
}

LoadRequests AbHook::requests(std::uint32_t count) {
  check(count == 1, "ab does not pipeline");
  if (start_ == Time{}) start_ = Clock::now();
  if (test_.verbosity >= 2 && samples_.empty()) {
    const std::size_t head = test_.request.find("\r\n\r\n") + 4;
    std::printf("INFO: %s header == \n---\n%.*s\n---\n",
                test_.request.substr(0, test_.request.find(' ')).c_str(), static_cast<int>(head),
                test_.request.c_str());
  }
  return {.bytes = test_.request, .heads = test_.head ? 1U : 0U};
}

bool AbHook::keeps(const ReplyHead& head, bool keep_alive) {
  if (!has_head_) {
    has_head_ = true;
    server_ = head.find("server").value_or("").substr(0, kServerMax);
  }
  if (!test_.keep_alive || !keep_alive) return false;
  // HTTP/1.0 was asked for: only a server that says so keeps the connection.
  return contains_keep_alive(head.find("connection").value_or("")) ||
         head.find("keep-alive").has_value();
}

void AbHook::answered(const LoadSample& sample, const LoadAnswer& answer) {
  const Duration total = sample.connect + (sample.done - sample.sent);
  samples_.push_back({.begun = (sample.sent - sample.connect).time_since_epoch().count(),
                      .connect = sample.connect,
                      .total = total,
                      .wait = sample.first_byte - sample.sent});
  if (samples_.size() == 1) length_ = sample.body_bytes;
  if (sample.body_bytes != length_ && !test_.variable_length) ++length_errors_;
  if (sample.status < 200 || sample.status > 299) ++status_errors_;
  if (sample.keep_alive) ++kept_;
  if (test_.verbosity >= 2) log(sample, answer);
  note_progress();
  note_time(sample.done);
}

void AbHook::log(const LoadSample& sample, const LoadAnswer& answer) const {
  std::printf("LOG: header received:\n%.*s%.*s\n", static_cast<int>(answer.head.size()),
              answer.head.data(), static_cast<int>(answer.body.size()), answer.body.data());
  if (test_.verbosity >= 3) std::printf("LOG: Response code = %u\n", sample.status);
  if (sample.status < 200 || sample.status > 299) {
    std::printf("WARNING: Response code not 2xx (%u)\n", sample.status);
  }
}

void AbHook::failed(const LoadFailure& failure) {
  if (failure.stage == LoadStage::connect) {
    ++connect_errors_;
  } else if (failure.count == 0) {
    return;  // an idle connection; the next request opens another
  } else if (failure.stage == LoadStage::write) {
    ++write_errors_;
  } else if (failure.os == 0 && failure.stage == LoadStage::read) {
    ++exceptions_;  // an answer, but no whole one
    return note_progress();
  } else {
    ++receive_errors_;
  }
  if (test_.keeps_going || stopped_) return;
  stopped_ = true;
  if (failure.stage == LoadStage::timeout) {
    end_ = {.text = fmt::format("apr_pollset_poll: The timeout specified has expired ({})",
                                kAprTimeout),
            .code = kAprTimeout};
  } else {
    end_ = {.text = fmt::format(
                "{}: {} ({})",
                failure.stage == LoadStage::write ? "apr_socket_send" : "apr_socket_recv",
                ::strerrordesc_np(failure.os), failure.os),
            .code = failure.os};
  }
}

void AbHook::note_time(Time now) {
  if (test_.time_limit > Duration::zero() && start_ != Time{} && now - start_ >= test_.time_limit) {
    stopped_ = true;
  }
}

void AbHook::note_progress() const {
  if (!test_.progress || test_.requests <= kProgressFrom) return;
  const std::uint64_t step = std::max(test_.requests / 10, kProgressStep);
  if (done() % step == 0) {
    std::fprintf(stderr, "Completed %llu requests\n", static_cast<unsigned long long>(done()));
  }
}

}  // namespace paceline
