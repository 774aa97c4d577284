#include "paceline/service/json.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

std::string mistake(std::string_view text) {
  const Result<void> checked = check_json(text);
  return checked ? "valid" : checked.error().message;
}

TEST(Json, AcceptsEveryKindOfValueAlone) {
  for (const char* text : {"{}", "[]", "null", "true", "-0.5e3", "\"a\\u00e9\"",
                           " [1, {\"a\":[]}] ", "{\"a\":1,\"a\":2}", "12345678901234567890123"}) {
    EXPECT_EQ(mistake(text), "valid") << text;
  }
}

TEST(Json, NamesLineAndColumnOfTheFirstMistake) {
  EXPECT_TRUE(mistake("{\"a\":\n  x}").starts_with("line 2, column 3: "))
      << mistake("{\"a\":\n  x}");
  EXPECT_TRUE(mistake("{\"a\":1} 2").starts_with("line 1, column 9: ")) << mistake("{\"a\":1} 2");
  EXPECT_EQ(mistake("{\"a\":"),
            "line 1, column 6: unexpected end of input, expected '[', '{', or a literal");
}

TEST(Json, RefusesWhatIsNotOneJsonValue) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, " "sv, "{"sv, "[1,]"sv, "'a'"sv, "{a:1}"sv, "nul"sv, "01"sv, "1 2"sv, "\"a"sv,
        "\"\xff\""sv, "\"\\ud800\""sv, "\xef\xbb\xbf{}"sv, "[1]\0"sv, "\"a\nb\""sv, "1e999"sv,
        "NaN"sv, "// c\n1"sv}) {
    EXPECT_NE(mistake(text), "valid") << printable(text);
  }
}

TEST(Json, CountsNestingUpToTheLimit) {
  EXPECT_EQ(mistake(std::string(64, '[') + std::string(64, ']')), "valid");
  EXPECT_EQ(mistake(std::string(65, '[') + std::string(65, ']')),
            "line 1, column 65: nested deeper than 64 levels");
  EXPECT_EQ(mistake("[\"[[[\\\"[\"," + std::string(64, '[')),
            "line 1, column 74: nested deeper than 64 levels");
  EXPECT_NE(mistake(std::string(1'000'000, '[')), "valid");
}

}  // namespace
}  // namespace paceline
