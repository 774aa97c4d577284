#include "paceline/monitor/streams.h"

namespace paceline {
namespace {

constexpr Duration kQuietMax = std::chrono::seconds(10);  // then a comment keeps proxies patient
constexpr std::string_view kHello = "retry: 1000\n\n";
constexpr std::string_view kStillHere = ": still here\n\n";

}  // namespace

class Streams::Guest {
 public:
  explicit Guest(Streams& streams) : streams_(streams) { ++streams_.clients_; }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() { --streams_.clients_; }

 private:
  Streams& streams_;
};

void Streams::publish(std::string event) {
  frame_ = std::make_shared<const std::string>(std::move(event));
  ++sequence_;
  fresh_.notify();
}

Task<Result<void>> Streams::serve(BodyWriter& writer) {
  const Guest guest(*this);
  Result<void> written = co_await writer.write(kHello);
  std::uint64_t seen = 0;
  while (written && state_ == State::open) {
    if (sequence_ == seen) {
      const bool in_time = co_await fresh_.wait(Deadline::after(loop_.now(), kQuietMax));
      if (!in_time) written = co_await writer.write(kStillHere);
      continue;
    }
    if (seen != 0) dropped_ += sequence_ - seen - 1;
    seen = sequence_;
    const std::shared_ptr<const std::string> frame = frame_;
    written = co_await writer.write(*frame);
  }
  co_return written;
}

void Streams::end() {
  state_ = State::ended;
  fresh_.notify();
}

std::string event_text(std::string_view name, std::string_view data) {
  std::string text;
  text.reserve(name.size() + data.size() + 24);
  text.append("event: ").append(name).append("\ndata: ").append(data).append("\n\n");
  return text;
}

}  // namespace paceline
