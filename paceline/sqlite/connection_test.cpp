#include "paceline/sqlite/connection.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "paceline/sqlite/test_folder.h"

namespace paceline {
namespace {

constexpr ConnectionOptions writing{.access = Access::read_write};

std::unique_ptr<Connection> open_writer(const std::string& path) {
  Result<std::unique_ptr<Connection>> opened = Connection::open(path, writing);
  EXPECT_TRUE(opened) << opened.error().text();
  return std::move(*opened);
}

std::unique_ptr<Connection> with_people(const std::string& path) {
  std::unique_ptr<Connection> db = open_writer(path);
  EXPECT_TRUE(db->run("CREATE TABLE people(id TEXT PRIMARY KEY, age INTEGER, body JSON)"));
  EXPECT_TRUE(db->run("INSERT INTO people VALUES('1', 36, '{}'), ('2', 45, NULL)"));
  return db;
}

TEST(SqliteUrl, RelativePathsStandInTheFolder) {
  EXPECT_EQ(*parse_sqlite_url("sqlite:data.db", "/var/p"), "/var/p/data.db");
  EXPECT_EQ(*parse_sqlite_url("sqlite:/abs/data.db", "/var/p"), "/abs/data.db");
  EXPECT_EQ(*parse_sqlite_url("sqlite:///abs/data.db", "/var/p"), "/abs/data.db");
}

TEST(SqliteUrl, ThatNamesNoFileIsRefused) {
  for (const char* url : {"postgres://x", "sqlite:", "sqlite:folder/", "sqlite://host/x",
                          "sqlite::memory:", "data.db"}) {
    const Result<std::string> path = parse_sqlite_url(url, "/var/p");
    ASSERT_FALSE(path) << url;
    EXPECT_EQ(path.error().code, Code::invalid);
  }
}

TEST(Connection, ASchemaMayCheckItsJson) {
  // With trusted_schema off, SQLite 3.40 calls json_valid() in a CHECK an unsafe use.
  const TestFolder folder;
  const std::unique_ptr<Connection> db = open_writer(folder.file("a.db"));
  ASSERT_TRUE(db->run("CREATE TABLE t(id INTEGER, body TEXT CHECK(json_valid(body)))"));
  EXPECT_TRUE(db->run("INSERT INTO t VALUES(1, '{}')"));
  const auto refused = db->run("INSERT INTO t VALUES(2, '{')");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
}

TEST(Connection, TheWriterHasThePragmasOfItsUse) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = open_writer(folder.file("a.db"));
  EXPECT_EQ(*db->pragma("journal_mode"), "wal");
  EXPECT_EQ(*db->pragma("synchronous"), "2");
  EXPECT_EQ(*db->pragma("wal_autocheckpoint"), "0");
  EXPECT_EQ(*db->pragma("foreign_keys"), "1");
  EXPECT_EQ(*db->pragma("temp_store"), "2");
  EXPECT_EQ(*db->pragma("mmap_size"), "0");
  EXPECT_EQ(*db->pragma("cache_size"), "-8000");
  EXPECT_EQ(*db->pragma("journal_size_limit"), "67108864");
  EXPECT_EQ(*db->pragma("page_size"), "4096");
  EXPECT_EQ(*db->pragma("query_only"), "0");
}

TEST(Connection, DurabilityDecidesTheSyncs) {
  const TestFolder folder;
  ConnectionOptions options = writing;
  options.durability = Durability::process;
  const auto db = Connection::open(folder.file("a.db"), options);
  ASSERT_TRUE(db);
  EXPECT_EQ(*(*db)->pragma("synchronous"), "1");
}

TEST(Connection, AReaderCannotWriteNorCheckpoint) {
  const TestFolder folder;
  const std::unique_ptr<Connection> writer = with_people(folder.file("a.db"));
  const auto reader = Connection::open(folder.file("a.db"), {});
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ(*(*reader)->pragma("query_only"), "1");
  EXPECT_EQ(*(*reader)->pragma("wal_autocheckpoint"), "0");
  EXPECT_EQ(*(*reader)->pragma("busy_timeout"), "0");
  const Result<SqlResult> written = (*reader)->run("DELETE FROM people");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::invalid);
  EXPECT_EQ((*reader)->run("SELECT * FROM people")->rows(), 2U);
}

TEST(Connection, ClosingTheLastReaderLeavesTheLog) {
  const TestFolder folder;
  const std::string path = folder.file("a.db");
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<Connection> db = with_people(path);
    _exit(0);  // dies with a log that nobody has checkpointed
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  {
    ASSERT_TRUE(Connection::open(path, {}));
  }
  struct stat log{};
  ASSERT_EQ(stat((path + "-wal").c_str(), &log), 0);
  EXPECT_GT(log.st_size, 0);
}

TEST(Connection, ValuesOfEveryKindComeBackAsTheyWent) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = open_writer(folder.file("a.db"));
  const std::string zeros("a\0b", 3);
  const SqlParameters parameters = {
      {"null", std::monostate{}}, {"int", INT64_MIN},   {"real", 0.25}, {"text", zeros},
      {"blob", SqlBlob{zeros}},   {"empty", SqlBlob{}}, {"none", ""},   {"unused", "ignored"}};
  const Result<SqlResult> got =
      db->run("SELECT :null, :int, :real, :text, :blob, :empty, :none, :int", parameters);
  ASSERT_TRUE(got) << got.error().text();
  ASSERT_EQ(got->rows(), 1U);
  const SqlRow row = got->row(0);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(row[i], parameters[i].value) << i;
  EXPECT_EQ(row[7], SqlValue(INT64_MIN));
}

TEST(Connection, AnswersCarryNamesAndDeclaredTypes) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  const Result<SqlResult> got = db->run("SELECT id, body AS b, age + 1 FROM people");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->columns, (std::vector<SqlColumn>{{"id", "TEXT"}, {"b", "JSON"}, {"age + 1", ""}}));
}

TEST(Connection, ColumnsFollowAChangedSchema) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  const std::string all = "SELECT * FROM people";
  EXPECT_EQ(db->run(all)->columns.size(), 3U);
  ASSERT_TRUE(db->run("ALTER TABLE people ADD COLUMN more TEXT"));
  const Result<SqlResult> got = db->run(all);
  EXPECT_EQ(got->columns.size(), 4U);
  EXPECT_EQ(got->rows(), 2U);
}

TEST(Connection, ChangesCountsOnlyThisStatement) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  EXPECT_EQ(db->run("UPDATE people SET age = 1")->changes, 2);
  EXPECT_EQ(db->run("SELECT 1")->changes, 0);
  EXPECT_EQ(db->run("DELETE FROM people WHERE id = 'x'")->changes, 0);
  EXPECT_EQ(db->run("DELETE FROM people WHERE id = '1' RETURNING age")->changes, 1);
}

TEST(Connection, AnswersAreBoundedAndTheStatementStaysUsable) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  const std::string all = "SELECT id FROM people";
  const Result<SqlResult> rows = db->run(all, {}, {.rows_max = 1});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, Code::invalid);
  const Result<SqlResult> bytes =
      db->run("SELECT hex(zeroblob(1000))", {}, {.rows_max = 1, .bytes_max = 1000});
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, Code::invalid);
  EXPECT_EQ(db->run(all)->rows(), 2U);
}

TEST(Connection, SyntaxErrorsNameLineAndColumn) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  const Result<Statement> got = db->prepare("SELECT id\n FORM people");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::invalid);
  EXPECT_TRUE(got.error().message.contains("line 2, column 7")) << got.error().message;
  EXPECT_EQ(db->error_offset(), 16);
  const Result<Statement> unknown = db->prepare("SELECT nme FROM people");
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().message.contains("no such column: nme at line 1, column 8"))
      << unknown.error().message;
}

TEST(Connection, TakesOneStatementWithNamedParametersOnly) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  for (const char* sql : {"", " -- nothing", "SELECT 1; SELECT 2", "SELECT 1; x", "SELECT ?",
                          "SELECT ?1", "SELECT @a", "SELECT $a", "SELECT :a::text", "SELECT :1"}) {
    const Result<Statement> got = db->prepare(sql);
    ASSERT_FALSE(got) << sql;
    EXPECT_EQ(got.error().code, Code::invalid) << sql;
  }
  EXPECT_TRUE(db->prepare("SELECT 1; -- done\n ;"));
  const Result<Statement> two = db->prepare("SELECT :b, :a, :b");
  ASSERT_TRUE(two);
  EXPECT_EQ(two->parameters(), (std::vector<std::string>{"b", "a"}));
  EXPECT_TRUE(two->read_only());
}

TEST(Connection, AMissingValueIsNamed) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  const Result<SqlResult> got = db->run("SELECT :a, :b", {{"a", 1}});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().message, "parameter :b has no value");
}

TEST(Connection, StatementsCannotTouchTransactionsOrPragmas) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  ASSERT_TRUE(db->control(Transaction::begin));
  for (const char* sql :
       {"COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT x", "ATTACH 'x.db' AS x",
        "PRAGMA synchronous = OFF", "PRAGMA journal_mode = DELETE", "PRAGMA wal_checkpoint"}) {
    const Result<SqlResult> got = db->run(sql);
    ASSERT_FALSE(got) << sql;
    EXPECT_EQ(got.error().code, Code::invalid) << sql;
  }
  EXPECT_TRUE(db->in_transaction());
  ASSERT_TRUE(db->control(Transaction::commit));
  EXPECT_EQ(db->run("SELECT name FROM pragma_table_info('people')")->rows(), 3U);
}

TEST(Connection, ConstraintsAreConflicts) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  const Result<SqlResult> again = db->run("INSERT INTO people(id) VALUES('1')");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_EQ(again.error().message, "UNIQUE constraint failed: people.id");
  ASSERT_TRUE(db->run("CREATE TABLE strict_one(n INTEGER) STRICT"));
  const Result<SqlResult> type = db->run("INSERT INTO strict_one VALUES('x')");
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().code, Code::invalid);
}

TEST(Connection, AStatementThatRunsTooLongIsInterrupted) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = open_writer(folder.file("a.db"));
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
  db->limit_time(2ms);
  const Result<SqlResult> got = db->run(endless);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::timeout);
  EXPECT_EQ(db->failure(), SqlFailure::interrupted);
  EXPECT_TRUE(db->run("SELECT 1"));
  EXPECT_EQ(db->failure(), SqlFailure::none);
}

TEST(Connection, TheStatementCacheIsBounded) {
  const TestFolder folder;
  ConnectionOptions options = writing;
  options.statements_max = 2;
  const auto db = Connection::open(folder.file("a.db"), options);
  ASSERT_TRUE(db);
  const Statement* first = *(*db)->cached("SELECT 1");
  ASSERT_TRUE((*db)->cached("SELECT 2"));
  EXPECT_EQ(*(*db)->cached("SELECT 1"), first);
  ASSERT_TRUE((*db)->cached("SELECT 3"));  // drops 2, not 1
  EXPECT_EQ(*(*db)->cached("SELECT 1"), first);
}

struct BadFile {
  const char* name;
  Code code;
  const char* text;
};

TEST(Connection, SaysWhatIsWrongWithTheFile) {
  const TestFolder folder;
  folder.write("text.db", std::string(4096, 'x'));
  ASSERT_EQ(mkdir(folder.file("folder.db").c_str(), 0700), 0);
  ASSERT_EQ(mkfifo(folder.file("pipe.db").c_str(), 0600), 0);
  for (const BadFile& bad : {BadFile{"text.db", Code::invalid, "is not an SQLite database"},
                             BadFile{"folder.db", Code::invalid, "is a folder"},
                             BadFile{"pipe.db", Code::invalid, "is no file"},
                             BadFile{"text.db/a.db", Code::invalid, "is a file, not a folder"},
                             BadFile{"none/a.db", Code::not_found, "does not exist; create it"}}) {
    for (const Access access : {Access::read_write, Access::read_only}) {
      const auto got = Connection::open(folder.file(bad.name), {.access = access});
      ASSERT_FALSE(got) << bad.name;
      EXPECT_EQ(got.error().code, bad.code) << bad.name;
      EXPECT_TRUE(got.error().message.contains(bad.text)) << got.error().message;
      EXPECT_TRUE(got.error().message.contains(folder.file(bad.name))) << got.error().message;
    }
  }
  const auto missing = Connection::open(folder.file("missing.db"), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
}

/// Root may write everywhere, so a child without its rights looks.
TEST(Connection, AnUnwritableFolderIsDenied) {
  const TestFolder folder;
  ASSERT_EQ(chmod(folder.file("").c_str(), 0555), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    const auto got = Connection::open(folder.file("a.db"), writing);
    const bool right =
        !got && got.error().code == Code::denied && got.error().message.contains("is not writable");
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(chmod(folder.file("").c_str(), 0755), 0);
  EXPECT_EQ(status, 0);
}

TEST(Connection, AFileThatCannotBeMadeIsNamed) {
  const auto got = Connection::open("/proc/paceline-test.db", writing);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::io);
  EXPECT_TRUE(got.error().message.contains("/proc/paceline-test.db cannot be opened or created"))
      << got.error().message;
}

TEST(Connection, ADamagedDatabaseIsFoundAtTheStart) {
  const TestFolder folder;
  const std::string path = folder.file("a.db");
  {
    const std::unique_ptr<Connection> db = with_people(path);
    ASSERT_TRUE(db->set_pragma("wal_checkpoint(TRUNCATE)"));
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096, '\x5a');
  file.close();
  const auto got = Connection::open(path, writing);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::corrupt);
  EXPECT_TRUE(got.error().message.contains(".recover")) << got.error().message;
}

TEST(Connection, AFullDiskIsExhaustedAndNothingIsLost) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = with_people(folder.file("a.db"));
  ASSERT_TRUE(db->set_pragma("max_page_count = 5"));
  const Result<SqlResult> got =
      db->run("INSERT INTO people(id, body) VALUES('big', 'x' || hex(zeroblob(100000)))");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::exhausted);
  EXPECT_TRUE(got.error().message.contains("disk")) << got.error().message;
  EXPECT_EQ(db->run("SELECT id FROM people")->rows(), 2U);
}

TEST(Connection, WhatWasCommittedSurvivesAKilledProcess) {
  const TestFolder folder;
  const std::string path = folder.file("a.db");
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<Connection> db = with_people(path);
    static_cast<void>(db->control(Transaction::begin));
    static_cast<void>(db->run("DELETE FROM people"));
    _exit(0);  // neither COMMIT nor close
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(open_writer(path)->run("SELECT id FROM people")->rows(), 2U);
}

TEST(Connection, NoticesThatItsFileWasReplaced) {
  const TestFolder folder;
  const std::unique_ptr<Connection> db = open_writer(folder.file("a.db"));
  EXPECT_FALSE(db->moved());
  std::filesystem::rename(folder.file("a.db"), folder.file("b.db"));
  EXPECT_TRUE(db->moved());
}

}  // namespace
}  // namespace paceline
