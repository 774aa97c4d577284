#include "paceline/monitor/streams.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

/// Takes what it is given, once it is let.
class Client final : public BodyWriter {
 public:
  explicit Client(Loop& loop) : open_(loop) { open_.set(); }
  Task<Result<void>> write(std::string_view bytes) override {
    const bool let = co_await open_.wait();
    check(let, "a wait without a deadline");
    if (gone_) co_return fail(Code::closed, "the client is gone");
    seen_ += bytes;
    co_return Result<void>{};
  }
  void block() { open_.reset(); }
  void go_on() { open_.set(); }
  void leave() {
    gone_ = true;
    open_.set();
  }
  std::size_t count(std::string_view text) const {
    std::size_t times = 0;
    for (std::size_t at = seen_.find(text); at != std::string::npos;
         at = seen_.find(text, at + 1)) {
      ++times;
    }
    return times;
  }

 private:
  Event open_;
  bool gone_ = false;
  std::string seen_;
};

Task<void> read(Streams& streams, Client& client) {
  const Result<void> ended = co_await streams.serve(client);
  static_cast<void>(ended);
}

class StreamsTest : public ::testing::Test {
 protected:
  void turn() {
    for (int i = 0; i < 3; ++i) loop_.turn(loop_.now());
  }
  RealKernel kernel_;
  Loop loop_{kernel_};
  Streams streams_{loop_};
  Client client_{loop_};
  Scope scope_{loop_};  // last: its tasks use what is above
};

TEST_F(StreamsTest, AClientBeginsWithTheNewestFrameAndGetsEveryOther) {
  streams_.publish(event_text("snapshot", "0"));
  streams_.publish(event_text("snapshot", "1"));
  scope_.spawn(read(streams_, client_));
  turn();
  EXPECT_EQ(streams_.clients(), 1U);
  EXPECT_EQ(client_.count("data: 0"), 0U);
  EXPECT_EQ(client_.count("event: snapshot\ndata: 1\n\n"), 1U);
  streams_.publish(event_text("snapshot", "2"));
  turn();
  EXPECT_EQ(client_.count("data: 2\n\n"), 1U);
  EXPECT_EQ(streams_.dropped(), 0U);
}

TEST_F(StreamsTest, ASlowClientMissesFramesAndCostsNothing) {
  streams_.publish(event_text("snapshot", "first"));
  scope_.spawn(read(streams_, client_));
  turn();
  client_.block();
  for (int i = 0; i < 10; ++i) {
    streams_.publish(event_text("snapshot", std::to_string(i)));
    turn();
  }
  client_.go_on();
  turn();
  EXPECT_EQ(client_.count("data: 0\n"), 1U);  // was being written
  EXPECT_EQ(client_.count("data: 9\n"), 1U);
  EXPECT_EQ(client_.count("event: "), 3U);
  EXPECT_EQ(streams_.dropped(), 8U);
}

TEST_F(StreamsTest, WhoLeavesIsNotCounted) {
  streams_.publish(event_text("snapshot", "0"));
  scope_.spawn(read(streams_, client_));
  turn();
  client_.leave();
  streams_.publish(event_text("snapshot", "1"));
  turn();
  EXPECT_EQ(streams_.clients(), 0U);
}

TEST_F(StreamsTest, AllEndTogether) {
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < Streams::clients_max; ++i) {
    EXPECT_FALSE(streams_.full());
    clients.push_back(std::make_unique<Client>(loop_));
    scope_.spawn(read(streams_, *clients.back()));
  }
  EXPECT_TRUE(streams_.full());
  streams_.end();
  turn();
  EXPECT_EQ(streams_.clients(), 0U);
  EXPECT_EQ(scope_.size(), 0U);
}

}  // namespace
}  // namespace paceline
