#include "paceline/load/hook.h"

#include <gtest/gtest.h>

#include "paceline/load/engine.h"
#include "paceline/load/test_peer.h"

namespace paceline {
namespace {

using testing::PeerConnection;
using testing::TestPeer;

/// Asks for /0, /1, … and notes what comes.
struct NotingHook : LoadHook {
  bool makes_requests() const override { return true; }
  LoadRequests requests(std::uint32_t count) override {
    bytes.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      bytes +=
          (head ? "HEAD /" : "GET /") + std::to_string(asked++) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    return {.bytes = bytes, .heads = head ? ~std::uint64_t{0} : 0};
  }
  Duration delay() override { return pause; }
  bool reads_answers() const override { return true; }
  void answered(const LoadSample& sample, const LoadAnswer& answer) override {
    samples.push_back(sample);
    bodies.emplace_back(answer.body);
    heads.emplace_back(answer.head);
  }
  void failed(const LoadFailure& failure) override { failures.push_back(failure.text()); }
  void unfinished(Duration) override { ++open; }
  bool stopped() const override { return samples.size() >= stop_after; }

  bool head = false;
  Duration pause{};
  std::size_t stop_after = SIZE_MAX;
  std::uint32_t asked = 0;
  std::uint32_t open = 0;
  std::string bytes;
  std::vector<LoadSample> samples;
  std::vector<std::string> bodies;
  std::vector<std::string> heads;
  std::vector<std::string> failures;
};

TestPeer::Serve answering(std::string bytes) {
  return [bytes = std::move(bytes)](PeerConnection& connection) {
    while (connection.read_request()) connection.send(bytes);
  };
}

Result<LoadResult> run(const TestPeer& peer, NotingHook& hook, LoadOptions options = {}) {
  options.target = peer.target();
  options.connections = 1;
  options.hooks = {&hook};
  return run_load_blocking(options);
}

TEST(LoadHook, MakesTheRequestsAndReadsTheAnswers) {
  const TestPeer peer(
      answering("HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: "
                "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  NotingHook hook;
  const Result<LoadResult> result = run(peer, hook, {.requests = 3});
  ASSERT_TRUE(result);
  EXPECT_EQ(hook.asked, 3U);
  EXPECT_EQ(hook.bodies, (std::vector<std::string>{"abcde", "abcde", "abcde"}));
  EXPECT_TRUE(hook.heads[0].starts_with("HTTP/1.1 200 OK\r\nX: y\r\n"));
  const LoadSample& first = hook.samples[0];
  EXPECT_EQ(first.body_bytes, 5U);
  EXPECT_EQ(first.status, 200U);
  EXPECT_GT(first.connect, Duration{});
  EXPECT_EQ(hook.samples[1].connect, Duration{});
  EXPECT_LE(first.sent, first.first_byte);
  EXPECT_LE(first.first_byte, first.done);
}

TEST(LoadHook, ReadsAnswersThatComeWithTheirHead) {
  const TestPeer peer(answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
  NotingHook hook;
  ASSERT_TRUE(run(peer, hook, {.pipeline = 4, .requests = 8}));
  EXPECT_EQ(hook.bodies, std::vector<std::string>(8, "hello"));
  EXPECT_FALSE(hook.samples[2].last);
  EXPECT_TRUE(hook.samples[3].last);
}

TEST(LoadHook, SaysWhichRequestsHaveNoBody) {
  const TestPeer peer(answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
  NotingHook hook;
  hook.head = true;
  const Result<LoadResult> result = run(peer, hook, {.pipeline = 2, .requests = 6});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.completed, 6U);
}

TEST(LoadHook, PausesBeforeEachRequest) {
  const TestPeer peer(answering("HTTP/1.1 204 None\r\n\r\n"));
  NotingHook hook;
  hook.pause = std::chrono::milliseconds(20);
  const Result<LoadResult> result = run(peer, hook, {.requests = 3});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tally.completed, 3U);
  EXPECT_GE(result->duration, 3 * hook.pause);
  for (std::size_t i = 1; i < hook.samples.size(); ++i) {
    EXPECT_GE(hook.samples[i].sent - hook.samples[i - 1].done, hook.pause);
  }
}

TEST(LoadHook, EndsItsThread) {
  const TestPeer peer(answering("HTTP/1.1 204 None\r\n\r\n"));
  NotingHook hook;
  hook.stop_after = 10;
  const Result<LoadResult> result =
      run(peer, hook, {.pipeline = 3, .duration = std::chrono::minutes(1)});
  ASSERT_TRUE(result);
  EXPECT_LT(result->duration, std::chrono::minutes(1));
  EXPECT_GE(hook.samples.size(), 10U);
  EXPECT_EQ(result->tally.sent, result->tally.completed + result->tally.unfinished);
  EXPECT_EQ(hook.open, result->tally.unfinished);
}

TEST(LoadHook, SeesFailures) {
  const TestPeer peer([](PeerConnection& connection) {
    if (connection.read_request()) connection.send("nonsense\r\n\r\n");
  });
  NotingHook hook;
  ASSERT_TRUE(run(peer, hook, {.requests = 2}));
  ASSERT_EQ(hook.failures.size(), 2U);
  EXPECT_TRUE(hook.failures[0].starts_with("read: ")) << hook.failures[0];
}

}  // namespace
}  // namespace paceline
