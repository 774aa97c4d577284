#include "paceline/core/time.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace paceline {
namespace {

TEST(Time, DurationsHaveUnits) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("2s").value(), 2s);
  EXPECT_EQ(parse_duration("7d").value(), 168h);
  EXPECT_EQ(parse_duration("5us3ns").value(), 5003ns);
  EXPECT_EQ(parse_duration("0").value(), 0s);
  EXPECT_EQ(parse_duration("0s").value(), 0s);
}

TEST(Time, DurationsWithoutUnitOrTooLongAreErrors) {
  for (const char* bad : {"", "30", "s", "-1s", "1.5s", "1 s", "1sec", "1h30", "300000d", "s1",
                          "99999999999999999999s"}) {
    const auto result = parse_duration(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_NE(result.error().message.find("such as \"30s\""), std::string::npos);
  }
}

TEST(Time, DurationsAreWrittenShort) {
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1500ms), "1s500ms");
  EXPECT_EQ(format_duration(1500us), "1500us");
  EXPECT_EQ(format_duration(-2s), "-2s");
  EXPECT_EQ(format_duration(Duration::min()).front(), '-');
}

TEST(Time, EveryDurationSurvivesFormatAndParse) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 2000; ++i) {
    const Duration duration(static_cast<Duration::rep>(random() >> (1 + random() % 63)));
    EXPECT_EQ(parse_duration(format_duration(duration)).value(), duration);
  }
  EXPECT_EQ(parse_duration(format_duration(Duration::max())).value(), Duration::max());
}

TEST(Time, DeadlinesPassAtTheirPoint) {
  const Time now{100s};
  const Deadline deadline = Deadline::after(now, 5s);
  EXPECT_FALSE(deadline.passed(now + 4s));
  EXPECT_TRUE(deadline.passed(now + 5s));
  EXPECT_FALSE(Deadline::never().passed(now));
  EXPECT_EQ(Deadline::never().sooner(deadline).at, deadline.at);
}

TEST(Time, ADeadlineBeyondTheClockNeverPasses) {
  EXPECT_FALSE(Deadline::after(Time{100s}, Duration::max()).passed(Time{200s}));
}

TEST(Time, PeopleReadUtc) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1772366400123)};
  EXPECT_EQ(format_rfc3339(time), "2026-03-01T12:00:00.123Z");
  EXPECT_EQ(format_http_date(time), "Sun, 01 Mar 2026 12:00:00 GMT");
}

TEST(Time, TheExampleOfRfc9110ComesOut) {
  const std::chrono::system_clock::time_point time{std::chrono::seconds(784111777)};
  EXPECT_EQ(format_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Time, TimesBeforeTheEpochRoundDown) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(-1)};
  EXPECT_EQ(format_rfc3339(time), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace paceline
