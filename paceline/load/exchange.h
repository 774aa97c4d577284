// What a connection keeps for the hook of its thread; there is none without a hook.
#pragma once

#include <algorithm>
#include <string>

#include "paceline/load/hook.h"
#include "paceline/loop.h"

namespace paceline {

class LoadConnection;
class LoadThread;

/// The requests under way on one connection, and the answer that is arriving. Its timer is the
/// pause before the next request.
class LoadExchange final : public Timer {
 public:
  LoadExchange(LoadThread& thread, LoadConnection& connection, bool reads_answers)
      : thread_(thread), connection_(connection), reads_(reads_answers) {}

  void asked(LoadRequests requests) {
    requests_ = requests.bytes;
    heads_ = requests.heads;
  }
  std::string_view requests() const { return requests_; }
  Method method(std::uint32_t index) const {
    return index < 64 && (heads_ >> index & 1U) != 0 ? Method::head : Method::get;
  }
  void opening(Time now) { opened_ = now; }
  void connected(Time now) {
    connected_ = now;
    first_ = true;
  }
  void arrived(Time now) {
    if (sample_.first_byte == Time{}) sample_.first_byte = now;
  }
  void head(std::string_view bytes) {
    if (reads_) head_ = bytes;
    body_.clear();
  }
  void body(std::string_view piece) {
    sample_.body_bytes += piece.size();
    if (reads_) body_.append(piece.substr(0, LoadHook::body_max - body_.size()));
  }
  /// What is known of the request that was just answered; forgets it.
  LoadSample finish(Time sent) {
    LoadSample done = sample_;
    sample_ = {};
    done.sent = std::max(sent, connected_);
    if (first_) done.connect = connected_ - opened_;
    first_ = false;
    return done;
  }
  LoadAnswer answer() const { return {.head = head_, .body = body_}; }
  /// The connection is gone, and with it what had arrived.
  void reset() { sample_ = {}; }

  void fire() override;

 private:
  LoadThread& thread_;
  LoadConnection& connection_;
  bool reads_;
  bool first_ = false;
  std::string requests_;
  std::uint64_t heads_ = 0;
  Time opened_{};
  Time connected_{};
  LoadSample sample_;
  std::string head_;
  std::string body_;
};

}  // namespace paceline
