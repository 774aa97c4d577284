// One connection of a generator thread: opens, writes requests, takes answers apart. What to ask
// next, and what to count, is its thread's business.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "paceline/http.h"
#include "paceline/load/exchange.h"
#include "paceline/load/result.h"
#include "paceline/load/tls.h"
#include "paceline/loop.h"

namespace paceline {

class LoadThread;

/// Edge-triggered: registered once, when it is opened. About 250 bytes, and a head that arrived
/// in part.
class LoadConnection final : public ListNode, public Watch {
 public:
  /// `number` is for people who tell connections apart.
  LoadConnection(LoadThread& thread, std::uint32_t pipeline, std::uint32_t number)
      : number(number), thread_(thread), due_(std::make_unique<Time[]>(pipeline)) {}
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;
  ~LoadConnection() { close(); }

  /// Connects without asking yet.
  void open();
  /// Sends `count` requests, which were due when `due(i)` says; connects first if it must. Tells
  /// the thread of each answer, and of the end by released() or failed().
  void ask(std::uint32_t count, Time now);
  void close();

  bool opening() const { return state_ == State::connecting || state_ == State::securing; }
  std::uint32_t outstanding() const { return asked_ - answered_; }
  Time& due(std::uint32_t index) { return due_[index]; }
  /// Of the oldest request without an answer, and of what follows it.
  Time due_of_outstanding(std::uint32_t index) const { return due_[answered_ + index]; }
  Time sent() const { return sent_; }
  const std::uint32_t number;
  Time free_since = Time::min();  // since when it could have taken a request

 private:
  friend class LoadThread;
  enum class State : std::uint8_t { closed, connecting, securing, open };

  void ready(std::uint32_t events) override;
  void connected();
  void secure();
  void opened();
  ssize_t receive(std::span<char> into);
  ssize_t send(std::string_view bytes);
  void write();
  void read(bool hangup);
  bool consume(std::string_view bytes);
  bool read_head(std::string_view& bytes);
  bool read_body(std::string_view& bytes);
  void answered();
  void tell_hook();
  void peer_closed();
  void fail_transfer(LoadStage stage, int os);
  void fail(LoadFailure failure);
  void watch(int operation, bool output);

  LoadThread& thread_;
  std::unique_ptr<Time[]> due_;
  std::unique_ptr<LoadExchange> exchange_;  // with a hook only
  Time sent_{};
  Time first_{};                 // when the answer that is read began to arrive
  Time step_began_{};            // of connecting, then of the TLS handshake
  std::uint64_t body_size_ = 0;  // of that answer, up to here
  std::size_t written_ = 0;
  std::string partial_;  // the front of a head whose rest has not come
  std::unique_ptr<TlsSession> tls_;
  ReplyBody body_;
  int fd_ = -1;
  std::uint32_t asked_ = 0;
  std::uint32_t answered_ = 0;
  std::uint16_t status_ = 0;
  State state_ = State::closed;
  bool in_body_ = false;
  bool keep_alive_ = true;
};

}  // namespace paceline
