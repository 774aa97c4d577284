#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

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
  EXPECT_GE(count_of(all, "paceline_connections", "idle"), 1U);
  EXPECT_GE(count_of(all, "paceline_network_bytes_total", "received"), 7 * get("/none").size());
  EXPECT_GE(count_of(all, "paceline_network_bytes_total", "sent"), 7 * 100U);
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
