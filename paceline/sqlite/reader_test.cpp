#include "paceline/sqlite/reader.h"

#include <sqlite3.h>

#include "paceline/sqlite/test_folder.h"

namespace paceline {
namespace {

/// Longer than any limit on the loop: about 30 ms for n = 300 000.
const std::string count_to_n =
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :n) "
    "SELECT count(*) FROM c";
const SqlParameters many = {{"n", std::int64_t{300'000}}};
const SqlParameters few = {{"n", std::int64_t{3}}};

struct World {
  TestFolder folder;
  RealKernel kernel;
  Loop loop{kernel};
  OffloadPool pool{loop, {.threads = 2, .queue_max = 4}};
  std::string path = folder.file("a.db");

  std::unique_ptr<Connection> create(const std::string& name = "a.db") const {
    auto db = Connection::open(folder.file(name), {.access = Access::read_write});
    EXPECT_TRUE((*db)->run("CREATE TABLE t(id TEXT PRIMARY KEY, body TEXT)"));
    EXPECT_TRUE((*db)->run("INSERT INTO t VALUES('1', :name)", {{"name", name}}));
    return std::move(*db);
  }
  Result<SqlResult> query(Reader& reader, ReadId id, SqlParameters parameters = {}) {
    return loop.run_until_done(reader.query(id, std::move(parameters)));
  }
};

std::string text(const Result<SqlResult>& result) {
  if (!result) return result.error().text();
  return result->rows() == 0 ? "" : std::get<std::string>(result->row(0)[0]);
}

TEST(Reader, PointReadsNeedNoCoroutineAndNoThread) {
  World w;
  const auto writer = w.create();
  Reader reader(w.loop, w.pool, w.path);
  const ReadId id = reader.add("SELECT body FROM t WHERE id = :id");
  const auto answer = reader.try_inline(id, {{"id", "1"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(text(*answer), "a.db");
  EXPECT_EQ(reader.try_inline(id, {{"id", "2"}})->value().rows(), 0U);
  EXPECT_EQ(reader.stats().on_loop, 2U);
  EXPECT_EQ(reader.stats().opened, 1U);
}

TEST(Reader, SeesEveryCommit) {
  World w;
  const auto writer = w.create();
  Reader reader(w.loop, w.pool, w.path);
  const ReadId id = reader.add("SELECT body FROM t WHERE id = '1'");
  for (int i = 0; i < 50; ++i) {
    const std::string body = std::to_string(i);
    ASSERT_TRUE(writer->run("UPDATE t SET body = :b", {{"b", body}}));
    EXPECT_EQ(text(w.query(reader, id)), body);
  }
}

TEST(Reader, ALongReadIsCutShortAndEndsOnThePool) {
  World w;
  const auto writer = w.create();
  Reader reader(w.loop, w.pool, w.path);
  const ReadId id = reader.add(count_to_n);
  const auto answer = reader.try_inline(id, many);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), Detour::interrupted);
  const Result<SqlResult> result = w.loop.run_until_done(reader.query(id, many, answer.error()));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->row(0)[0], SqlValue(std::int64_t{300'000}));
  EXPECT_EQ(reader.stats().interrupted, 1U);
  EXPECT_EQ(reader.stats().on_pool, 1U);
}

TEST(Reader, WhatIsOftenSlowMovesAndComesBackByATrial) {
  World w;
  const auto writer = w.create();
  Reader reader(w.loop, w.pool, w.path, {.policy = {.trial_pause = 0ns}});
  const ReadId id = reader.add(count_to_n);
  while (reader.policy(id).home() == ReadPlace::loop) {
    ASSERT_TRUE(w.query(reader, id, many));
    ASSERT_LT(reader.stats().interrupted, 20U);
  }
  EXPECT_EQ(reader.stats().moves, 1U);
  ASSERT_TRUE(w.query(reader, id, many));  // the trial is skipped: the mean says slow
  while (reader.policy(id).home() == ReadPlace::pool) {
    ASSERT_TRUE(w.query(reader, id, few));
    ASSERT_LT(reader.stats().on_pool, 1000U);
  }
  EXPECT_GT(reader.stats().trials, 0U);
  EXPECT_TRUE(reader.try_inline(id, few));
}

TEST(Reader, TheDatabaseMayComeLater) {
  World w;
  Reader reader(w.loop, w.pool, w.path, {.reopen_pause = 0ns});
  const ReadId id = reader.add("SELECT body FROM t");
  const Result<SqlResult> missing = w.query(reader, id);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  const auto writer = w.create();
  EXPECT_EQ(text(w.query(reader, id)), "a.db");
}

TEST(Reader, AnOpenThatFailedIsNotRepeatedAtOnce) {
  World w;
  Reader reader(w.loop, w.pool, w.path, {.reopen_pause = 1h});
  const ReadId id = reader.add("SELECT body FROM t");
  EXPECT_FALSE(w.query(reader, id));
  const auto writer = w.create();
  EXPECT_EQ(w.query(reader, id).error().code, Code::not_found);
}

TEST(Reader, FollowsAFileThatWasReplaced) {
  World w;
  Reader reader(w.loop, w.pool, w.path, {.replaced_check = 0ns});
  const ReadId id = reader.add("SELECT body FROM t");
  const ReadId slow = reader.add("SELECT body FROM t, (" + count_to_n + ")");
  w.create();
  EXPECT_EQ(text(w.query(reader, id)), "a.db");
  EXPECT_EQ(text(w.loop.run_until_done(reader.query(slow, few, Detour::slow))), "a.db");
  w.create("b.db");
  for (const char* end : {"-wal", "-shm"}) std::filesystem::remove(w.path + end);
  std::filesystem::rename(w.folder.file("b.db"), w.path);
  EXPECT_EQ(text(w.query(reader, id)), "b.db");
  EXPECT_EQ(text(w.loop.run_until_done(reader.query(slow, few, Detour::slow))), "b.db");
  EXPECT_EQ(reader.stats().opened, 2U);
}

TEST(Reader, ErrorsOfAStatementComeBackFromBothPlaces) {
  World w;
  const auto writer = w.create();
  Reader reader(w.loop, w.pool, w.path);
  const ReadId unknown = reader.add("SELECT nothing FROM t");
  const ReadId writes = reader.add("DELETE FROM t");
  for (const ReadId id : {unknown, writes}) {
    EXPECT_EQ(w.query(reader, id).error().code, Code::invalid);
    EXPECT_EQ(w.loop.run_until_done(reader.query(id, {}, Detour::slow)).error().code,
              Code::invalid);
  }
  EXPECT_EQ(reader.try_inline(reader.add("SELECT :a"), {})->error().message,
            "parameter :a has no value");
}

/// A database without a write-ahead log, locked by somebody: the only way to hold readers off.
class Locked {
 public:
  explicit Locked(const std::string& path) {
    check(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK);
    run("CREATE TABLE t(body); INSERT INTO t VALUES('here'); BEGIN EXCLUSIVE");
  }
  ~Locked() { sqlite3_close(handle_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  void run(const char* sql) {
    check(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }

 private:
  sqlite3* handle_ = nullptr;
};

Task<void> unlock_after(Loop& loop, Locked& lock, Duration pause) {
  co_await loop.sleep(pause);
  lock.run("COMMIT");
}

TEST(Reader, WaitsForALockWithoutHoldingTheLoop) {
  World w;
  Locked lock(w.path);
  lock.run("COMMIT");
  Reader reader(w.loop, w.pool, w.path);
  const ReadId id = reader.add("SELECT body FROM t");
  EXPECT_EQ(text(w.query(reader, id)), "here");
  lock.run("BEGIN EXCLUSIVE");
  Scope scope(w.loop);
  scope.spawn(unlock_after(w.loop, lock, 5ms));
  EXPECT_EQ(text(w.query(reader, id)), "here");
  EXPECT_GT(reader.stats().busy, 0U);
}

TEST(Reader, WaitsForALockMetWhileItOpensTheDatabase) {
  World w;
  Locked lock(w.path);
  Reader reader(w.loop, w.pool, w.path);
  Scope scope(w.loop);
  scope.spawn(unlock_after(w.loop, lock, 5ms));
  EXPECT_EQ(text(w.query(reader, reader.add("SELECT body FROM t"))), "here");
  EXPECT_GT(reader.stats().busy, 0U);
}

TEST(Reader, ALockThatStaysIsUnavailable) {
  World w;
  const Locked lock(w.path);
  Reader reader(w.loop, w.pool, w.path,
                {.pool_busy_timeout = 1ms, .busy_retries = 1, .reopen_pause = 0ns});
  const Result<SqlResult> result = w.query(reader, reader.add("SELECT body FROM t"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::unavailable);
}

TEST(Reader, AFullPoolIsExhausted) {
  World w;
  const auto writer = w.create();
  Reader reader(w.loop, w.pool, w.path);
  const ReadId id = reader.add(count_to_n);
  std::vector<Task<Result<SqlResult>>> queries;
  std::size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    queries.push_back(reader.query(id, many, Detour::slow));
    queries.back().start();
    if (!queries.back().done()) continue;
    const Result<SqlResult> result = queries.back().take();
    EXPECT_EQ(result.error().code, Code::exhausted);
    ++refused;
  }
  EXPECT_GT(refused, 0U);
}

/// Destroyed at each point where a query can wait: for a lock's pause, for the pool.
TEST(Reader, AQueryMayBeCancelledWhereverItWaits) {
  World w;
  Locked lock(w.path);
  lock.run("COMMIT");
  Reader reader(w.loop, w.pool, w.path, {.pool_busy_timeout = 1ms});
  const ReadId id = reader.add("SELECT body FROM t");
  EXPECT_EQ(text(w.query(reader, id)), "here");
  for (const Detour detour : {Detour::busy, Detour::slow}) {
    for (int turns = 0; turns < 3; ++turns) {
      Task<Result<SqlResult>> task = reader.query(id, {}, detour);
      task.start();
      for (int i = 0; i < turns && !task.done(); ++i) w.loop.turn(w.loop.now());
      task.cancel();
    }
  }
  EXPECT_EQ(text(w.query(reader, id)), "here");
}

TEST(Reader, ADamagedDatabaseIsAnErrorAndAGoodOneHeals) {
  World w;
  w.folder.write("a.db", std::string(8192, 'x'));
  Reader reader(w.loop, w.pool, w.path, {.reopen_pause = 0ns});
  const ReadId id = reader.add("SELECT body FROM t");
  EXPECT_EQ(w.query(reader, id).error().code, Code::invalid);
  w.create("b.db");
  std::filesystem::rename(w.folder.file("b.db"), w.path);
  EXPECT_EQ(text(w.query(reader, id)), "b.db");
}

}  // namespace
}  // namespace paceline
