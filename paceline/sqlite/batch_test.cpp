#include "paceline/sqlite/batch.h"

#include <signal.h>
#include <sys/resource.h>

#include "paceline/sqlite/test_folder.h"

namespace paceline {
namespace {

struct Database {
  TestFolder folder;
  std::unique_ptr<Connection> db;
  SqlLimits limits;
  std::vector<std::uint64_t> committed;  // ids of the completions that after_commit saw
  Batch::AfterCommit after_commit = [this](std::span<const WriteCompletion> done) {
    for (const WriteCompletion& completion : done) {
      if (completion.result) committed.push_back(completion.id);
    }
    ++commits;
  };
  int commits = 0;

  Database() {
    db = std::move(*Connection::open(folder.file("a.db"), {.access = Access::read_write}));
    EXPECT_TRUE(db->run("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)"));
    EXPECT_TRUE(db->run("CREATE TABLE child(t REFERENCES t DEFERRABLE INITIALLY DEFERRED)"));
  }

  std::vector<WriteCompletion> run(const std::vector<std::string>& statements) {
    std::vector<WriteCommand> commands;
    for (const std::string& sql : statements) {
      commands.push_back({.id = commands.size(), .sql = sql, .parameters = {}, .invalidates = {}});
    }
    Batch batch(*db, limits, after_commit);
    return batch.run(std::move(commands));
  }
  std::size_t rows() const { return db->run("SELECT id FROM t")->rows(); }
};

std::string insert(int id) { return "INSERT INTO t VALUES(" + std::to_string(id) + ", 'x')"; }

TEST(Batch, CommitsOnceAndAnswersEach) {
  Database d;
  const auto done = d.run({insert(1), "INSERT INTO t(body) VALUES('y') RETURNING id, body",
                           "DELETE FROM t WHERE id = 7"});
  ASSERT_EQ(done.size(), 3U);
  EXPECT_EQ(done[0].result->changes, 1);
  EXPECT_EQ(done[1].result->row(0)[0], SqlValue(std::int64_t{2}));
  EXPECT_EQ(done[2].result->changes, 0);
  EXPECT_EQ(d.commits, 1);
  EXPECT_EQ(d.rows(), 2U);
}

TEST(Batch, APreconditionSeesTheCommandsBeforeItAndRefusesOnlyItsOwn) {
  Database d;
  const auto guarded = [](std::string sql, std::size_t rows_wanted) {
    WriteCommand command{
        .id = rows_wanted, .sql = std::move(sql), .parameters = {}, .invalidates = {}};
    command.precondition = WritePrecondition{
        .sql = "SELECT id FROM t WHERE id = :id",
        .parameters = {{"id", std::int64_t{1}}},
        .accept = [rows_wanted](const SqlResult& found, std::vector<std::string>& invalidates) {
          invalidates.push_back("seen");
          return found.rows() == rows_wanted;
        }};
    return command;
  };
  std::vector<WriteCommand> commands;
  commands.push_back(guarded(insert(1), 0));
  commands.push_back(guarded(insert(2), 0));
  commands.push_back(guarded(insert(3), 1));
  Batch batch(*d.db, d.limits, d.after_commit);
  const auto done = batch.run(std::move(commands));
  EXPECT_TRUE(done[0].result && !done[0].refused);
  EXPECT_TRUE(!done[1].result && done[1].refused);
  EXPECT_EQ(done[1].result.error().code, Code::conflict);
  EXPECT_TRUE(done[2].result);
  EXPECT_EQ(done[2].invalidates, std::vector<std::string>{"seen"});
  EXPECT_EQ(d.rows(), 2U);
}

TEST(Batch, AFailingCommandTakesNothingWithIt) {
  Database d;
  d.limits.rows_max = 1;
  const auto done = d.run({insert(1), insert(1), "INSERT OR FAIL INTO t VALUES(2,''),(1,'')",
                           "UPDAT t", insert(3), "INSERT INTO t VALUES(8,''),(9,'') RETURNING id",
                           "INSERT INTO t VALUES(:id, '')"});
  EXPECT_TRUE(done[0].result);
  EXPECT_EQ(done[1].result.error().code, Code::conflict);
  EXPECT_EQ(done[2].result.error().code, Code::conflict);
  EXPECT_EQ(done[3].result.error().code, Code::invalid);
  EXPECT_TRUE(done[4].result);
  EXPECT_EQ(done[5].result.error().code, Code::invalid);
  EXPECT_EQ(done[6].result.error().code, Code::invalid);
  EXPECT_EQ(d.rows(), 2U);  // 1 and 3; not the 2 that OR FAIL keeps
  EXPECT_EQ(d.committed, (std::vector<std::uint64_t>{0, 4}));
}

TEST(Batch, OfFailuresOnlyCommitsNothing) {
  Database d;
  EXPECT_FALSE(d.run({"nonsense"})[0].result);
  EXPECT_FALSE(d.run({"INSERT OR FAIL INTO t VALUES(2,''),(2,'')"})[0].result);
  EXPECT_FALSE(d.run({"nonsense", "more"})[1].result);
  EXPECT_EQ(d.commits, 0);
  EXPECT_EQ(d.rows(), 0U);
  EXPECT_FALSE(d.db->in_transaction());
}

TEST(Batch, ADeferredConstraintFailsOnlyItsOwner) {
  Database d;
  const auto done =
      d.run({insert(1), "INSERT INTO child VALUES(99)", insert(2), "INSERT INTO child VALUES(1)"});
  EXPECT_TRUE(done[0].result);
  ASSERT_FALSE(done[1].result);
  EXPECT_EQ(done[1].result.error().code, Code::conflict);
  EXPECT_TRUE(done[2].result);
  EXPECT_TRUE(done[3].result);
  EXPECT_EQ(d.committed, (std::vector<std::uint64_t>{0, 2, 3}));
  EXPECT_EQ(d.rows(), 2U);
}

TEST(Batch, ARollbackOfAllIsRunAgainWithoutTheOneThatCausedIt) {
  Database d;
  d.db->limit_time(20ms);
  const auto done = d.run({insert(1),
                           "INSERT INTO t(body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                           "SELECT i+1 FROM n) SELECT max(i) FROM n",
                           insert(2), "INSERT OR ROLLBACK INTO t VALUES(2,'')"});
  EXPECT_TRUE(done[0].result);
  EXPECT_EQ(done[1].result.error().code, Code::timeout);
  EXPECT_TRUE(done[2].result);
  EXPECT_EQ(done[3].result.error().code, Code::conflict);
  EXPECT_EQ(d.rows(), 2U);
}

TEST(Batch, ADatabaseThatIsFullRefusesOnlyWhatDoesNotFit) {
  Database d;
  ASSERT_TRUE(d.db->set_pragma("max_page_count = 8"));
  const auto done =
      d.run({insert(1), "INSERT INTO t(body) VALUES('x' || hex(zeroblob(100000)))", insert(2)});
  EXPECT_TRUE(done[0].result);
  ASSERT_FALSE(done[1].result);
  EXPECT_EQ(done[1].result.error().code, Code::exhausted);
  EXPECT_TRUE(done[2].result);
  EXPECT_EQ(d.rows(), 2U);
}

TEST(Batch, AWriteLockHeldElsewhereMakesAllUnavailable) {
  Database d;
  const auto other = Connection::open(d.folder.file("a.db"), {.access = Access::read_write});
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->control(Transaction::begin));
  const auto done = d.run({insert(1), insert(2)});
  EXPECT_EQ(done[0].result.error().code, Code::unavailable);
  EXPECT_EQ(done[1].result.error().code, Code::unavailable);
  ASSERT_TRUE((*other)->control(Transaction::rollback));
  EXPECT_TRUE(d.run({insert(1)})[0].result);
}

/// The disk refuses the log's pages: a file-size limit does that without a special disk.
TEST(Batch, AnIoErrorDuringCommitIsAnUnknownOutcome) {
  Database d;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  const auto done = d.run({insert(1), "nonsense", insert(2)});
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(done[0].result.error().code, Code::outcome_unknown);
  EXPECT_EQ(done[1].result.error().code, Code::invalid);
  EXPECT_EQ(done[2].result.error().code, Code::outcome_unknown);
  EXPECT_EQ(d.commits, 1);  // versions rise: it may have happened
  EXPECT_FALSE(d.db->in_transaction());
  EXPECT_TRUE(d.run({insert(3)})[0].result);
  EXPECT_EQ(d.rows(), 1U);
}

TEST(Batch, CompletionsCarryTheIdAndTheOpaqueWords) {
  Database d;
  std::vector<WriteCommand> commands;
  commands.push_back({.id = 7, .sql = insert(1), .parameters = {}, .invalidates = {"a", "b"}});
  commands.push_back({.id = 9, .sql = "bad", .parameters = {}, .invalidates = {"c"}});
  Batch batch(*d.db, d.limits, d.after_commit);
  const std::vector<WriteCompletion> done = batch.run(std::move(commands));
  EXPECT_EQ(done[0].id, 7U);
  EXPECT_EQ(done[0].invalidates, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(done[1].id, 9U);
  EXPECT_EQ(done[1].invalidates, (std::vector<std::string>{"c"}));
  EXPECT_TRUE(batch.run({}).empty());
}

}  // namespace
}  // namespace paceline
