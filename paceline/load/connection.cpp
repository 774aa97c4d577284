#include "paceline/load/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

#include "paceline/load/thread.h"

namespace paceline {

void LoadConnection::close() {
  if (opening()) --thread_.opening_;
  state_ = State::closed;
  tls_.reset();
  // Nothing but this connection's own callback closes it, and closing removes it from the epoll
  // set, since no other process shares the socket.
  if (fd_ >= 0) thread_.kernel_.close(fd_);
  fd_ = -1;
  partial_.clear();
  in_body_ = false;
  if (exchange_) exchange_->reset();
}

/// A Unix socket tells of room after each answer that was read, so it is asked only when it is
/// full.
void LoadConnection::watch(int operation, bool output) {
  const bool tcp = thread_.job_.address.family() != AF_UNIX;
  const std::uint32_t events =
      EPOLLIN | EPOLLRDHUP | EPOLLET | (tcp || output ? std::uint32_t{EPOLLOUT} : 0);
  const int answer = thread_.kernel_.watch(operation, fd_, events, static_cast<Watch*>(this));
  check(answer == 0, "epoll takes a socket");
}

void LoadConnection::open() {
  const LoadAddress& address = thread_.job_.address;
  if (exchange_) exchange_->opening(thread_.loop_.measure());
  step_began_ = thread_.loop_.measure();
  fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail({.stage = LoadStage::connect, .os = errno});
  if (address.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  const int answer = ::connect(fd_, to, address.size) < 0 ? errno : 0;
  if (answer != 0 && answer != EINPROGRESS) {
    return fail({.stage = LoadStage::connect, .os = answer});
  }
  watch(EPOLL_CTL_ADD, false);
  state_ = State::connecting;
  ++thread_.opening_;
  if (answer == 0) connected();
}

void LoadConnection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail({.stage = LoadStage::connect, .os = error});
  const Time now = thread_.loop_.measure();
  thread_.tally_.connect.record(now - step_began_);
  if (thread_.job_.tls == nullptr) return opened();
  step_began_ = now;
  state_ = State::securing;
  tls_ = std::make_unique<TlsSession>(*thread_.job_.tls, thread_.kernel_, fd_);
  secure();
}

void LoadConnection::secure() {
  const TlsSession::Step step = tls_->handshake();
  if (step == TlsSession::Step::again) return;
  if (step == TlsSession::Step::failed) {
    return fail({.stage = LoadStage::connect, .tls = tls_->problem()});
  }
  thread_.tally_.handshake.record(thread_.loop_.measure() - step_began_);
  opened();
}

void LoadConnection::opened() {
  --thread_.opening_;
  state_ = State::open;
  keep_alive_ = true;
  ++thread_.tally_.connects;
  if (exchange_) exchange_->connected(thread_.loop_.measure());
  if (outstanding() > 0) write();
}

ssize_t LoadConnection::receive(std::span<char> into) {
  if (tls_ != nullptr) [[unlikely]] {
    return tls_->receive(into);
  }
  return thread_.kernel_.receive(fd_, into);
}

ssize_t LoadConnection::send(std::string_view bytes) {
  if (tls_ != nullptr) [[unlikely]] {
    return tls_->send(bytes);
  }
  return thread_.kernel_.send(fd_, bytes);
}

void LoadConnection::ask(std::uint32_t count, Time now) {
  asked_ = count;
  answered_ = 0;
  written_ = 0;
  sent_ = now;
  if (state_ == State::open) return write();
  if (state_ == State::closed) open();
}

void LoadConnection::ready(std::uint32_t events) {
  if (state_ == State::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) connected();
    return;
  }
  const bool hangup = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (tls_ != nullptr) tls_->wake(hangup);
  if (state_ == State::securing) {
    secure();
    if (!hangup) return;  // else the end has been told, and will not be told again
  }
  if (hangup || (events & EPOLLIN) != 0) return read(hangup);
  if (outstanding() > 0) write();
}

void LoadConnection::write() {
  const std::string_view requests =
      thread_.hook_requests_ ? exchange_->requests()
                             : thread_.job_.requests.substr(0, thread_.request_size_ * asked_);
  const std::size_t total = requests.size();
  while (written_ < total) {
    const ssize_t n = send({requests.data() + written_, total - written_});
    if (n == -EAGAIN) {
      if (thread_.job_.address.family() == AF_UNIX) watch(EPOLL_CTL_MOD, true);
      return;
    }
    if (n < 0 && n != -EINTR) return fail_transfer(LoadStage::write, static_cast<int>(-n));
    if (n > 0) written_ += static_cast<std::size_t>(n);
  }
}

/// A short read has emptied the socket; what comes later is a new edge. An end that came with
/// the bytes is no new edge, so with `hangup` the reading goes on up to it.
void LoadConnection::read(bool hangup) {
  while (state_ == State::open) {
    std::vector<char>& buffer = thread_.buffer_;
    const std::size_t kept = partial_.size();
    const std::size_t room = buffer.size() - kept;
    const ssize_t n = receive({buffer.data() + kept, room});
    if (n == -EAGAIN) return;
    if (n == -EINTR) continue;
    thread_.loop_.measure();
    if (n < 0) return fail_transfer(LoadStage::read, static_cast<int>(-n));
    if (n == 0) return peer_closed();
    if (kept == 0 && !in_body_) first_ = thread_.loop_.measured();
    const auto size = static_cast<std::size_t>(n);
    if (exchange_) exchange_->arrived(thread_.loop_.measured());
    if (thread_.counts(sent_)) thread_.tally_.bytes_read += size;
    if (kept > 0) {
      std::memcpy(buffer.data(), partial_.data(), kept);
      partial_.clear();
    }
    if (!consume({buffer.data(), kept + size})) return;
    // TLS gives one record at a time, and knows itself when the socket is empty.
    if (size < room && !hangup && tls_ == nullptr) return;
  }
}

/// False when the connection is not the one that it was.
bool LoadConnection::consume(std::string_view bytes) {
  while (!bytes.empty()) {
    if (outstanding() == 0) {
      fail({.stage = LoadStage::read, .unasked = true});
      return false;
    }
    if (!in_body_ && !read_head(bytes)) return state_ == State::open;
    if (in_body_ && !read_body(bytes)) return state_ == State::open;
    if (in_body_ || outstanding() > 0) continue;
    if (!bytes.empty() && keep_alive_) {  // more than was asked for: the next answer would be wrong
      thread_.tally_.count_failure({.stage = LoadStage::read, .unasked = true, .count = 1});
      keep_alive_ = false;
    }
    const bool goes_on = keep_alive_ && thread_.job_.options.keep_alive;
    if (!goes_on) close();
    thread_.released(*this, thread_.loop_.measured());
    return goes_on && state_ == State::open;
  }
  return true;
}

/// False when there is nothing more to read now.
bool LoadConnection::read_head(std::string_view& bytes) {
  ReplyHead& head = thread_.head_;
  head.reset();
  const ReplyStatus status = parse_reply_head(bytes, thread_.job_.options.parser, head);
  if (status.state == ParseState::failed) {
    fail({.stage = LoadStage::read, .reply = status.error});
    return false;
  }
  if (status.state == ParseState::need_more) {
    partial_ = bytes;
    return false;
  }
  const std::string_view head_bytes = bytes.substr(0, status.bytes);
  bytes.remove_prefix(status.bytes);
  if (head.interim()) return true;
  const Method asked = thread_.hook_requests_ ? exchange_->method(answered_) : thread_.method_;
  keep_alive_ = head.keep_alive(asked);
  if (thread_.job_.options.version == LoadVersion::http10) keep_alive_ &= head.asks_keep_alive();
  if (exchange_) {
    exchange_->head(head_bytes);
    keep_alive_ = thread_.job_.hook->keeps(head, keep_alive_);
  }
  status_ = static_cast<std::uint16_t>(head.status());
  const Framing framing = head.framing(asked);
  const std::uint64_t length = head.content_length().value_or(0);
  if (framing == Framing::none || (framing == Framing::length && length <= bytes.size())) {
    const auto size = static_cast<std::size_t>(framing == Framing::none ? 0 : length);
    if (exchange_) exchange_->body(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (thread_.counts(sent_)) thread_.tally_.bytes_body += size;
    body_size_ = size;
    answered();
    return state_ == State::open;
  }
  body_ = ReplyBody(framing, length);
  body_size_ = 0;
  in_body_ = true;
  return true;
}

bool LoadConnection::read_body(std::string_view& bytes) {
  const ReplyBody::Piece piece = body_.next(bytes);
  bytes.remove_prefix(piece.consumed);
  if (exchange_) exchange_->body(piece.data);
  if (thread_.counts(sent_)) thread_.tally_.bytes_body += piece.data.size();
  body_size_ += piece.data.size();
  if (piece.state == ParseState::failed) {
    fail({.stage = LoadStage::read, .reply = piece.error});
    return false;
  }
  if (piece.state == ParseState::complete) answered();
  return state_ == State::open;
}

/// One answer is whole. The last that the server means to give makes failures of the rest.
void LoadConnection::answered() {
  in_body_ = false;
  const Time now = thread_.loop_.measured();
  thread_.answered(due_[answered_], sent_, now, status_);
  if (thread_.log_ && thread_.counts(due_[answered_])) [[unlikely]] {
    thread_.log_->add({.due = due_[answered_],
                       .sent = sent_,
                       .first = first_,
                       .end = now,
                       .connection = number,
                       .status = status_,
                       .bytes = body_size_});
  }
  if (exchange_) tell_hook();
  first_ = now;  // the next one of a pipeline may be in the same bytes
  ++answered_;
  if (!keep_alive_ && outstanding() > 0) {
    fail({.stage = LoadStage::read, .reply = ReplyError::truncated});
  }
}

void LoadConnection::tell_hook() {
  LoadSample sample = exchange_->finish(sent_);
  sample.due = due_[answered_];
  sample.done = thread_.loop_.measured();
  sample.status = status_;
  sample.counted = thread_.counts(sample.due);
  sample.last = answered_ + 1 == asked_;
  sample.keep_alive = keep_alive_;
  thread_.job_.hook->answered(sample, exchange_->answer());
  thread_.obey_hook();
}

void LoadConnection::peer_closed() {
  if (in_body_ && body_.end() == ReplyError::none) {
    answered();
    if (state_ == State::closed) return;
    close();
    return thread_.released(*this, thread_.loop_.measured());
  }
  if (outstanding() > 0) return fail({.stage = LoadStage::read, .reply = ReplyError::truncated});
  close();  // an idle one; the next request opens it again
}

void LoadConnection::fail_transfer(LoadStage stage, int os) {
  if (os == EPROTO && tls_ != nullptr) return fail({.stage = stage, .tls = tls_->problem()});
  fail({.stage = stage, .os = os});
}

void LoadConnection::fail(LoadFailure failure) {
  close();
  thread_.failed(*this, failure);
  asked_ = answered_ = 0;
}

}  // namespace paceline
