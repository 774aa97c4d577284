#include "paceline/sqlite/migrations.h"

#include "paceline/sqlite/test_folder.h"

namespace paceline {
namespace {

struct Fixture {
  TestFolder folder;
  std::unique_ptr<Connection> db;

  Fixture() {
    db = std::move(*Connection::open(folder.file("a.db"), {.access = Access::read_write}));
    std::filesystem::create_directory(folder.file("m"));
    put("001-people", "CREATE TABLE people(id TEXT);");
    put("002-names",
        "ALTER TABLE people ADD COLUMN name TEXT;\nINSERT INTO people VALUES('1','A')");
  }
  void put(std::string_view name, std::string_view sql) const {
    folder.write("m/" + std::string(name) + ".sql", sql);
  }
  void drop(std::string_view name) const {
    std::filesystem::remove(folder.file("m/" + std::string(name) + ".sql"));
  }
  Result<std::size_t> migrate_all() const {
    PACELINE_TRY_VALUE(const std::vector<Migration> found, read_migrations(folder.file("m")));
    return migrate(*db, found);
  }
  /// Fails with this code, and the text contains this.
  void expect_failure(Code code, std::string_view text) const {
    const Result<std::size_t> got = migrate_all();
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, code) << got.error().text();
    EXPECT_TRUE(got.error().message.contains(text)) << got.error().text();
  }
};

TEST(Migrations, AreAppliedOnceInOrderAndRecorded) {
  const Fixture s;
  EXPECT_EQ(*s.migrate_all(), 2U);
  EXPECT_EQ(*s.migrate_all(), 0U);
  s.put("003-more", "-- nothing but a comment\n");
  EXPECT_EQ(*s.migrate_all(), 1U);
  const Result<SqlResult> rows =
      s.db->run("SELECT number, name, hash, applied_at FROM paceline_migrations ORDER BY number");
  ASSERT_EQ(rows->rows(), 3U);
  EXPECT_EQ(rows->row(1)[0], SqlValue(std::int64_t{2}));
  EXPECT_EQ(rows->row(1)[1], SqlValue("names"));
  EXPECT_EQ(std::get<std::string>(rows->row(1)[2]).size(), 32U);
  EXPECT_TRUE(std::get<std::string>(rows->row(1)[3]).ends_with("Z"));
  EXPECT_EQ(s.db->run("SELECT * FROM people")->rows(), 1U);
}

TEST(Migrations, ThatWereAppliedMustNotChange) {
  const Fixture s;
  ASSERT_TRUE(s.migrate_all());
  s.put("001-people", "CREATE TABLE people(id INTEGER);");
  s.expect_failure(Code::conflict, "001-people.sql was changed after it was applied");
}

TEST(Migrations, ThatWereAppliedMustStayThere) {
  const Fixture s;
  ASSERT_TRUE(s.migrate_all());
  s.drop("002-names");
  s.expect_failure(Code::conflict,
                   "migration 2 (names) was applied to this database and is missing");
  s.put("002-other", "SELECT 1");
  s.expect_failure(Code::conflict, "was applied as names");
}

TEST(Migrations, HaveNumbersWithoutGapsOrTwins) {
  const Fixture s;
  s.put("004-late", "SELECT 1");
  s.expect_failure(Code::invalid, "number 3 is missing");
  s.put("002-twin", "SELECT 1");
  s.expect_failure(Code::invalid, "have the same number");
}

TEST(Migrations, HaveNamesOfOneForm) {
  for (const char* name : {"x", "3-short", "003", "003-", "-003-x", "000-zero", "003_x", "a003-x",
                           "99999999999999999999-x"}) {
    const Fixture s;
    s.put(name, "SELECT 1");
    s.expect_failure(Code::invalid, "the name must be like 001-create-users.sql");
  }
  const Fixture s;
  s.folder.write("m/README.md", "words");
  s.folder.write("m/.003-swap.sql", "words");
  EXPECT_TRUE(s.migrate_all());
}

TEST(Migrations, NeedTheirFolder) {
  const Result<std::vector<Migration>> got = read_migrations("/nowhere/m");
  ASSERT_FALSE(got);
  EXPECT_TRUE(got.error().text().contains("/nowhere/m")) << got.error().text();
}

TEST(Migrations, ThatFailAreRolledBackAndNameFileLineAndStatement) {
  const Fixture s;
  s.put("003-bad",
        "CREATE TABLE third(id);\n\n/* a\n b */ INSERT INTO third\n VALEUS(1); SELECT 1");
  s.expect_failure(Code::invalid,
                   "003-bad.sql:5: near \"VALEUS\": syntax error in: INSERT INTO third");
  EXPECT_FALSE(s.db->run("SELECT * FROM third"));
  EXPECT_FALSE(s.db->in_transaction());
  EXPECT_EQ(s.db->run("SELECT * FROM paceline_migrations")->rows(), 2U);
  s.put("003-bad",
        "CREATE TABLE third(id UNIQUE);\nINSERT INTO third VALUES(1);\n"
        "INSERT INTO third VALUES(1);\n");
  s.expect_failure(Code::conflict, "003-bad.sql:3: UNIQUE constraint failed");
  s.put("003-bad", "CREATE TABLE third(id);");
  EXPECT_EQ(*s.migrate_all(), 1U);
}

TEST(Migrations, CannotEndTheirTransaction) {
  const Fixture s;
  s.put("003-commit", "CREATE TABLE third(id);\nCOMMIT;");
  s.expect_failure(Code::invalid, "003-commit.sql:2: the statement may not control transactions");
  EXPECT_FALSE(s.db->run("SELECT * FROM third"));
}

TEST(Migrations, MayRebuildATableThatOthersReferTo) {
  const Fixture s;
  s.put("003-parent",
        "CREATE TABLE a(id INTEGER PRIMARY KEY);\nINSERT INTO a VALUES(1);\n"
        "CREATE TABLE b(a REFERENCES a ON DELETE CASCADE);\nINSERT INTO b VALUES(1);");
  s.put("004-rebuild",
        "CREATE TABLE a2(id INTEGER PRIMARY KEY, more);\n"
        "INSERT INTO a2(id) SELECT id FROM a;\nDROP TABLE a;\n"
        "ALTER TABLE a2 RENAME TO a;");
  ASSERT_EQ(*s.migrate_all(), 4U);
  EXPECT_EQ(s.db->run("SELECT * FROM b")->rows(), 1U);
  EXPECT_EQ(*s.db->pragma("foreign_keys"), "1");
  s.put("005-orphan", "DELETE FROM a;");
  s.expect_failure(Code::conflict, "leaves rows in b that refer to none in a");
  EXPECT_EQ(s.db->run("SELECT * FROM a")->rows(), 1U);
  EXPECT_EQ(*s.db->pragma("foreign_keys"), "1");
}

}  // namespace
}  // namespace paceline
