#include <gtest/gtest.h>

#include <string>

#include "paceline/http/test_server.h"

namespace paceline {
namespace {

class ServerLimitsTest : public ServerTest {
 protected:
  ServerLimitsTest() : ServerTest({.delay_max = Duration(0), .piece_max = 1 << 20}) {}

  /// How long the server keeps `client` from now on, at most `limit`.
  Duration time_to_close(TestClient& client, Duration limit) {
    const Time before = loop.now();
    EXPECT_TRUE(closed(client, limit));
    return loop.now() - before;
  }
  std::uint64_t counter(std::string_view name, std::string_view labels) const {
    for (const auto& [key, value] : series()) {
      if (key.name == name && key.labels == labels) return value.count;
    }
    return 0;
  }
  static void expect_about(Duration took, Duration wanted) {
    EXPECT_GE(took, wanted - wanted / 20 - 10ms);
    EXPECT_LE(took, wanted + wanted / 20 + 10ms);
  }
};

TEST_F(ServerLimitsTest, AHeadMustArriveInTimeHoweverItDrips) {
  start({.header_timeout = 10s});
  TestClient& client = connect();
  client.send("GET /plain/x HTTP/1.1\r\n");
  turn();
  const Time began = loop.now();
  while (!client.ended() && loop.now() < began + 30s) {
    client.send("A: b\r\n");
    run_for(1s);
  }
  expect_about(loop.now() - began, 10s);
  EXPECT_EQ(answer(client).status, 408U);
}

TEST_F(ServerLimitsTest, ALateHeadHasAnIdOfItsOwn) {
  start();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(ask(connect(), get("/none", "X-Request-Id: secret\r\n")).status, 404U);
    connect().send("GET /plain");
    run_for(1ms);
  }
  run_for(11s);
  for (std::size_t i = 1; i < clients.size(); i += 2) {
    const TestAnswer late = answer(*clients[i]);
    EXPECT_EQ(late.status, 408U);
    EXPECT_EQ(late.body.find("secret"), std::string::npos);
  }
}

TEST_F(ServerLimitsTest, AConnectionThatSaysNothingIsClosedWithoutAnAnswer) {
  start({.header_timeout = 10s});
  TestClient& client = connect();
  turn();
  expect_about(time_to_close(client, 30s), 10s);
  EXPECT_EQ(client.received(), "");
}

TEST_F(ServerLimitsTest, ABodyMustGoOn) {
  start({.body_idle_timeout = 10s});
  TestClient& client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n");
  run_for(9s);
  client.send(std::string(4000, 'x'));
  run_for(9s);
  EXPECT_FALSE(client.ended());
  run_for(2s);
  EXPECT_EQ(answer(client).status, 408U);
}

TEST_F(ServerLimitsTest, ABodyMustEnd) {
  start({.body_timeout = 60s});
  TestClient& client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n");
  turn();
  const Time began = loop.now();
  while (client.received().empty() && loop.now() < began + 100s) {
    client.send(std::string(400, 'x'));
    run_for(1s);
  }
  expect_about(loop.now() - began, 60s);
  EXPECT_EQ(answer(client).status, 408U);
}

TEST_F(ServerLimitsTest, ABodyMustNotDrip) {
  start({.body_rate_min = 256});
  TestClient& client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n");
  turn();
  const Time began = loop.now();
  while (client.received().empty() && loop.now() < began + 100s) {
    client.send(std::string(200, 'x'));
    run_for(1s);
  }
  EXPECT_LE(loop.now() - began, Duration(8s));
  EXPECT_GE(loop.now() - began, Duration(5s));
  EXPECT_EQ(answer(client).status, 408U);
}

TEST_F(ServerLimitsTest, AHandlerThatTakesTooLongIsCancelled) {
  start({.handler_timeout = 30s});
  TestClient& client = connect();
  client.send(get("/hang") + get("/plain/next"));
  run_for(29s);
  EXPECT_EQ(counts.alive, 1);
  EXPECT_EQ(client.received(), "");
  run_for(2s);
  EXPECT_EQ(counts.alive, 0);
  EXPECT_EQ(counts.finished, 0);
  const TestAnswer late = answer(client);
  EXPECT_EQ(late.status, 503U);
  EXPECT_EQ(late.header("Retry-After"), "1");
  EXPECT_EQ(answer(client).body, "next");
  EXPECT_EQ(server->counts().failed, 1U);
}

TEST_F(ServerLimitsTest, ADurationOfZeroIsOff) {
  start({.header_timeout = 0s,
         .body_idle_timeout = 0s,
         .body_timeout = 0s,
         .body_rate_min = 0,
         .handler_timeout = 0s,
         .keep_alive_timeout = 0s,
         .age_max = 0s});
  TestClient& silent = connect();
  TestClient& slow = connect();
  TestClient& body = connect();
  slow.send(get("/later/200000"));
  body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
  run_for(100s);
  EXPECT_FALSE(silent.ended() || slow.ended() || body.ended());
  run_for(101s);
  EXPECT_EQ(answer(slow).body, "200000");
  EXPECT_EQ(ask(silent, get("/plain/x")).body, "x");
}

TEST_F(ServerLimitsTest, AnIdleConnectionIsClosed) {
  start({.keep_alive_timeout = 65s});
  TestClient& client = connect();
  ask(client, get("/plain/x"));
  run_for(60s);
  ask(client, get("/plain/x"));
  expect_about(time_to_close(client, 100s), 65s);
  EXPECT_TRUE(until([&] { return server->counts().connections == 0; }, 2s));
}

TEST_F(ServerLimitsTest, AClientThatDoesNotReadIsCut) {
  start({.write_timeout = 10s});
  TestClient& client = connect();
  client.stop_reading();
  client.send(get("/big/100000"));
  run_for(9s);
  EXPECT_EQ(server->counts().connections, 1U);
  run_for(2s);
  EXPECT_EQ(server->counts().connections, 0U);
  EXPECT_EQ(server->counts().aborted, 1U);
  EXPECT_EQ(counter("paceline_requests_aborted_total", R"(by="server")"), 1U);
}

TEST_F(ServerLimitsTest, AClientThatDoesNotReadGainsNothingBySendingOn) {
  start({.write_timeout = 10s});
  TestClient& client = connect();
  client.stop_reading();
  client.send(get("/big/100000"));
  const Time began = loop.now();
  turn();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n");
  while (server->counts().connections == 1 && loop.now() < began + 60s) {
    client.send(std::string(400, 'x'));
    run_for(1s);
  }
  EXPECT_LE(loop.now() - began, Duration(12s));
}

TEST_F(ServerLimitsTest, ASlowReaderKeepsItsHandlersTime) {
  start({.handler_timeout = 30s, .write_timeout = 10s});
  TestClient& client = connect();
  client.stop_reading();
  client.send(get("/big/100000") + get("/later/20000"));
  run_for(5s);
  client.go_on_reading();
  EXPECT_EQ(answer(client).body.size(), 100'000U);
  run_for(16s);
  EXPECT_EQ(answer(client).body, "20000");
}

TEST_F(ServerLimitsTest, RequestsOfOneConnectionEnd) {
  start({.requests_max = 3});
  TestClient& client = connect();
  client.send(get("/plain/x") + get("/plain/x") + get("/plain/x") + get("/plain/x"));
  EXPECT_EQ(answer(client).header("Connection"), "");
  EXPECT_EQ(answer(client).header("Connection"), "");
  EXPECT_EQ(answer(client).header("Connection"), "close");
  EXPECT_TRUE(closed(client));
  EXPECT_EQ(client.received(), "");
}

TEST_F(ServerLimitsTest, AnOldConnectionEndsWithItsNextAnswer) {
  start({.keep_alive_timeout = 0s, .age_max = 100s});
  TestClient& client = connect();
  ask(client, get("/plain/x"));
  run_for(85s);
  EXPECT_EQ(ask(client, get("/plain/y")).body, "y");
  run_for(30s);
  EXPECT_EQ(ask(client, get("/plain/x")).header("Connection"), "close");
  EXPECT_TRUE(closed(client));
}

TEST_F(ServerLimitsTest, TooManyConnectionsAreRefused) {
  start({.connections_max = 3, .connections_soft = 3});
  for (int i = 0; i < 3; ++i) connect().send(get("/hang"));
  TestClient& refused = connect();
  EXPECT_EQ(answer(refused).status, 503U);
  EXPECT_TRUE(closed(refused));
  EXPECT_EQ(server->counts().refused_connections, 1U);
  EXPECT_EQ(server->counts().connections, 3U);
  EXPECT_EQ(counter("paceline_connections_total", R"(result="refused_limit")"), 1U);
}

TEST_F(ServerLimitsTest, AboveTheSoftLimitTheOldestIdleOneMakesRoom) {
  start({.connections_max = 4, .connections_soft = 2, .soft_idle_min = 5s});
  TestClient& busy = connect();
  busy.send(get("/hang"));
  run_for(1s);
  TestClient& oldest = connect();
  run_for(2s);
  connect();
  run_for(2s);
  TestClient& in_time = connect();  // nobody is idle for long enough
  EXPECT_EQ(ask(in_time, get("/plain/x")).body, "x");
  EXPECT_FALSE(oldest.ended());
  run_for(2s);
  TestClient& next = connect();
  EXPECT_EQ(ask(next, get("/plain/x")).body, "x");
  EXPECT_TRUE(closed(oldest));
  EXPECT_FALSE(busy.ended());
  EXPECT_LE(server->counts().connections, 4U);
}

TEST_F(ServerLimitsTest, IdleConnectionsThatMakeRoomNeverLetThereBeMoreThanTheMaximum) {
  start({.connections_max = 20, .connections_soft = 10, .soft_idle_min = 0s});
  for (int i = 0; i < 100; ++i) {
    connect();
    turn();
    EXPECT_LE(server->counts().connections, 20U);
  }
  EXPECT_EQ(server->counts().refused_connections, 0U);
}

TEST_F(ServerLimitsTest, WhenDescriptorsRunOutItPausesAndRecovers) {
  start();
  TestClient& before = connect();
  ask(before, get("/plain/x"));
  kernel.fail_accept(EMFILE);
  TestClient& waiting = connect();
  const std::uint64_t events = loop.stats().events;
  run_for(10s);
  EXPECT_LE(loop.stats().events - events, 20U);  // it does not spin
  EXPECT_GE(server->counts().accept_errors, 5U);
  EXPECT_EQ(counter("paceline_connections_total", R"(result="refused_fd")"),
            server->counts().accept_errors);
  EXPECT_EQ(ask(before, get("/plain/y")).body, "y");
  kernel.fail_accept(0);
  waiting.send(get("/plain/z"));
  EXPECT_EQ(answer(waiting).body, "z");
  kernel.fail_accept(ECONNABORTED);
  connect();
  turn();
  kernel.fail_accept(0);
  EXPECT_EQ(ask(connect(), get("/plain/w")).body, "w");
}

}  // namespace
}  // namespace paceline
