// Fuzz target: what a server sends, as a client would take it apart. Beside "no crash" it holds
// that the result does not depend on how the bytes arrive, and that every view lies within them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/core.h"
#include "paceline/http/reply.h"

namespace paceline {
namespace {

struct Answers {
  std::string seen;  // everything that a client could notice
  bool operator==(const Answers&) const = default;
};

void check_within(std::string_view whole, std::string_view part) {
  check(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size(),
        "a view outside of the bytes");
}

void describe(const ReplyHead& head, std::string_view bytes, Answers& answers) {
  answers.seen += std::to_string(head.status()) + "." + std::to_string(head.version_minor());
  for (std::size_t i = 0; i < head.header_count(); ++i) {
    check_within(bytes, head.header(i).name);
    check_within(bytes, head.header(i).value);
    answers.seen.append(head.header(i).name).append("=").append(head.header(i).value).append(";");
  }
  check(!head.content_length() || head.framing(Method::get) != Framing::chunked, "two framings");
}

/// One connection's answers; what the peer has sent grows by `step` bytes at a time.
class Client {
 public:
  explicit Client(Method asked, const ParserLimits& limits) : asked_(asked), limits_(limits) {}

  void receive(std::string_view piece) {
    pending_ += piece;
    while (!done_ && (in_body_ ? read_body() : read_head())) {
    }
  }
  Answers end() {
    if (!done_ && in_body_) answers_.seen += explain(body_.end());
    return answers_;
  }

 private:
  bool read_head() {
    const std::string storage(pending_);  // exactly sized: a read beyond it is caught
    const ReplyStatus status = parse_reply_head(storage, limits_, head_);
    check(status.bytes <= storage.size(), "a position outside of the bytes");
    if (status.state == ParseState::need_more) return false;
    if (status.state == ParseState::failed) {
      answers_.seen += std::string(explain(status.error)) + "@" + std::to_string(status.bytes);
      done_ = true;
      return false;
    }
    describe(head_, storage, answers_);
    body_ = ReplyBody(head_, asked_);
    in_body_ = true;
    keep_alive_ = head_.interim() || head_.keep_alive(asked_);
    pending_.erase(0, status.bytes);
    return true;
  }
  bool read_body() {
    const std::string storage(pending_);
    const ReplyBody::Piece piece = body_.next(storage);
    check(piece.consumed <= storage.size(), "more consumed than there was");
    if (!piece.data.empty()) check_within(storage, piece.data);
    answers_.seen += piece.data;
    pending_.erase(0, piece.consumed);
    if (piece.state == ParseState::need_more) return piece.consumed != 0 && !pending_.empty();
    answers_.seen += piece.state == ParseState::complete ? "|" : explain(piece.error);
    in_body_ = false;
    done_ = piece.state == ParseState::failed || !keep_alive_;
    return true;
  }

  Method asked_;
  const ParserLimits& limits_;
  std::string pending_;
  ReplyHead head_;
  ReplyBody body_;
  Answers answers_;
  bool in_body_ = false;
  bool keep_alive_ = true;
  bool done_ = false;
};

Answers read(std::string_view bytes, std::size_t step, Method asked, const ParserLimits& limits) {
  Client client(asked, limits);
  for (std::size_t at = 0; at < bytes.size(); at += step) client.receive(bytes.substr(at, step));
  return client.end();
}

}  // namespace
}  // namespace paceline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paceline;
  const std::string_view bytes(reinterpret_cast<const char*>(data),
                               std::min<std::size_t>(size, 4096));
  const ParserLimits tight{.line_max = 64, .header_max = 48, .head_max = 192, .headers_max = 5};
  for (const ParserLimits& limits : {ParserLimits{}, tight}) {
    for (const Method asked : {Method::get, Method::head}) {
      const Answers whole = read(bytes, bytes.size() + 1, asked, limits);
      check(read(bytes, 1, asked, limits) == whole, "byte by byte");
      check(read(bytes, 3 + bytes.size() % 13, asked, limits) == whole, "in steps");
    }
  }
  return 0;
}
