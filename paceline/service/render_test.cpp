#include "paceline/service/render.h"

#include <gtest/gtest.h>

#include <limits>

namespace paceline {
namespace {

SqlResult rows(std::vector<SqlColumn> columns, std::vector<SqlValue> cells) {
  return {.columns = std::move(columns), .cells = std::move(cells)};
}

TEST(Render, GivesEveryStorageClassItsJsonForm) {
  const double inf = std::numeric_limits<double>::infinity();
  const SqlResult result =
      rows({{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}, {"f", ""}, {"g\"", ""}},
           {std::monostate{}, std::int64_t{-7}, 0.1, inf, std::string("x\n\"y\""),
            SqlBlob{std::string("\x00\xff\x10", 3)}, 1e300});
  EXPECT_EQ(render_one(result, {}),
            R"({"a":null,"b":-7,"c":0.1,"d":null,"e":"x\n\"y\"","f":"AP8Q","g\"":1e+300})");
}

TEST(Render, PassesJsonColumnsThroughAsTheyAre) {
  const std::vector<std::string> named = {"named"};
  const SqlResult result =
      rows({{"declared", "json"}, {"named", "TEXT"}, {"plain", "TEXT"}},
           {std::string("{\"a\": [1]}"), std::string("[ ]"), std::string("[]")});
  EXPECT_EQ(render_one(result, named), R"({"declared":{"a": [1]},"named":[ ],"plain":"[]"})");
}

TEST(Render, QuotesWhatAJsonColumnShouldNotHold) {
  const SqlResult result =
      rows({{"a", "JSON"}, {"b", "JSON"}}, {std::string("{oops"), std::int64_t{5}});
  EXPECT_EQ(render_one(result, {}), R"({"a":"{oops","b":5})");
}

TEST(Render, MakesAnArrayOfManyRowsAndOfNone) {
  EXPECT_EQ(render_many(rows({{"a", ""}}, {std::int64_t{1}, std::int64_t{2}}), {}),
            R"([{"a":1},{"a":2}])");
  EXPECT_EQ(render_many(rows({{"a", ""}}, {}), {}), "[]");
}

TEST(Render, WritesEntityTagsWithAllDigits) {
  EXPECT_EQ(format_etag(0xabc), "\"0000000000000abc\"");
  EXPECT_EQ(format_etag(body_hash("a")), format_etag(body_hash("a")));
  EXPECT_NE(body_hash("a"), body_hash("b"));
}

}  // namespace
}  // namespace paceline
