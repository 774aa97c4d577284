#include "paceline/core/log_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace paceline {
namespace {

LogLine line(std::string_view event, std::span<const LogField> fields) {
  return {std::chrono::system_clock::time_point{std::chrono::milliseconds(1772366400123)},
          LogLevel::warning, "worker 2", event, fields};
}

TEST(LogFormat, TextIsForPeople) {
  const std::vector<LogField> fields = {{"address", "127.0.0.1:8000"},
                                        {"why", "no such file"},
                                        {"n", std::int64_t{-3}},
                                        {"share", 0.25},
                                        {"ok", true},
                                        {"empty", ""}};
  EXPECT_EQ(log_text(line("listening", fields)),
            "2026-03-01T12:00:00.123Z warning worker 2: listening address=127.0.0.1:8000 "
            "why=\"no such file\" n=-3 share=0.25 ok=true empty=\"\"\n");
}

TEST(LogFormat, JsonIsForMachines) {
  const std::vector<LogField> fields = {
      {"address", "127.0.0.1:8000"}, {"n", std::int64_t{-3}}, {"share", 0.25}, {"ok", false}};
  EXPECT_EQ(log_json(line("listening", fields)),
            R"({"time":"2026-03-01T12:00:00.123Z","level":"warning","role":"worker 2",)"
            R"("event":"listening","address":"127.0.0.1:8000","n":-3,"share":0.25,"ok":false})"
            "\n");
}

TEST(LogFormat, NoValueCanForgeALineOrColourATerminal) {
  const std::vector<LogField> fields = {{"value", "a\nb\x1b[31m\" x=1"}, {"bad\nname", "\xff"}};
  for (const std::string& text :
       {log_text(line("two\nlines", fields)), log_json(line("two\nlines", fields))}) {
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_NE(text.find(R"(a\nb\u001b[31m\" x=1)"), std::string::npos) << text;
  }
}

TEST(LogFormat, JsonHasNoInfinity) {
  const std::vector<LogField> fields = {{"a", std::numeric_limits<double>::infinity()},
                                        {"b", std::nan("")}};
  EXPECT_NE(log_json(line("x", fields)).find(R"("a":null,"b":null})"), std::string::npos);
}

TEST(LogFormat, LinesHaveALimitAndSayWhenTheyWereCut) {
  const std::string letters(10'000, 'a');
  const std::string controls(10'000, '\x01');
  const std::string umlauts = [] {
    std::string s;
    for (int i = 0; i < 5000; ++i) s += "ä";
    return s;
  }();
  for (const std::string& value : {letters, controls, umlauts}) {
    const std::vector<LogField> fields = {{"a", value}, {"b", value}, {"c", "last"}};
    for (const std::string& text : {log_text(line(value, fields)), log_json(line(value, fields))}) {
      EXPECT_LE(text.size(), kLogLineMax);
      EXPECT_NE(text.find("truncated"), std::string::npos);
      EXPECT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos) << "cut inside a character";
    }
  }
}

}  // namespace
}  // namespace paceline
