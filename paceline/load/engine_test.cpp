#include "paceline/load/engine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "paceline/load/test_peer.h"

namespace paceline {
namespace {

using testing::PeerConnection;
using testing::TestPeer;

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Answers every request with the same bytes.
TestPeer::Serve answering(std::string bytes, std::atomic<std::uint64_t>* count = nullptr) {
  return [bytes = std::move(bytes), count](PeerConnection& connection) {
    while (connection.read_request()) {
      if (count != nullptr) count->fetch_add(1);
      connection.send(bytes);
    }
  };
}

/// Reads one request, sends these bytes and closes.
TestPeer::Serve closing(std::string bytes) {
  return [bytes = std::move(bytes)](PeerConnection& connection) {
    if (connection.read_request()) connection.send(bytes);
  };
}

LoadOptions asking(const TestPeer& peer, std::uint64_t requests) {
  LoadOptions options;
  options.target = peer.target();
  options.connections = 2;
  options.requests = requests;
  return options;
}

LoadResult run(const LoadOptions& options) {
  Result<LoadResult> result = run_load_blocking(options);
  EXPECT_TRUE(result) << result.error().text();
  if (!result) return {};
  const LoadTally& tally = result->tally;
  // Whatever happened, each request has one end and one place in the histograms.
  EXPECT_EQ(tally.sent, tally.completed + tally.failed() + tally.unfinished);
  EXPECT_EQ(tally.response.count(), result->planned());
  EXPECT_EQ(tally.service.count(), tally.sent);
  std::uint64_t completed = 0;
  for (const LoadSecond& second : tally.seconds) completed += second.completed;
  EXPECT_EQ(completed, tally.completed);
  return std::move(*result);
}

std::vector<std::string> failures(const LoadResult& result) {
  std::vector<std::string> texts;
  for (const LoadFailure& each : result.tally.failures) {
    texts.push_back(each.text() + " * " + std::to_string(each.count));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(LoadEngine, AsksAsOftenAsItWasTold) {
  std::atomic<std::uint64_t> served = 0;
  const TestPeer peer(answering(kHello, &served));
  LoadOptions options = asking(peer, 1001);
  options.threads = 2;
  options.connections = 5;
  const LoadResult result = run(options);
  EXPECT_FALSE(result.open);
  EXPECT_EQ(result.tally.completed, 1001u);
  EXPECT_EQ(served, 1001u);
  EXPECT_EQ(result.tally.status[200], 1001u);
  EXPECT_EQ(result.tally.connects, 5u);
  EXPECT_EQ(result.tally.bytes_read, 1001 * kHello.size());
  EXPECT_EQ(result.tally.bytes_body, 1001u * 5);
  EXPECT_EQ(failures(result), Texts{});
}

TEST(LoadEngine, FewerRequestsThanThreadsIsFine) {
  const TestPeer peer(answering(kHello));
  LoadOptions options = asking(peer, 1);
  options.threads = 2;
  EXPECT_EQ(run(options).tally.completed, 1u);
}

TEST(LoadEngine, CountsEachAnswerOfAPipeline) {
  std::atomic<std::uint64_t> served = 0;
  const TestPeer peer(answering(kHello, &served));
  LoadOptions options = asking(peer, 101);
  options.pipeline = 7;
  EXPECT_EQ(run(options).tally.completed, 101u);
  EXPECT_EQ(served, 101u);
}

TEST(LoadEngine, AConnectionForEachRequest) {
  const TestPeer peer(answering(kHello));
  LoadOptions options = asking(peer, 20);
  options.keep_alive = false;
  const LoadResult result = run(options);
  EXPECT_EQ(result.tally.connects, 20u);
  EXPECT_EQ(failures(result), Texts{});
}

TEST(LoadEngine, FollowsAServerThatCloses) {
  const TestPeer peer(
      closing("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"));
  const LoadResult result = run(asking(peer, 20));
  EXPECT_EQ(result.tally.completed, 20u);
  EXPECT_EQ(result.tally.connects, 20u);
  EXPECT_EQ(failures(result), Texts{});
}

TEST(LoadEngine, Http10KeepsAConnectionOnlyIfBothSayIt) {
  const std::string kept = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
  const TestPeer polite(answering(kept));
  LoadOptions options = asking(polite, 20);
  options.version = LoadVersion::http10;
  EXPECT_EQ(run(options).tally.connects, 2u);
  // A server that names HTTP/1.1 and says nothing is about to close.
  const TestPeer silent(closing(kHello));
  options.target = silent.target();
  const LoadResult result = run(options);
  EXPECT_EQ(result.tally.connects, 20u);
  EXPECT_EQ(failures(result), Texts{});
}

TEST(LoadEngine, ABodyMayEndWithTheConnection) {
  const TestPeer peer(closing("HTTP/1.0 200 OK\r\n\r\nhello"));
  const LoadResult result = run(asking(peer, 20));
  EXPECT_EQ(result.tally.completed, 20u);
  EXPECT_EQ(result.tally.bytes_body, 100u);
  EXPECT_EQ(failures(result), Texts{});
}

TEST(LoadEngine, TakesAnswersInSmallPieces) {
  const std::string answer =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  const TestPeer peer([&](PeerConnection& connection) {
    while (connection.read_request()) {
      for (const char& byte : answer) connection.send({&byte, 1});
    }
  });
  const LoadResult result = run(asking(peer, 20));
  EXPECT_EQ(result.tally.completed, 20u);
  EXPECT_EQ(result.tally.status[103], 0u);
  EXPECT_EQ(result.tally.bytes_body, 100u);
  EXPECT_EQ(result.tally.bytes_read, 20 * answer.size());
}

TEST(LoadEngine, AnAnswerToHeadHasNoBody) {
  const TestPeer peer(answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
  LoadOptions options = asking(peer, 10);
  options.method = "HEAD";
  EXPECT_EQ(run(options).tally.completed, 10u);
}

TEST(LoadEngine, ErrorsOfTheServerAreAnswersAndCountApart) {
  const TestPeer peer(answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
  const LoadResult result = run(asking(peer, 10));
  EXPECT_EQ(result.tally.status[503], 10u);
  EXPECT_EQ(result.tally.failed(), 0u);
  EXPECT_EQ(result.tally.failed_response.count(), 10u);
}

TEST(LoadEngine, HalfAnAnswerIsAReadError) {
  const TestPeer peer(closing("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"));
  const LoadResult result = run(asking(peer, 10));
  EXPECT_EQ(failures(result), Texts{"read: the connection ended before the answer did * 10"});
  EXPECT_EQ(result.tally.errors[static_cast<std::size_t>(LoadStage::read)], 10u);
}

TEST(LoadEngine, AResetIsNamed) {
  const TestPeer peer([](PeerConnection& connection) {
    if (connection.read_request()) connection.reset();
  });
  const LoadResult result = run(asking(peer, 10));
  EXPECT_EQ(failures(result), Texts{"read: Connection reset by peer (ECONNRESET) * 10"});
}

TEST(LoadEngine, EndlessHeadersEnd) {
  const TestPeer peer([](PeerConnection& connection) {
    if (!connection.read_request()) return;
    connection.send("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 1000; ++i) connection.send("X-Header: " + std::string(1000, 'x') + "\r\n");
  });
  EXPECT_EQ(failures(run(asking(peer, 4))), Texts{"read: the head is too long * 4"});
}

TEST(LoadEngine, WhatIsNoHttpIsSaidSo) {
  const TestPeer peer(closing("SSH-2.0-OpenSSH\r\n"));
  EXPECT_EQ(failures(run(asking(peer, 4))),
            Texts{"read: it does not begin with a status line of HTTP/1 * 4"});
}

TEST(LoadEngine, MoreThanWasAskedForIsNoAnswerToTheNextRequest) {
  const TestPeer peer(closing(kHello + kHello));
  const LoadResult result = run(asking(peer, 10));
  EXPECT_EQ(result.tally.completed, 10u);
  EXPECT_EQ(failures(result), Texts{"read: the server sent what no request had asked for * 10"});
}

TEST(LoadEngine, ATimeoutIsCountedWithTheTimeItTook) {
  const TestPeer peer([](PeerConnection& connection) {
    while (connection.read_request()) {
    }
  });
  LoadOptions options = asking(peer, 6);
  options.timeout = 30ms;
  const LoadResult result = run(options);
  EXPECT_EQ(failures(result), Texts{"timeout: no whole answer in time * 6"});
  EXPECT_GE(result.tally.response.min(), 29'000u);
  EXPECT_EQ(result.tally.lower_bounds, 6u);
  EXPECT_EQ(result.rate_achieved(), 0);
}

TEST(LoadEngine, AnOpenLoopSendsWhatIsDue) {
  const TestPeer peer(answering(kHello));
  LoadOptions options = asking(peer, 0);
  options.plan = ArrivalPlan({{.length = 100ms, .from = 2000, .to = 2000}});
  options.threads = 2;
  for (const ArrivalKind kind : {ArrivalKind::uniform, ArrivalKind::poisson}) {
    options.arrivals = kind;
    const LoadResult result = run(options);
    EXPECT_TRUE(result.open);
    EXPECT_EQ(result.tally.completed, result.planned());
    EXPECT_EQ(result.tally.lag.count(), result.tally.sent);
    if (kind == ArrivalKind::uniform) EXPECT_EQ(result.planned(), 200u);
  }
}

TEST(LoadEngine, WhatNobodyAnswersIsPartOfTheResult) {
  const TestPeer peer([](PeerConnection& connection) {
    while (connection.read_request()) {
    }
  });
  LoadOptions options = asking(peer, 0);
  options.plan = ArrivalPlan({{.length = 100ms, .from = 1000, .to = 1000}});
  options.drain = 50ms;
  const LoadResult result = run(options);
  EXPECT_EQ(result.planned(), 100u);
  EXPECT_EQ(result.tally.sent, 2u);
  EXPECT_EQ(result.tally.unfinished, 2u);
  EXPECT_EQ(result.tally.unsent, 98u);
  EXPECT_EQ(result.tally.lower_bounds, 100u);
  EXPECT_EQ(result.tally.lag.count(), 100u);
  ASSERT_FALSE(result.doubts().empty());
  EXPECT_EQ(result.doubts().back().name, "under-delivered");
}

TEST(LoadEngine, TheWarmUpIsAskedAndNotCounted) {
  std::atomic<std::uint64_t> served = 0;
  const TestPeer peer(answering(kHello, &served));
  LoadOptions options = asking(peer, 0);
  options.warmup = 50ms;
  options.plan = ArrivalPlan({{.length = 50ms, .from = 1000, .to = 1000}});
  EXPECT_EQ(run(options).tally.completed, 50u);
  EXPECT_EQ(served, 100u);
  options.plan.reset();
  options.requests = 10;
  EXPECT_EQ(run(options).tally.completed, 10u);
  EXPECT_GT(served, 110u);
}

TEST(LoadEngine, AStopReportsWhatWasDone) {
  std::atomic<bool> stop = false;
  const TestPeer peer([&stop](PeerConnection& connection) {
    connection.read_request();
    connection.send(kHello);
    stop = true;
    connection.read_request();
    connection.read_request();
  });
  LoadOptions options = asking(peer, 1000);
  options.stop = &stop;
  const LoadResult result = run(options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_GE(result.tally.completed, 1u);
  EXPECT_LE(result.tally.unfinished, 2u);
}

TEST(LoadEngine, AStopInTheWarmUpHasNothingToReport) {
  const std::atomic<bool> stop = true;
  const TestPeer peer(answering(kHello));
  LoadOptions options = asking(peer, 0);
  options.warmup = 1h;
  options.stop = &stop;
  const LoadResult result = run(options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.planned(), 0u);
  EXPECT_EQ(result.duration, 0s);
}

TEST(LoadResult, WhatBreaksLittlesLawIsDoubtful) {
  LoadResult result;
  LoadTally& tally = result.tally;
  tally.counted = 10s;
  tally.looks = 500;
  tally.in_flight = 10;
  tally.in_flight_error = 0.01;
  tally.service.record(10'000, 10'000);  // 1,000/s of 10 ms each
  EXPECT_NEAR(result.in_flight_expected(), 10, 0.1);
  EXPECT_TRUE(result.doubts().empty());
  tally.in_flight = 12;
  ASSERT_EQ(result.doubts().size(), 1u);
  EXPECT_EQ(result.doubts()[0].name, "inconsistent");
  tally.in_flight_error = 1;
  EXPECT_TRUE(result.doubts().empty());
}

TEST(LoadEngine, RequestsInFlightAreLookedAt) {
  const TestPeer peer(answering(kHello));
  LoadOptions options = asking(peer, 0);
  options.duration = 200ms;
  const LoadResult result = run(options);
  EXPECT_GT(result.tally.looks, 0u);
  EXPECT_LE(result.tally.in_flight, 2);
  EXPECT_LE(result.in_flight_expected(), 2.1);
}

TEST(LoadEngine, WhoFollowsHearsOfEachSecondAndAGoalEndsTheRun) {
  class Follower final : public LoadFollower {
   public:
    void second(const LoadSecond& second) override { completed += second.completed; }
    std::uint64_t completed = 0;
  };
  const TestPeer peer(answering(kHello));
  LoadOptions options = asking(peer, 0);
  options.duration = 1h;
  options.threads = 2;
  options.goals = {*parse_load_goal("count{status:2xx}<1 abort")};
  Follower follower;
  options.follower = &follower;
  const std::string path = ::testing::TempDir() + "requests.tsv";
  Result<std::unique_ptr<RequestLog>> log = RequestLog::open(path);
  ASSERT_TRUE(log);
  options.log = log->get();
  const LoadResult result = run(options);
  EXPECT_EQ(result.ended_by, "count{status:2xx}<1 abort");
  EXPECT_FALSE(result.interrupted);
  ASSERT_EQ(result.goals.size(), 1u);
  EXPECT_EQ(result.goals[0].verdict.state, GoalState::missed);
  EXPECT_GT(follower.completed, 0u);
  EXPECT_LE(follower.completed, result.tally.completed);
  EXPECT_TRUE((*log)->finish());
  const Result<std::string> lines = read_file(path, std::size_t{1} << 30);
  ASSERT_TRUE(lines);
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(*lines, '\n')), result.planned() + 1);
}

TEST(LoadEngine, WhoRefusesIsNotAsked) {
  LoadOptions options;
  {
    const TestPeer peer(answering(kHello));
    options.target = peer.target();
  }
  const Result<LoadResult> result = run_load_blocking(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().os, ECONNREFUSED);
}

TEST(LoadEngine, OptionsThatContradictEachOtherAreRefused) {
  const auto refused = [](auto change) {
    LoadOptions options;
    options.target = *parse_load_target("http://127.0.0.1:1/");
    change(options);
    const Result<LoadResult> result = run_load_blocking(options);
    return !result && result.error().code == Code::invalid;
  };
  EXPECT_TRUE(refused([](LoadOptions& o) { o.threads = 0; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.threads = 11; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.pipeline = 0; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.pipeline = 2, o.keep_alive = false; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.timeout = 0s; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.duration = 0s; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.headers = {"no colon"}; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.headers = {"A: b\r\nC: d"}; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.method = "G T"; }));
}

TEST(LoadRequest, HasWhatTheServerNeeds) {
  LoadOptions options;
  options.target = *parse_load_target("http://[::1]:8000?q=1");
  EXPECT_EQ(load_request(options), "GET /?q=1 HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n");
  options.headers = {"HOST: x", "A:b"};
  options.method = "POST";
  options.body = "{}";
  options.keep_alive = false;
  EXPECT_EQ(load_request(options),
            "POST /?q=1 HTTP/1.1\r\nHOST: x\r\nA:b\r\nContent-Length: 2\r\nConnection: "
            "close\r\n\r\n{}");
  options = {.target = options.target, .version = LoadVersion::http10};
  EXPECT_EQ(load_request(options),
            "GET /?q=1 HTTP/1.0\r\nHost: [::1]:8000\r\nConnection: Keep-Alive\r\n\r\n");
  options.keep_alive = false;
  EXPECT_EQ(load_request(options), "GET /?q=1 HTTP/1.0\r\nHost: [::1]:8000\r\n\r\n");
}

}  // namespace
}  // namespace paceline
