#include <gtest/gtest.h>

#include <string>

#include "paceline/http/test_server.h"

namespace paceline {
namespace {

/// Bytes arrive as they are sent, so that a test decides where they are split.
class ServerBodyTest : public ServerTest {
 protected:
  ServerBodyTest()
      : ServerTest({.delay_max = Duration(0), .piece_max = 1 << 20, .send_buffer_max = 1 << 20}) {}

  /// Sends `bytes` cut in two, and checks that `count` answers have this body.
  void check_split(std::string_view bytes, std::size_t at, std::string_view body, int count) {
    TestClient& client = connect();
    client.send(bytes.substr(0, at));
    for (int i = 0; i < 3; ++i) turn();
    client.send(bytes.substr(at));
    for (int i = 0; i < count; ++i) ASSERT_EQ(answer(client).body, body) << "split at " << at;
    clients.clear();
    turn();
    turn();
  }
};

TEST_F(ServerBodyTest, WithALengthMayBeSplitAnywhere) {
  start();
  const std::string bytes = post("/echo", "0123456789") + post("/later/0", "123456789");
  for (std::size_t at = 0; at <= bytes.size(); ++at) check_split(bytes, at, "0123456789", 2);
}

TEST_F(ServerBodyTest, InChunksMayBeSplitAnywhere) {
  start();
  const std::string head = " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string bytes = "POST /echo" + head +
                            "4;a=\"b\"\r\n0123\r\n006\r\n456789\r\n0\r\nSome: trailer\r\n\r\n" +
                            "POST /later/0" + head + "9\r\n123456789\r\n0\r\n\r\n";
  for (std::size_t at = 0; at <= bytes.size(); ++at) check_split(bytes, at, "0123456789", 2);
}

TEST_F(ServerBodyTest, ArrivesByteByByte) {
  start();
  TestClient& client = connect();
  const std::string bytes = post("/echo", "abc") +
                            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            "3\r\nabc\r\n0\r\n\r\n" + get("/plain/abc");
  for (const char c : bytes) {
    client.send(std::string_view(&c, 1));
    turn();
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answer(client).body, "abc");
}

TEST_F(ServerBodyTest, ExpectContinueIsToldOnceHoweverTheHeadArrives) {
  start();
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
  for (std::size_t at = 1; at <= head.size(); ++at) {
    TestClient& client = connect();
    client.send(head.substr(0, at));
    for (int i = 0; i < 3; ++i) turn();
    client.send(head.substr(at));
    const std::string told = "HTTP/1.1 100 Continue\r\n\r\n";
    ASSERT_TRUE(until([&] { return client.received() == told; })) << at;
    for (int i = 0; i < 5; ++i) turn();
    ASSERT_EQ(client.received(), told);
    TestAnswer informed;
    ASSERT_TRUE(client.take(informed));
    client.send("ab");
    for (int i = 0; i < 3; ++i) turn();
    client.send("cd");
    ASSERT_EQ(answer(client).body, "abcd");
    clients.clear();
  }
}

TEST_F(ServerBodyTest, ThatComesWithTheHeadNeedsNoContinue) {
  start();
  TestClient& client = connect();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab");
  EXPECT_EQ(answer(client).status, 200U);
}

TEST_F(ServerBodyTest, ARefusalOfAHeadRequestHasNoBody) {
  start({.body_max = 100});
  for (const char* bytes : {"HEAD /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n",
                            "HEAD /echo HTTP/1.1\r\nHost: h\r\nbad header\r\n\r\n"}) {
    TestClient& client = connect();
    client.send(bytes);
    EXPECT_TRUE(closed(client));
    const std::string text(client.received());
    EXPECT_TRUE(text.starts_with("HTTP/1.1 4")) << text;
    EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
  }
}

TEST_F(ServerBodyTest, OverTheLimitIsRefusedUnread) {
  start({.body_max = 100});
  TestClient& announced = connect();
  announced.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n");
  const TestAnswer refused = answer(announced);
  EXPECT_EQ(refused.status, 413U);
  EXPECT_EQ(refused.header("Connection"), "close");
  EXPECT_EQ(refused.header("Content-Type"), "application/problem+json");
  EXPECT_TRUE(closed(announced));

  TestClient& chunked = connect();
  chunked.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n");
  EXPECT_EQ(answer(chunked).status, 413U);
  EXPECT_TRUE(closed(chunked));

  TestClient& fits = connect();
  EXPECT_EQ(ask(fits, post("/echo", std::string(100, 'x'))).body.size(), 100U);
  EXPECT_EQ(server->rejected(ParseError::body_long), 2U);
  EXPECT_EQ(server->counts().requests, 1U);
}

TEST_F(ServerBodyTest, OfFullSizeArrives) {
  start();
  TestClient& client = connect();
  const std::string body(std::size_t{1} << 20, 'm');
  EXPECT_EQ(ask(client, post("/echo", body)).body, body);
  EXPECT_EQ(ask(client, get("/plain/x")).body, "x");
}

TEST_F(ServerBodyTest, AfterAParseErrorNothingIsExecuted) {
  start();
  for (const std::string_view bad :
       {"GET /plain/x HTTP/1.1\nHost: h\r\n\r\n", "GET /plain/x HTTP/2.0\r\nHost: h\r\n\r\n",
        "GET /plain/x HTTP/1.1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n"}) {
    const std::uint64_t before = server->counts().requests;
    TestClient& client = connect();
    client.send(get("/plain/a") + std::string(bad) + get("/plain/never"));
    EXPECT_EQ(answer(client).body, "a");
    const TestAnswer refused = answer(client);
    EXPECT_GE(refused.status, 400U) << bad;
    EXPECT_EQ(refused.header("Connection"), "close");
    EXPECT_EQ(refused.header("Content-Type"), "application/problem+json");
    EXPECT_TRUE(closed(client));
    EXPECT_EQ(client.received(), "") << bad;
    EXPECT_EQ(server->counts().requests, before + 1) << bad;
  }
}

TEST_F(ServerBodyTest, AParseErrorBehindASuspendedRequestComesAfterItsAnswer) {
  start();
  TestClient& client = connect();
  client.send(get("/later/5") + "nonsense\r\n\r\n" + get("/plain/never"));
  EXPECT_EQ(answer(client).body, "5");
  EXPECT_EQ(answer(client).status, 400U);
  EXPECT_TRUE(closed(client));
  EXPECT_EQ(server->counts().requests, 1U);
}

TEST_F(ServerBodyTest, AnEndWithinARequestClosesWithoutAnAnswer) {
  start();
  for (const std::string_view part :
       {"GET /pla", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab"}) {
    TestClient& client = connect();
    client.send(part);
    client.finish();
    EXPECT_TRUE(closed(client));
    EXPECT_EQ(client.received(), "");
  }
}

}  // namespace
}  // namespace paceline
