#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "paceline/http/test_server.h"

namespace paceline {
namespace {

class ServerHandlerTest : public ServerSeedTest {};

Response throws(Request&) { throw std::runtime_error("as asked"); }
Task<Response> throws_soon(Request&) {
  throw std::runtime_error("as asked");
  co_return Response();
}
Task<Response> throws_later(Request& request) {
  co_await request.loop().sleep(1ms);
  throw 42;  // not even an exception
}

TEST_P(ServerHandlerTest, AHandlerThatThrowsIsA500AndTheConnectionLives) {
  routes.get("/throws", &throws);
  routes.get("/throws-soon", &throws_soon);
  routes.get("/throws-later", &throws_later);
  start();
  TestClient& client = connect();
  client.send(get("/throws") + get("/throws-soon") + get("/throws-later") + get("/plain/next"));
  for (int i = 0; i < 3; ++i) {
    const TestAnswer failed = answer(client);
    EXPECT_EQ(failed.status, 500U);
    EXPECT_EQ(failed.body.find("as asked"), std::string::npos);
    EXPECT_NE(failed.body.find("request_id"), std::string::npos);
  }
  EXPECT_EQ(answer(client).body, "next");
  EXPECT_EQ(server->counts().failed, 3U);
  const std::string text = log_text();
  EXPECT_NE(text.find("handler threw"), std::string::npos);
  EXPECT_NE(text.find("as asked"), std::string::npos);
}

TEST_P(ServerHandlerTest, AnAnswerThatCannotBeSentIsA500ThatNamesTheRoute) {
  routes.get("/status/{code}", [](Request& request) {
    return Response(static_cast<unsigned>(parse_unsigned(request.param(0)).value_or(0)));
  });
  routes.get("/header", [](Request&) {
    Response response(201);
    response.header("Location", "a\r\nSet-Cookie: b");
    return response;
  });
  start();
  TestClient& client = connect();
  client.send(get("/status/99") + get("/status/0") + get("/status/600") + get("/header"));
  for (int i = 0; i < 4; ++i) {
    const TestAnswer failed = answer(client);
    EXPECT_EQ(failed.status, 500U);
    EXPECT_EQ(failed.head.find("Set-Cookie"), std::string::npos);
  }
  EXPECT_EQ(ask(client, get("/status/599")).status, 599U);
  EXPECT_EQ(server->counts().failed, 5U);
  const std::string text = log_text();
  for (const char* part : {"what=\"a status\"", "status=600", "route=/status/{code}",
                           "what=\"a header\"", "route=/header"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
  }
}

TEST_P(ServerHandlerTest, AnEndFromTheClientDoesNotCancelAHandler) {
  start();
  TestClient& client = connect();
  client.send(get("/later/50"));
  client.finish();
  EXPECT_EQ(answer(client).body, "50");
  EXPECT_TRUE(closed(client));
}

TEST_P(ServerHandlerTest, AResetCancelsAHandler) {
  start();
  TestClient& client = connect();
  client.send(get("/hang"));
  ASSERT_TRUE(until([&] { return counts.alive == 1; }));
  client.reset();
  EXPECT_TRUE(until([&] { return counts.alive == 0; }));
  EXPECT_EQ(counts.finished, 0);
  EXPECT_TRUE(until([&] { return server->counts().connections == 0; }));
}

TEST_P(ServerHandlerTest, AResetMayComeAnyTime) {
  start();
  for (int i = 0; i < 60; ++i) {
    TestClient& client = connect();
    client.send(get("/plain/x") + get("/later/1") + get("/big/20000") + get("/hang"));
    run_for(i * 100us);
    client.reset();
    turn();
  }
  EXPECT_TRUE(until([&] { return server->counts().connections == 0; }));
  EXPECT_EQ(counts.alive, 0);
  EXPECT_EQ(ask(connect(), get("/plain/x")).body, "x");
}

TEST_P(ServerHandlerTest, AServerMayBeDestroyedAnyTime) {
  for (int i = 0; i < 30; ++i) {
    start();
    for (int c = 0; c < 3; ++c) {
      connect().send(get("/later/1") + get("/big/20000") + get("/hang") + "GET /part");
    }
    run_for(i * 150us);
    server.reset();
    EXPECT_EQ(counts.alive, 0);
    clients.clear();
    loop.turn(loop.now() + 1ms);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ServerHandlerTest, testing::Range<std::uint64_t>(1, 11));

Task<void> wait_drained(Server& server, Deadline deadline, int& answer) {
  const bool in_time = co_await server.drained(deadline);
  answer = in_time ? 1 : 0;
}

TEST_F(ServerTest, DrainClosesWithTheNextAnswerAndIdleOnesSoon) {
  start();
  TestClient& idle = connect();
  TestClient& asks = connect();
  TestClient& busy = connect();
  ask(idle, get("/plain/x"));
  ask(asks, get("/plain/x"));
  busy.send(get("/later/3000"));
  run_for(100ms);
  server->drain();
  int drained = -1;
  Task<void> waiting = wait_drained(*server, Deadline::after(loop.now(), 20s), drained);
  waiting.start();
  EXPECT_EQ(ask(asks, get("/plain/y")).header("Connection"), "close");
  EXPECT_TRUE(closed(asks));
  EXPECT_FALSE(idle.ended());
  EXPECT_TRUE(closed(idle, 1500ms));
  EXPECT_EQ(idle.received(), "");
  EXPECT_EQ(drained, -1);
  const TestAnswer last = answer(busy);
  EXPECT_EQ(last.body, "3000");
  EXPECT_EQ(last.header("Connection"), "close");
  EXPECT_TRUE(closed(busy));
  clients.clear();
  EXPECT_TRUE(until([&] { return drained == 1; }));
}

TEST_F(ServerTest, WhatWasQueuedBeforeUnlistenIsAnswered) {
  start();
  for (int i = 0; i < 40; ++i) connect().send(get("/plain/x"));
  server->drain();
  server->accept_queued();
  server->unlisten_all();
  for (const auto& client : clients) {
    const TestAnswer got = answer(*client);
    EXPECT_EQ(got.status, 200U);
    EXPECT_EQ(got.header("Connection"), "close");
  }
  EXPECT_EQ(server->counts().accepted, 40U);
  connect();
  run_for(100ms);
  EXPECT_EQ(server->counts().accepted, 40U);
}

TEST_F(ServerTest, KeepsWhatAnAnswerBorrowsUntilItIsSerialised) {
  struct Owner {
    std::string bytes = "borrowed body";
    int released = 0;
  } owner;
  routes.get("/held", [&owner](Request&) {
    Response response;
    response.borrowed_body(owner.bytes)
        .prepared_headers("ETag: \"x\"\r\n")
        .keep(Hold(&owner, [](void* object) { ++static_cast<Owner*>(object)->released; }));
    return response;
  });
  start();
  TestClient& client = connect();
  for (int i = 1; i <= 3; ++i) {
    const TestAnswer got = ask(client, get("/held"));
    EXPECT_EQ(got.body, "borrowed body");
    EXPECT_EQ(got.header("ETag"), "\"x\"");
    EXPECT_EQ(owner.released, i);
  }
}

TEST_F(ServerTest, AnswersOfEveryShapeCanFollowEachOther) {
  routes.get("/shape/{n}", [](Request& request) {
    const std::size_t n = std::stoul(std::string(request.param(0)));
    Response response(n % 3 == 0 ? 200U : n % 3 == 1 ? 404U : 503U);
    static const std::string types(200, 't');
    response.content_type(std::string_view(types).substr(0, n % 150)).body(std::string(n, 'x'));
    for (std::size_t i = 0; i < n % 13; ++i) response.header("X-" + std::to_string(i), "value");
    return response;
  });
  start();
  TestClient& client = connect();
  for (std::size_t n = 0; n < 400; ++n) {
    const TestAnswer got = ask(client, get("/shape/" + std::to_string(n)));
    ASSERT_EQ(got.status, n % 3 == 0 ? 200U : n % 3 == 1 ? 404U : 503U);
    ASSERT_EQ(got.body, std::string(n, 'x'));
    ASSERT_EQ(got.header("Content-Type"), std::string(n % 150, 't'));
    ASSERT_EQ(got.header("X-" + std::to_string(n % 13)), "");
    if (n % 13 > 0) ASSERT_EQ(got.header("X-" + std::to_string(n % 13 - 1)), "value");
  }
}

}  // namespace
}  // namespace paceline
