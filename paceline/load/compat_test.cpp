#include <gtest/gtest.h>

#include "paceline/load/compat_ab.h"
#include "paceline/load/compat_wrk.h"
#include "paceline/load/engine.h"
#include "paceline/load/test_peer.h"

namespace paceline {
namespace {

using testing::PeerConnection;
using testing::TestPeer;

TEST(WrkUnits, AreThoseOfWrk) {
  EXPECT_EQ(wrk_time(197.5), "197.50us");
  EXPECT_EQ(wrk_time(849.99), "849.99us");
  EXPECT_EQ(wrk_time(850), "0.85ms");
  EXPECT_EQ(wrk_time(999'999), "1000.00ms");
  EXPECT_EQ(wrk_time(1'100'000), "1.10s");
  EXPECT_EQ(wrk_time(51e6), "0.85m");
  EXPECT_EQ(wrk_seconds(30), "30s");
  EXPECT_EQ(wrk_seconds(120), "2m");
  EXPECT_EQ(wrk_seconds(7200), "120m");
  EXPECT_EQ(wrk_seconds(0.3), "0.30s");
  EXPECT_EQ(wrk_metric(56'200), "56.20k");
  EXPECT_EQ(wrk_binary(870), "870.00");
  EXPECT_EQ(wrk_binary(871), "0.85K");
  EXPECT_EQ(wrk_binary(5.16 * 1024 * 1024), "5.16M");
}

TEST(WrkUnits, AreReadInAnyCase) {
  EXPECT_EQ(parse_wrk_count("12"), 12U);
  EXPECT_EQ(parse_wrk_count("1k"), 1000U);
  EXPECT_EQ(parse_wrk_count("2M"), 2'000'000U);
  EXPECT_EQ(parse_wrk_count("1x"), std::nullopt);
  EXPECT_EQ(parse_wrk_count("-1"), std::nullopt);
  EXPECT_EQ(parse_wrk_count("99999999999P"), std::nullopt);
  EXPECT_EQ(parse_wrk_time("2"), std::chrono::seconds(2));
  EXPECT_EQ(parse_wrk_time("2m"), std::chrono::minutes(2));
  EXPECT_EQ(parse_wrk_time("1H"), std::chrono::hours(1));
  EXPECT_EQ(parse_wrk_time("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_wrk_time("1.5s"), std::nullopt);
  EXPECT_EQ(parse_wrk_time("9999999h"), std::nullopt);
}

TEST(LoadStatistic, CountsAsWrkDoes) {
  const LoadStatistic few(std::vector<std::uint64_t>{1, 2, 2, 3, 100});
  EXPECT_EQ(few.count(), 5U);
  EXPECT_EQ(few.distinct(), 4U);
  EXPECT_EQ(few.at(1), (std::pair<std::uint64_t, std::uint64_t>{2, 2}));
  EXPECT_EQ(few.at(4), (std::pair<std::uint64_t, std::uint64_t>{0, 0}));
  EXPECT_DOUBLE_EQ(few.mean(), 21.6);
  EXPECT_NEAR(few.deviation(), 43.83, 0.01);
  EXPECT_DOUBLE_EQ(few.near_mean(), 80);
  EXPECT_EQ(few.percentile(50), 2U);
  EXPECT_EQ(few.percentile(100), 100U);
  const LoadStatistic none;
  EXPECT_EQ(none.max() + none.percentile(99), 0U);
  EXPECT_EQ(none.mean() + none.deviation() + none.near_mean(), 0);
}

TEST(LoadStatistic, FillsInWhatWasNotAsked) {
  HdrHistogram seen;
  seen.record(std::uint64_t{100}, 3);
  seen.record(std::uint64_t{1000});
  const LoadStatistic all(with_omitted(seen, 300));
  // 1000 stands for 700 and 400, too; 100 is above the interval no more.
  EXPECT_EQ(all.count(), 6U);
  EXPECT_EQ(all.at(1).first, 400U);
  EXPECT_EQ(all.at(2).first, 700U);
  EXPECT_EQ(with_omitted(seen, 0).count(), 4U);
}

TEST(AbRequest, IsTheOneOfAb) {
  AbRequest request;
  request.target = "/x";
  request.host = "a:81";
  EXPECT_EQ(ab_request(request),
            "GET /x HTTP/1.0\r\nHost: a:81\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n");
  request.method = "POST";
  request.keep_alive = request.has_body = true;
  request.cookies = {"a=b", "c=d"};
  request.lines = {"X: y", "accept: text/html"};
  request.content_type = "a/b";
  request.body = "hello=1\n";
  EXPECT_EQ(ab_request(request),
            "POST /x HTTP/1.0\r\nConnection: Keep-Alive\r\nCookie: a=b; c=d\r\n"
            "Content-length: 8\r\nContent-type: a/b\r\nX: y\r\naccept: text/html\r\nHost: a:81\r\n"
            "User-Agent: ApacheBench/2.3\r\n\r\nhello=1\n");
}

struct AbRun {
  AbTest test;
  std::string report;
  AbHook::End end;
};

AbRun run_ab(const TestPeer& peer, AbTest test, bool keep_alive = false) {
  test.request = "GET / HTTP/1.0\r\n\r\n";
  test.progress = false;
  test.keep_alive = keep_alive;
  AbHook hook(test);
  LoadOptions options;
  options.target = peer.target();
  options.requests = test.requests;
  options.connections = test.concurrency;
  options.keep_alive = keep_alive;
  options.hooks = {&hook};
  const Result<LoadResult> result = run_load_blocking(options);
  EXPECT_TRUE(result);
  return {.test = test, .report = hook.report(*result), .end = hook.end()};
}

TEST(AbHook, CountsLengthsAndStatuses) {
  std::atomic<int> served = 0;
  const TestPeer peer([&](PeerConnection& connection) {
    while (connection.read_request()) {
      const int n = served++;
      connection.send(n == 0   ? "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab"
                      : n == 1 ? "HTTP/1.0 404 No\r\nContent-Length: 2\r\n\r\nab"
                               : "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    }
  });
  const AbRun run = run_ab(peer, {.requests = 4});
  EXPECT_NE(run.report.find("Complete requests:      4\n"), std::string::npos) << run.report;
  EXPECT_NE(run.report.find("Failed requests:        2\n"
                            "   (Connect: 0, Receive: 0, Length: 2, Exceptions: 0)\n"
                            "Non-2xx responses:      1\n"),
            std::string::npos)
      << run.report;
  EXPECT_EQ(run.end.text, "");
}

TEST(AbHook, KeepsAConnectionOnlyIfTheServerSaysSo) {
  const TestPeer silent([](PeerConnection& connection) {
    while (connection.read_request())
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_NE(run_ab(silent, {.requests = 3}, true).report.find("Keep-Alive requests:    0\n"),
            std::string::npos);
  const TestPeer telling([](PeerConnection& connection) {
    while (connection.read_request()) {
      connection.send("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n");
    }
  });
  EXPECT_NE(run_ab(telling, {.requests = 3}, true).report.find("Keep-Alive requests:    3\n"),
            std::string::npos);
}

TEST(AbHook, EndsAtAnErrorUnlessToldOtherwise) {
  const TestPeer peer([](PeerConnection& connection) {
    if (connection.read_request()) connection.reset();
  });
  const AbRun ended = run_ab(peer, {.requests = 5});
  EXPECT_EQ(ended.end.text, "apr_socket_recv: Connection reset by peer (104)");
  EXPECT_EQ(ended.end.code, 104);
  const AbRun all = run_ab(peer, {.requests = 5, .keeps_going = true});
  EXPECT_EQ(all.end.text, "");
  EXPECT_NE(all.report.find("Connect: 0, Receive: 5, Length: 0"), std::string::npos) << all.report;
}

}  // namespace
}  // namespace paceline
