#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "paceline/http/test_server.h"

namespace paceline {
namespace {

Response throws(Request&) { throw std::runtime_error("as asked"); }

using ServerRecordsTest = ServerTest;

std::uint64_t count_of(const MetricsTotals& series, std::string_view name,
                       std::string_view labels) {
  for (const auto& [key, value] : series) {
    if (key.name != name || key.labels.find(labels) == std::string::npos) continue;
    if (key.kind == MetricKind::histogram) return value.histogram.count();
    return key.kind == MetricKind::gauge ? static_cast<std::uint64_t>(value.level) : value.count;
  }
  return 0;
}

TEST_F(ServerRecordsTest, RecordsWhatItDoes) {
  start();
  TestClient& client = connect();
  for (int i = 0; i < 5; ++i) ask(client, get("/plain/x"));
  ask(client, get("/none"));
  ask(client, get("/later/3"));
  TestClient& bad = connect();
  ask(bad, "nonsense\r\n\r\n");
  const MetricsTotals all = series();
  const std::string duration = "http_server_request_duration_seconds";
  EXPECT_EQ(count_of(all, duration, R"(status_code="200",http_route="/plain/{x}")"), 5U);
  EXPECT_EQ(count_of(all, duration, R"(status_code="404",http_route="unmatched")"), 1U);
  EXPECT_EQ(count_of(all, duration, R"(status_code="200",http_route="/later/{ms}")"), 1U);
  EXPECT_EQ(count_of(all, duration, R"(status_code="400",http_route="refused")"), 1U);
  EXPECT_EQ(count_of(all, "paceline_requests_rejected_total", "request_line"), 1U);
  EXPECT_EQ(count_of(all, "paceline_connections_total", "accepted"), 2U);
  EXPECT_GE(count_of(all, "paceline_open_connections", "idle"), 1U);
  EXPECT_GE(count_of(all, "paceline_network_bytes_total", "received"), 7 * get("/none").size());
  EXPECT_GE(count_of(all, "paceline_network_bytes_total", "sent"), 7 * 100U);
}

TEST_F(ServerRecordsTest, AFewRequestsASecondAreExamplesByTheirId) {
  start();
  TestClient& client = connect();
  ask(client, get("/plain/x", "X-Request-Id: first\r\n"));
  ask(client, get("/plain/x", "X-Request-Id: too-soon\r\n"));
  const auto examples = [this] {
    std::vector<MetricExample> all;
    for (const auto& [key, value] : series()) {
      all.insert(all.end(), value.examples.begin(), value.examples.end());
    }
    return all;
  };
  ASSERT_EQ(examples().size(), 1U);
  EXPECT_EQ(examples()[0].id, "first");
  EXPECT_EQ(series()
                .at({http_metrics()[0].name.data(),
                     R"(http_request_method="GET",http_response_status_code="200",)"
                     R"(http_route="/plain/{x}")",
                     MetricKind::histogram})
                .examples.size(),
            1U);
  ask(client, get("/later/300", "X-Request-Id: slow\r\n"));
  ASSERT_EQ(examples().size(), 2U);
  ask(client, get("/plain/x", "X-Request-Id: too-soon-again\r\n"));
  EXPECT_EQ(examples()[0].id, "slow");
  EXPECT_GE(examples()[0].duration, 300ms);
}

TEST_F(ServerRecordsTest, WhatItWritesIsDeclared) {
  start();
  TestClient& client = connect();
  ask(client, get("/plain/x"));
  ask(connect(), "nonsense\r\n\r\n");
  std::set<std::string_view> declared;
  for (const MetricInfo& info : http_metrics()) declared.insert(info.name);
  for (const MetricInfo& info : block_metrics()) declared.insert(info.name);
  std::set<std::string_view> written;
  const MetricsTotals all = series();
  for (const auto& [key, value] : all) written.insert(key.name);
  EXPECT_EQ(written, declared);
}

TEST_F(ServerRecordsTest, CountsWhatIsActiveAndWhoCutsIt) {
  start();
  TestClient& waits = connect();
  waits.send(get("/later/5000"));
  TestClient& idle = connect();
  ask(idle, get("/plain/x"));
  run_for(10ms);
  EXPECT_EQ(count_of(series(), "http_server_active_requests", ""), 1U);
  EXPECT_EQ(count_of(series(), "paceline_open_connections", "active"), 1U);
  EXPECT_EQ(count_of(series(), "paceline_open_connections", "idle"), 1U);
  waits.reset();
  run_for(10ms);
  EXPECT_EQ(count_of(series(), "http_server_active_requests", ""), 0U);
  EXPECT_EQ(count_of(series(), "paceline_requests_aborted_total", "client"), 1U);
  EXPECT_EQ(count_of(series(), "paceline_requests_aborted_total", "server"), 0U);
}

std::size_t lines_with(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(ServerRecordsTest, TheAccessLogHasErrorsAndSlowAnswers) {
  routes.get("/throws", &throws);
  start();
  TestClient& client = connect();
  ask(client, get("/plain/x?secret=1", "X-Request-Id: fine\r\n"));
  ask(client, get("/throws?secret=1", "X-Request-Id: bad\r\n"));
  ask(client, get("/later/600", "X-Request-Id: slow\r\n"));
  const std::string text = log_text();
  EXPECT_EQ(lines_with(text, "id=fine"), 0U);
  EXPECT_EQ(lines_with(text, "status=500"), 1U) << text;
  EXPECT_EQ(lines_with(text, "id=bad"), 2U);  // what the handler threw, and the request
  EXPECT_EQ(lines_with(text, "route=/later/{ms}"), 1U);
  EXPECT_EQ(lines_with(text, "secret"), 0U);
}

Task<Result<void>> write_two(BodyWriter& writer) {
  for (const std::string_view piece : {"one", "and another"}) {
    const Result<void> written = co_await writer.write(piece);
    PACELINE_CO_TRY(written);
  }
  co_return Result<void>{};
}

TEST_F(ServerRecordsTest, TheAccessLogCountsTheBytesOfAStream) {
  routes.get("/two", [](Request&) { return Response::stream("text/plain", &write_two); });
  start({}, {.every = 1});
  TestClient& client = connect();
  client.send(get("/two"));
  ASSERT_TRUE(until([&] { return client.received().ends_with("0\r\n\r\n"); }));
  const std::string bytes = "bytes=" + std::to_string(client.received().size()) + " ";
  EXPECT_EQ(lines_with(log_text() + " ", bytes), 1U) << bytes << log_text();
}

TEST_F(ServerRecordsTest, TheAccessLogMaySampleOrTakeAll) {
  start({}, {.every = 10});
  TestClient& client = connect();
  for (int i = 0; i < 100; ++i) ask(client, get("/plain/x"));
  EXPECT_EQ(lines_with(log_text(), "status=200"), 10U);
}

TEST_F(ServerRecordsTest, TheAccessLogCanBeOff) {
  routes.get("/throws", &throws);
  start({}, {.errors = false});
  TestClient& client = connect();
  ask(client, get("/throws"));
  EXPECT_EQ(lines_with(log_text(), "status=500"), 0U);
}

TEST_F(ServerRecordsTest, WithoutALimitForSlownessOnlyFailuresAreErrors) {
  start({}, {.slow = 0s});
  TestClient& client = connect();
  ask(client, get("/later/2000"));
  EXPECT_EQ(lines_with(log_text(), "status=200"), 0U);
}

}  // namespace
}  // namespace paceline
