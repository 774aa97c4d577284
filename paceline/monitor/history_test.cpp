#include "paceline/monitor/history.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace paceline {
namespace {

struct Bytes {
  std::vector<std::byte> bytes = std::vector<std::byte>(History::bytes());
  History open() { return *History::attach(bytes); }
};

HistoryRow row(double time, double rate) {
  HistoryRow one;
  one[Column::time] = time;
  one[Column::rate] = rate;
  one.heat[3] = static_cast<std::uint32_t>(rate);
  return one;
}

TEST(History, KeepsTheNewestRowsInTheirOrder) {
  Bytes memory;
  History history = memory.open();
  for (int i = 0; i < 1000; ++i) history.add_second(row(i, 2 * i));
  const std::vector<HistoryRow> rows = history.seconds();
  ASSERT_EQ(rows.size(), History::seconds_max);
  EXPECT_EQ(rows.front()[Column::time], 100);
  EXPECT_EQ(rows.back()[Column::time], 999);
  EXPECT_EQ(rows.back().heat[3], 1998U);
  EXPECT_TRUE(history.minutes().empty());
}

TEST(History, OutlivesItsReader) {
  Bytes memory;
  {
    History history = memory.open();
    history.add_second(row(1, 5));
    history.add_minute(row(60, 5));
    history.add_incident({.time = 2, .kind = "exit", .text = "worker 0 ended"});
    history.note(7, 3);
  }
  const History history = memory.open();
  EXPECT_EQ(history.openings(), 2U);
  EXPECT_EQ(history.seconds().size(), 1U);
  EXPECT_EQ(history.minutes().size(), 1U);
  ASSERT_EQ(history.incidents().size(), 1U);
  EXPECT_EQ(history.incidents()[0].text, "worker 0 ended");
  EXPECT_EQ(history.noted(7), 3U);
}

TEST(History, BytesOfSomethingElseAreFormatted) {
  Bytes memory;
  std::ranges::fill(memory.bytes, std::byte{0x5a});
  const History history = memory.open();
  EXPECT_EQ(history.openings(), 1U);
  EXPECT_TRUE(history.seconds().empty());
  EXPECT_TRUE(history.incidents().empty());
  EXPECT_FALSE(History::attach(std::span(memory.bytes).first(100)));
}

TEST(History, IncidentsAreBoundedCutAndNewestFirst) {
  Bytes memory;
  History history = memory.open();
  for (int i = 0; i < 100; ++i) {
    history.add_incident({.time = static_cast<double>(i),
                          .kind = "a kind that is too long for it",
                          .text = "\x1b[31m" + std::string(500, 'x')});
  }
  const std::vector<Incident> incidents = history.incidents();
  ASSERT_EQ(incidents.size(), History::incidents_max);
  EXPECT_EQ(incidents.front().time, 99);
  EXPECT_LT(incidents.front().kind.size(), 16U);
  EXPECT_LT(incidents.front().text.size(), 232U);
  EXPECT_FALSE(incidents.front().text.contains('\x1b'));
}

TEST(History, IsColumnsOfNumbersAsJson) {
  const std::vector<HistoryRow> rows = {row(1795472311.361, 0.25), row(1795472312.345, 1e-7)};
  const auto json = nlohmann::json::parse(history_json(rows, 1));
  EXPECT_EQ(json["resolution_s"], 1);
  EXPECT_EQ(json["columns"].size(), kColumns);
  EXPECT_EQ(json["columns"]["time"][0], 1795472311.361);
  EXPECT_EQ(json["columns"]["rate"][1], 1e-7);
  EXPECT_TRUE(json["columns"]["p95"][0].is_null());
  EXPECT_EQ(json["heat"].size(), 2U);
  EXPECT_EQ(json["heat"][0].size(), kHeatRows);
  EXPECT_EQ(json["heat_bounds_s"].size(), kHeatRows - 1);
}

}  // namespace
}  // namespace paceline
