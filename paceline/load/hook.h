// The seam between the engine and whoever wants a say in what is asked, or wants to see each
// answer: scripts, and reports in the form of other tools. Without a hook nothing of it is paid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/load/result.h"
#include "paceline/load/target.h"

namespace paceline {

/// A request that was answered.
struct LoadSample {
  Time due{};
  Time sent{};        // when it could be written: after connecting, if it had to connect
  Time first_byte{};  // of the answer
  Time done{};
  Duration connect{};  // how long connecting took; 0 unless it is its connection's first request
  unsigned status = 0;
  std::uint64_t body_bytes = 0;
  bool counted = true;     // after the warm-up
  bool last = true;        // of the requests that were sent together
  bool keep_alive = true;  // the connection takes another one
};

/// The bytes of the requests that are sent together, borrowed until the next call.
struct LoadRequests {
  std::string_view bytes;
  /// Bit i: request i is a HEAD, whose answer has no body. Only the first 64 can be.
  std::uint64_t heads = 0;
};

/// The answer itself, for hooks that read it; borrowed.
struct LoadAnswer {
  std::string_view head;
  std::string_view body;  // without the chunked coding; up to LoadHook::body_max bytes
};

/// One a thread of the generator, and called on that thread only.
class LoadHook {
 public:
  static constexpr std::size_t body_max = std::size_t{64} << 20;

  virtual ~LoadHook() = default;

  /// What to send instead of the options' request. Asked once before the start.
  virtual bool makes_requests() const { return false; }
  /// The next `count` requests; no bytes end the test.
  virtual LoadRequests requests(std::uint32_t count) {
    (void)count;
    return {};
  }
  /// How long a connection waits before its next request; no part of any latency. Closed loop.
  virtual Duration delay() { return {}; }
  /// Whether answered() is to see heads and bodies. Asked once before the start.
  virtual bool reads_answers() const { return false; }
  virtual void answered(const LoadSample& sample, const LoadAnswer& answer) {
    (void)sample, (void)answer;
  }
  /// Whether the connection stays open; `keep_alive` is what HTTP says.
  virtual bool keeps(const ReplyHead& head, bool keep_alive) {
    (void)head;
    return keep_alive;
  }
  /// Of `failure.count` requests, or with 0 of a connection that had none.
  virtual void failed(const LoadFailure& failure) { (void)failure; }
  /// Sent, and without an end when the test ended `waited` later.
  virtual void unfinished(Duration waited) { (void)waited; }
  /// A few dozen times a second, while the thread runs.
  virtual void tick(Time now) { (void)now; }
  /// The thread ends as soon as this is true.
  virtual bool stopped() const { return false; }
  /// Where this thread connects to, if not where all others do.
  virtual const LoadAddress* address() const { return nullptr; }
};

}  // namespace paceline
