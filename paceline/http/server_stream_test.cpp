#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "paceline/http/test_server.h"

namespace paceline {
namespace {

/// How a producer ends.
enum class End : std::uint8_t { well, with_error, with_exception, never };

struct Plan {
  HandlerCounts& counts;
  int pieces = 10;
  std::size_t piece_size = 100;
  Duration pause{0};
  End end = End::well;
};

Task<Result<void>> produce(BodyWriter& writer, Loop& loop, Plan plan) {
  const HandlerFrame frame(plan.counts);
  for (int i = 0; i < plan.pieces; ++i) {
    const std::string piece(plan.piece_size, static_cast<char>('a' + i % 26));
    const Result<void> written = co_await writer.write(piece);
    PACELINE_CO_TRY(written);
    ++plan.counts.writes;
    if (plan.pause > Duration(0)) co_await loop.sleep(plan.pause);
  }
  ++plan.counts.finished;
  if (plan.end == End::with_error) co_return fail(Code::unavailable, "the source is gone");
  if (plan.end == End::with_exception) throw std::runtime_error("as asked");
  if (plan.end == End::never) co_await loop.sleep(10h);
  co_return Result<void>{};
}

Response streamed(Loop& loop, Plan plan) {
  return Response::stream(
      "text/plain", [&loop, plan](BodyWriter& writer) { return produce(writer, loop, plan); });
}

/// The request's own bytes, after a while.
Task<Result<void>> produce_name(BodyWriter& writer, Request& request) {
  co_await request.loop().sleep(2ms);
  const Result<void> written = co_await writer.write(request.param(0));
  co_return written;
}

Response named(Request& request) {
  return Response::stream("text/plain",
                          [&request](BodyWriter& writer) { return produce_name(writer, request); });
}

Task<Response> streamed_later(Request& request, Loop& loop, Plan plan) {
  co_await request.loop().sleep(1ms);
  co_return streamed(loop, plan);
}

std::string whole(const Plan& plan) {
  std::string all;
  for (int i = 0; i < plan.pieces; ++i) {
    all += std::string(plan.piece_size, static_cast<char>('a' + i % 26));
  }
  return all;
}

class ServerStreamTest : public ServerSeedTest {
 protected:
  Plan plan{counts};

  void start(ServerOptions options = {}) {
    routes.get("/stream", [this](Request&) { return streamed(loop, plan); });
    routes.get("/later", [this](Request& request) { return streamed_later(request, loop, plan); });
    routes.get("/named/{x}", &named);
    routes.get("/broken", [](Request&) {
      return Response::stream("text/plain", [](BodyWriter&) -> Task<Result<void>> {
        throw std::runtime_error("before it begins");
      });
    });
    routes.get("/unfit", [this](Request&) {
      Response response = streamed(loop, plan);
      response.status(304);
      return response;
    });
    ServerTest::start(options);
  }
};

TEST_P(ServerStreamTest, SendsChunksAndKeepsTheConnection) {
  start();
  for (const Duration pause : {Duration(0), Duration(2ms)}) {
    plan.pause = pause;
    TestClient& client = connect();
    client.send(get("/plain/before") + get("/stream") + get("/now/between") + get("/later") +
                get("/later/1") + get("/stream") + get("/plain/after"));
    EXPECT_EQ(answer(client).body, "before");
    const TestAnswer first = answer(client);
    EXPECT_EQ(first.header("Transfer-Encoding"), "chunked");
    EXPECT_EQ(first.header("Content-Length"), "");
    EXPECT_EQ(first.body, whole(plan));
    EXPECT_EQ(answer(client).body, "between");
    EXPECT_EQ(answer(client).body, whole(plan));
    EXPECT_EQ(answer(client).body, "1");
    EXPECT_EQ(answer(client).body, whole(plan));
    EXPECT_EQ(answer(client).body, "after");
    EXPECT_EQ(counts.alive, 0);
  }
}

TEST_P(ServerStreamTest, MayReadItsRequestToItsEnd) {
  start();
  const std::string bytes =
      get("/plain/first") + get("/named/itself") + post("/echo", "body") + get("/named/again");
  for (std::size_t at = GetParam(); at < bytes.size(); at += 10) {
    TestClient& client = connect();
    client.send(std::string_view(bytes).substr(0, at));
    run_for(3ms);
    client.send(std::string_view(bytes).substr(at));
    for (const std::string_view body : {"first", "itself", "body", "again"}) {
      ASSERT_EQ(answer(client).body, body) << "split at " << at;
    }
  }
}

TEST_P(ServerStreamTest, SendsItsHeadBeforeTheFirstPieceIsThere) {
  plan.pieces = 0;
  plan.end = End::never;
  start();
  for (const std::string_view path : {"/stream", "/later"}) {
    for (int i = 0; i < 5; ++i) {
      TestClient& client = connect();
      client.send(get(path));
      EXPECT_TRUE(until([&] { return client.received().ends_with("\r\n\r\n"); }, 1s));
    }
  }
}

TEST_P(ServerStreamTest, HasNoBodyForHeadAndForStatusesWithout) {
  start();
  TestClient& client = connect();
  client.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(answer(client, TestClient::Body::none).status, 200U);
  const TestAnswer unfit = ask(client, get("/unfit"));
  EXPECT_EQ(unfit.status, 304U);
  EXPECT_EQ(unfit.header("Transfer-Encoding"), "");
  EXPECT_EQ(ask(client, get("/plain/x")).body, "x");
  EXPECT_EQ(counts.started, 0);
}

TEST_P(ServerStreamTest, EndsWithTheConnectionForHttp10) {
  start();
  TestClient& client = connect();
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const TestAnswer got = answer(client);
  EXPECT_EQ(got.body, whole(plan));
  EXPECT_EQ(got.header("Connection"), "close");
  EXPECT_EQ(got.header("Transfer-Encoding"), "");
}

TEST_P(ServerStreamTest, WaitsForAClientThatDoesNotRead) {
  plan.pieces = 1000;
  plan.piece_size = 1000;
  start({.output_max = 10'000});
  TestClient& client = connect();
  client.stop_reading();
  client.send(get("/stream"));
  run_for(3s);
  EXPECT_EQ(counts.alive, 1);
  EXPECT_LE(counts.writes, 20);
  const int before = counts.writes;
  run_for(1s);
  EXPECT_EQ(counts.writes, before);
  client.go_on_reading();
  EXPECT_EQ(answer(client).body, whole(plan));
  EXPECT_EQ(counts.writes, 1000);
}

TEST_P(ServerStreamTest, GoesOnAsLongAsTheClientReadsSlowly) {
  plan.pieces = 100;
  plan.piece_size = 1000;
  start({.handler_timeout = 5s, .write_timeout = 5s, .output_max = 50'000});
  TestClient& client = connect();
  client.stop_reading();
  client.send(get("/stream"));
  for (int i = 0; i < 30; ++i) {  // a send buffer's worth each 3 s
    run_for(3s);
    client.go_on_reading();
    client.pump();
    client.stop_reading();
  }
  client.go_on_reading();
  EXPECT_EQ(answer(client).body, whole(plan));
}

TEST_P(ServerStreamTest, IsCutWhenTheClientNeverReads) {
  plan.pieces = 1000;
  plan.piece_size = 1000;
  start({.handler_timeout = 60s, .write_timeout = 10s});
  TestClient& client = connect();
  client.stop_reading();
  client.send(get("/stream"));
  run_for(9s);
  EXPECT_EQ(counts.alive, 1);
  run_for(2s);
  EXPECT_EQ(counts.alive, 0);
  EXPECT_EQ(server->counts().aborted, 1U);
  EXPECT_EQ(server->counts().connections, 0U);
}

TEST_P(ServerStreamTest, IsCutWhenTheProducerStalls) {
  plan.end = End::never;
  start({.handler_timeout = 30s});
  TestClient& client = connect();
  client.send(get("/stream"));
  run_for(29s);
  EXPECT_EQ(counts.alive, 1);
  run_for(2s);
  EXPECT_EQ(counts.alive, 0);
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(client.received().ends_with("0\r\n\r\n"));
}

TEST_P(ServerStreamTest, IsCutWithoutALastChunkWhenTheProducerFails) {
  for (const End end : {End::with_error, End::with_exception}) {
    for (const std::string_view path : {"/stream", "/later"}) {
      plan.end = end;
      if (server == nullptr) start();
      TestClient& client = connect();
      client.send(get("/plain/x") + get(path) + get("/plain/never"));
      EXPECT_EQ(answer(client).body, "x");
      EXPECT_TRUE(closed(client));
      EXPECT_EQ(client.received().find("0\r\n\r\n"), std::string::npos);
      EXPECT_EQ(client.received().find("never"), std::string::npos);
      EXPECT_EQ(counts.alive, 0);
      // Nothing of it reaches the next connection.
      EXPECT_EQ(ask(connect(), get("/plain/next")).body, "next");
    }
  }
  EXPECT_EQ(server->counts().aborted, 4U);
}

TEST_P(ServerStreamTest, IsCutWhenTheProducerThrowsAtOnce) {
  start();
  TestClient& client = connect();
  client.send(get("/broken") + get("/plain/never"));
  EXPECT_TRUE(closed(client));
  EXPECT_EQ(client.received().find("500"), std::string::npos);
  EXPECT_EQ(client.received().find("never"), std::string::npos);
  EXPECT_EQ(ask(connect(), get("/plain/next")).body, "next");
}

TEST_P(ServerStreamTest, EndsWhenTheClientIsGone) {
  plan.pieces = 100'000;
  plan.pause = 1ms;
  start();
  TestClient& client = connect();
  client.send(get("/stream"));
  ASSERT_TRUE(until([&] { return counts.writes > 5; }));
  if (GetParam() % 2 == 0) {
    client.reset();
  } else {
    client.close();
  }
  EXPECT_TRUE(until([&] { return counts.alive == 0; }));
  EXPECT_EQ(counts.finished, 0);
  EXPECT_TRUE(until([&] { return server->counts().connections == 0; }));
}

TEST_P(ServerStreamTest, EndsWithTheServer) {
  plan.pieces = 1000;
  plan.piece_size = 1000;
  for (int i = 0; i < 20; ++i) {
    if (i == 0) start();
    connect().send(get("/stream") + get("/later"));
    if (i % 2 == 0) clients.back()->stop_reading();
    run_for(i * 200us);
  }
  server.reset();
  EXPECT_EQ(counts.alive, 0);
  clients.clear();
  loop.turn(loop.now() + 1s);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ServerStreamTest, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace paceline
