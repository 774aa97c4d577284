#include "paceline/sqlite/parameters.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <memory>
#include <random>
#include <set>
#include <string>

namespace paceline {
namespace {

std::string names(std::string_view sql) {
  std::string out;
  for (const SqlPlaceholder& p : scan_parameters(sql)) {
    if (!out.empty()) out += ' ';
    out += p.name;
  }
  return out;
}

TEST(SqlParameters, AreFoundWithTheirPlaces) {
  const std::string_view sql = "SELECT * FROM t WHERE id=:id AND n<:n_1+:id";
  const std::vector<SqlPlaceholder> found = scan_parameters(sql);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], (SqlPlaceholder{"id", 25}));
  EXPECT_EQ(found[1], (SqlPlaceholder{"n_1", 35}));
  EXPECT_EQ(found[2], (SqlPlaceholder{"id", 40}));
}

TEST(SqlParameters, AreNotSeenInStrings) {
  EXPECT_EQ(names("SELECT ':a', 'it''s :b', '' , :c"), "c");
  EXPECT_EQ(names("SELECT E'it\\'s :a', :b"), "b");
  EXPECT_EQ(names("SELECT '\\', :a"), "a");
}

TEST(SqlParameters, AreNotSeenInComments) {
  EXPECT_EQ(names("SELECT 1 -- :a\n, :b /* :c -- */ , :d"), "b d");
  EXPECT_EQ(names("SELECT 1 - :a / :b"), "a b");
  EXPECT_EQ(names("/* /* :a */ :b"), "b");
}

TEST(SqlParameters, AreNotSeenInQuotedIdentifiers) {
  EXPECT_EQ(names("SELECT \"a:b\"\":c\", [:d ' ], `:e``:f`, :g"), "g");
}

TEST(SqlParameters, AreNotSeenInDollarQuotes) {
  EXPECT_EQ(names("SELECT $$ :a ' $$, $fn$ :b $$ $fn$, :c"), "c");
  EXPECT_EQ(names("SELECT a$b :c, $1, :d$"), "c d");
}

TEST(SqlParameters, AreNotSeenAfterTwoColons) {
  EXPECT_EQ(names("SELECT :a::text, b::jsonb, c :: text, :d"), "a d");
  EXPECT_EQ(names("SELECT ':' || :a"), "a");
}

TEST(SqlParameters, NeedANameThatBeginsWithALetter) {
  EXPECT_EQ(names("SELECT :1, : a, :, :_x, :"), "_x");
}

TEST(SqlParameters, EndWhereAnUnclosedQuoteBegins) {
  for (const char* open : {"'", "\"", "`", "[", "/*", "--", "$$", "$t$", "E'", "E'\\"}) {
    EXPECT_EQ(names(std::string("SELECT :a ") + open + " :b"), "a") << open;
  }
}

/// Random token soup: whatever SQLite compiles must have exactly the parameters we see.
TEST(SqlParameters, AgreeWithSqliteOnEverythingItCompiles) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(":memory:", &raw), SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(raw, &sqlite3_close);
  constexpr std::array<std::string_view, 22> tokens = {
      ":a", ":b_1", "'x'", "':c'", "''", "\"a\"", "\":d\"", "[:e]", "`:f`", "--:g\n", "/*:h*/",
      "+",  "-",    "||",  ",",    " ",  " ",     "1",      "a",    "AS a", "/",      "'it''s:i'"};
  std::mt19937 random(7);
  int compiled = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string sql = "SELECT 1,";
    const unsigned length = 1 + random() % 7;
    for (unsigned i = 0; i < length; ++i) sql += tokens[random() % tokens.size()];
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(raw, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) continue;
    ++compiled;
    std::set<std::string> theirs;
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
      theirs.insert(sqlite3_bind_parameter_name(statement, i) + 1);
    }
    sqlite3_finalize(statement);
    std::set<std::string> ours;
    for (const SqlPlaceholder& p : scan_parameters(sql)) ours.emplace(p.name);
    ASSERT_EQ(ours, theirs) << sql;
  }
  EXPECT_GT(compiled, 1000);
}

}  // namespace
}  // namespace paceline
