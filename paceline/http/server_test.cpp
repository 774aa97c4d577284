#include "paceline/http/server.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "paceline/http/connection.h"
#include "paceline/http/test_server.h"

namespace paceline {
namespace {

static_assert(sizeof(HttpConnection) <= 512, "what an idle connection may take");

TEST_P(ServerSeedTest, KeepsAConnectionForManyRequests) {
  start();
  TestClient& client = connect();
  for (int i = 0; i < 20; ++i) {
    const std::string name = "n" + std::to_string(i);
    const TestAnswer plain_one = ask(client, get("/plain/" + name));
    EXPECT_EQ(plain_one.status, 200U);
    EXPECT_EQ(plain_one.body, name);
    EXPECT_EQ(plain_one.header("Content-Length"), std::to_string(name.size()));
    EXPECT_EQ(plain_one.header("Content-Type"), "text/plain");
    EXPECT_EQ(plain_one.header("Connection"), "");
    EXPECT_EQ(plain_one.header("Date").size(), 29U);
    EXPECT_EQ(ask(client, get("/later/" + std::to_string(i))).body, std::to_string(i));
    EXPECT_EQ(ask(client, get("/now/" + name)).body, name);
  }
  EXPECT_EQ(server->counts().accepted, 1U);
  EXPECT_EQ(server->counts().requests, 60U);
  EXPECT_EQ(client.received(), "");
}

/// A pipeline of all kinds of requests, and what must come back.
std::vector<std::string> pipeline(int count, std::string& bytes) {
  std::vector<std::string> bodies;
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    const std::string ms = std::to_string(i % 3);
    switch (i * 7 % 6) {
      case 0:
        bytes += get("/later/" + ms);
        bodies.push_back(ms);
        break;
      case 1:
        bytes += get("/now/" + n);
        bodies.push_back(n);
        break;
      case 2:
        bytes += post("/echo", std::string(static_cast<std::size_t>(i), 'e'));
        bodies.push_back(std::string(static_cast<std::size_t>(i), 'e'));
        break;
      case 3:
        bytes += "POST /later/" + ms +
                 " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                 "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\n";
        bodies.push_back(ms + "abc");
        break;
      default:
        bytes += get("/plain/" + n);
        bodies.push_back(n);
    }
  }
  return bodies;
}

TEST_P(ServerSeedTest, AnswersAMixedPipelineInOrder) {
  start();
  TestClient& client = connect();
  std::string bytes;
  const std::vector<std::string> expected = pipeline(150, bytes);
  client.send(bytes);
  for (const std::string& body : expected) {
    const TestAnswer got = answer(client);
    ASSERT_EQ(got.status, 200U);
    ASSERT_EQ(got.body, body);
  }
  EXPECT_EQ(server->counts().requests, expected.size());
}

TEST_P(ServerSeedTest, ManyClientsDoNotGetEachOthersAnswers) {
  start();
  std::vector<std::vector<std::string>> expected;
  for (int c = 0; c < 12; ++c) {
    std::string bytes;
    expected.push_back(pipeline(20 + c, bytes));
    connect().send(bytes);
  }
  for (std::size_t c = 0; c < expected.size(); ++c) {
    for (const std::string& body : expected[c]) ASSERT_EQ(answer(*clients[c]).body, body);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ServerSeedTest, testing::Range<std::uint64_t>(1, 41));

/// Everything arrives at once, whole.
class ServerFastTest : public ServerTest {
 protected:
  ServerFastTest()
      : ServerTest({.delay_max = Duration(0), .piece_max = 1 << 20, .send_buffer_max = 1 << 20}) {}
};

TEST_F(ServerFastTest, AnswersAtMost64OfAPipelineInATurn) {
  for (const std::string& path : {std::string("/plain/x"), std::string("/now/x")}) {
    start();
    TestClient& client = connect();
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += get(path);
    client.send(bytes);
    std::uint64_t before = 0;
    int turns = 0;
    while (server->counts().requests < 1000) {
      ASSERT_LE(server->counts().requests - before, 64U) << path;
      before = server->counts().requests;
      turn();
      ASSERT_LT(++turns, 1000);
    }
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(answer(client).body, "x");
  }
}

TEST_F(ServerFastTest, APipelineOfLargeAnswersIsHeldBackByItsReader) {
  start();
  TestClient& client = connect();
  client.stop_reading();
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += get("/big/100000");
  client.send(bytes);
  run_for(1s);
  // The socket takes 1 MiB, the high-water mark is 256 KiB, and the answer that crosses it.
  EXPECT_LE(server->counts().requests, 17U);
  client.go_on_reading();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(answer(client).body.size(), 100'000U) << i;
}

TEST_F(ServerFastTest, OneConnectionIsNotServedAtTheCostOfAnother) {
  start();
  TestClient& greedy = connect();
  TestClient& modest = connect();
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += get("/now/x");
  greedy.send(bytes);
  turn();
  turn();
  modest.send(get("/plain/y"));
  EXPECT_EQ(answer(modest).body, "y");
  EXPECT_LT(server->counts().requests, 500U);
}

TEST_F(ServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  start();
  TestClient& client = connect();
  client.send("HEAD /plain/abc HTTP/1.1\r\nHost: h\r\n\r\n");
  const TestAnswer head = answer(client, TestClient::Body::none);
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.header("Content-Length"), "3");
  EXPECT_EQ(ask(client, get("/plain/next")).body, "next");
}

TEST_F(ServerTest, StatusesWithoutABodyHaveNone) {
  routes.get("/empty", [](Request&) {
    Response response(204);
    response.body("dropped");
    return response;
  });
  routes.get("/same", [](Request&) {
    Response response(304);
    response.header("ETag", "\"1\"").body("dropped");
    return response;
  });
  start();
  TestClient& client = connect();
  const TestAnswer empty = ask(client, get("/empty"));
  EXPECT_EQ(empty.status, 204U);
  EXPECT_EQ(empty.header("Content-Length"), "");
  const TestAnswer same = ask(client, get("/same"));
  EXPECT_EQ(same.status, 304U);
  EXPECT_EQ(same.header("ETag"), "\"1\"");
  EXPECT_EQ(same.header("Content-Length"), "");
  EXPECT_EQ(ask(client, get("/plain/next")).body, "next");
}

TEST_F(ServerTest, Http10ClosesUnlessItIsAskedNotTo) {
  start();
  TestClient& stays = connect();
  for (int i = 0; i < 3; ++i) {
    const TestAnswer kept = ask(stays, "GET /plain/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(kept.header("Connection"), "keep-alive");
    EXPECT_EQ(kept.body, "x");
  }
  TestClient& goes = connect();
  EXPECT_EQ(ask(goes, "GET /plain/x HTTP/1.0\r\n\r\n").header("Connection"), "close");
  EXPECT_TRUE(closed(goes));
  EXPECT_FALSE(stays.ended());
}

TEST_F(ServerTest, CloseAnswersAndIgnoresWhatFollows) {
  start();
  TestClient& client = connect();
  client.send(get("/plain/a") + get("/plain/b", "Connection: close\r\n") + get("/plain/c"));
  EXPECT_EQ(answer(client).header("Connection"), "");
  EXPECT_EQ(answer(client).header("Connection"), "close");
  EXPECT_TRUE(closed(client));
  EXPECT_EQ(client.received(), "");
  EXPECT_EQ(server->counts().requests, 2U);
}

TEST_F(ServerTest, WhatMatchesNoRouteIsAProblem) {
  start();
  TestClient& client = connect();
  const TestAnswer missing = ask(client, get("/none", "X-Request-Id: abc-1\r\n"));
  EXPECT_EQ(missing.status, 404U);
  EXPECT_EQ(missing.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(missing.body,
            R"({"type":"about:blank","title":"Not Found","status":404,"request_id":"abc-1"})");
  const TestAnswer wrong = ask(client, "DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.header("Allow"), "POST");
  EXPECT_EQ(ask(client, "BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n").status, 501U);
  EXPECT_EQ(ask(client, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").status, 204U);
  EXPECT_EQ(ask(client, get("/plain/still-here")).body, "still-here");
}

TEST_F(ServerTest, ARequestIdIsTheClientsIfItIsPlainElseOurs) {
  routes.get("/id", [](Request& request) { return Response::text(std::string(request.id())); });
  start();
  TestClient& client = connect();
  EXPECT_EQ(ask(client, get("/id", "X-Request-Id: A-z_0.9:/+=\r\n")).body, "A-z_0.9:/+=");
  const std::string ours = ask(client, get("/id")).body;
  EXPECT_EQ(ours.size(), 16U);
  EXPECT_NE(ask(client, get("/id")).body, ours);
  EXPECT_EQ(ask(client, get("/id", "X-Request-Id: a\"b\r\n")).body.size(), 16U);
  const std::string long_one(65, 'x');
  EXPECT_EQ(ask(client, get("/id", "X-Request-Id: " + long_one + "\r\n")).body.size(), 16U);
  EXPECT_NE(ask(client, get("/id")).body, long_one);
}

TEST_F(ServerTest, AnEndFromTheClientClosesAnIdleConnection) {
  start();
  TestClient& client = connect();
  EXPECT_EQ(ask(client, get("/plain/x")).body, "x");
  client.finish();
  EXPECT_TRUE(closed(client));
  EXPECT_TRUE(until([&] { return server->counts().connections == 0; }));
}

TEST_F(ServerTest, AnEndBehindAPipelineDoesNotCostAnswers) {
  start();
  TestClient& client = connect();
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += get(i % 2 == 0 ? "/plain/x" : "/now/x");
  client.send(bytes);
  client.finish();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(answer(client).body, "x") << i;
  EXPECT_TRUE(closed(client));
}

}  // namespace
}  // namespace paceline
