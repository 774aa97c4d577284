#include "paceline/sqlite/writer.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "paceline/sqlite/test_folder.h"

namespace paceline {
namespace {

const std::vector<Migration> schema = {
    {.number = 1,
     .name = "t",
     .origin = "001-t.sql",
     .sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT NOT NULL)"}};

/// What the loop is in the keeper: takes completions from the writer's thread.
class Inbox {
 public:
  Writer::Deliver deliver() {
    return [this](std::vector<WriteCompletion> done) {
      const std::lock_guard lock(mutex_);
      batches_.push_back(done.size());
      for (WriteCompletion& completion : done) done_.push_back(std::move(completion));
      arrived_.notify_all();
    };
  }
  Batch::AfterCommit after_commit() {
    return [this](std::span<const WriteCompletion> done) {
      const std::lock_guard lock(mutex_);
      for (const WriteCompletion& completion : done) {
        for (const std::string& word : completion.invalidates) raised_.insert(word);
      }
    };
  }
  /// Waits for that many in all; the order is that of the commits.
  std::vector<WriteCompletion>& wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(arrived_.wait_for(lock, 30s, [&] { return done_.size() >= count; }));
    return done_;
  }
  bool raised(const std::string& word) {
    const std::lock_guard lock(mutex_);
    return raised_.contains(word);
  }
  std::vector<std::size_t> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<WriteCompletion> done_;
  std::vector<std::size_t> batches_;
  std::set<std::string> raised_;
};

WriteCommand insert(std::uint64_t id, std::string body = "x") {
  return {.id = id,
          .sql = "INSERT INTO t VALUES(:id, :body)",
          .parameters = {{"id", static_cast<std::int64_t>(id)}, {"body", std::move(body)}},
          .invalidates = {"t" + std::to_string(id)}};
}

std::unique_ptr<Writer> open(const TestFolder& folder, const WriterOptions& options = {}) {
  Result<std::unique_ptr<Writer>> writer = Writer::open(folder.file("a.db"), options, schema);
  EXPECT_TRUE(writer) << writer.error().text();
  return std::move(*writer);
}

std::size_t rows(const TestFolder& folder) {
  const auto db = Connection::open(folder.file("a.db"), {});
  return (*db)->run("SELECT id FROM t", {}, {.rows_max = 1'000'000})->rows();
}

TEST(Writer, ChecksStatementsBeforeItStarts) {
  const TestFolder folder;
  const std::unique_ptr<Writer> writer = open(folder);
  const Result<StatementInfo> info = writer->describe("INSERT INTO t VALUES(:a, :b) RETURNING id");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->parameters, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(info->columns, (std::vector<SqlColumn>{{"id", "INTEGER"}}));
  EXPECT_FALSE(info->read_only);
  const Result<StatementInfo> bad = writer->describe("SELECT nothing FROM t");
  ASSERT_FALSE(bad);
  EXPECT_TRUE(bad.error().message.contains("line 1, column 8")) << bad.error().message;
}

TEST(Writer, ACompletionMeansCommittedAndVersionsRaised) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder);
  writer->start(inbox.after_commit(), inbox.deliver());
  for (std::uint64_t id = 1; id <= 20; ++id) {
    ASSERT_TRUE(writer->submit(insert(id)));
    EXPECT_TRUE(inbox.wait_for(id).back().result);
    EXPECT_TRUE(inbox.raised("t" + std::to_string(id)));
    EXPECT_EQ(rows(folder), id);
  }
}

TEST(Writer, AcknowledgesNothingIntoAFileThatLostItsName) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder);
  writer->start(inbox.after_commit(), inbox.deliver());
  ASSERT_TRUE(writer->submit(insert(1)));
  EXPECT_TRUE(inbox.wait_for(1).back().result);
  std::filesystem::rename(folder.file("a.db"), folder.file("away.db"));
  ASSERT_TRUE(writer->submit(insert(2)));
  EXPECT_EQ(inbox.wait_for(2).back().result.error().code, Code::unavailable);
  EXPECT_EQ(writer->file(), WriterFile::gone);
  EXPECT_EQ(std::filesystem::file_size(folder.file("a.db-wal")), 0U)
      << "a file that takes the place would be given the log of this one";
  std::filesystem::rename(folder.file("away.db"), folder.file("a.db"));
  ASSERT_TRUE(writer->submit(insert(3)));
  EXPECT_TRUE(inbox.wait_for(3).back().result);
  EXPECT_EQ(writer->file(), WriterFile::ours);
  EXPECT_EQ(rows(folder), 2U);
}

TEST(Writer, TellsThatItsFileWasReplaced) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder);
  writer->start(inbox.after_commit(), inbox.deliver());
  std::filesystem::copy_file(folder.file("a.db"), folder.file("b.db"));
  std::filesystem::rename(folder.file("b.db"), folder.file("a.db"));
  ASSERT_TRUE(writer->submit(insert(1)));
  EXPECT_EQ(inbox.wait_for(1).back().result.error().code, Code::unavailable);
  EXPECT_EQ(writer->file(), WriterFile::replaced);
  EXPECT_FALSE(inbox.raised("t1"));
}

TEST(Writer, TakesCommandsFromManyThreadsAndAnswersEachOnce) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder, {.durability = Durability::process});
  writer->start(inbox.after_commit(), inbox.deliver());
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 200; ++i) {
        EXPECT_TRUE(writer->submit(insert(1 + t * 200 + i)));
        static_cast<void>(writer->stats());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> ids;
  for (const WriteCompletion& completion : inbox.wait_for(800)) {
    EXPECT_TRUE(completion.result);
    ids.insert(completion.id);
  }
  EXPECT_EQ(ids.size(), 800U);
  EXPECT_EQ(rows(folder), 800U);
  EXPECT_EQ(writer->stats().commands, 800U);
}

/// Holds the writer's thread inside a delivery, as a slow COMMIT would.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_for_visitor() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  bool waiting_ = false;
};

TEST(Writer, CommitsWhatGatheredInOneBatchAndRefusesWhatIsTooMuch) {
  const TestFolder folder;
  Inbox inbox;
  Gate gate;
  const std::unique_ptr<Writer> writer = open(folder, {.queue_max = 6, .batch_max = 4});
  writer->start([&](std::span<const WriteCompletion>) { gate.wait(); }, inbox.deliver());
  ASSERT_TRUE(writer->submit(insert(1)));
  gate.wait_for_visitor();  // 1 is committed, the thread is held
  for (std::uint64_t id = 2; id <= 7; ++id) ASSERT_TRUE(writer->submit(insert(id)));
  const Result<void> refused = writer->submit(insert(8));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_EQ(writer->stats().refused, 1U);
  EXPECT_EQ(writer->stats().queued, 6U);
  gate.open();
  inbox.wait_for(7);
  EXPECT_EQ(inbox.batches(), (std::vector<std::size_t>{1, 4, 2}));
  EXPECT_EQ(rows(folder), 7U);
}

TEST(Writer, BoundsTheBytesThatWait) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder, {.queue_bytes_max = 10'000});
  const Result<void> refused = writer->submit(insert(1, std::string(10'000, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  writer->start(inbox.after_commit(), inbox.deliver());
  ASSERT_TRUE(writer->submit(insert(1, std::string(5'000, 'x'))));
  inbox.wait_for(1);
  ASSERT_TRUE(writer->submit(insert(2, std::string(5'000, 'x'))));
  inbox.wait_for(2);
}

TEST(Writer, ClosingCommitsWhatIsQueuedAndLeavesNoLog) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder);
  for (std::uint64_t id = 1; id <= 500; ++id) ASSERT_TRUE(writer->submit(insert(id)));
  writer->start(inbox.after_commit(), inbox.deliver());
  writer->close_blocking();
  EXPECT_EQ(inbox.wait_for(500).size(), 500U);
  EXPECT_EQ(writer->submit(insert(501)).error().code, Code::closed);
  writer->close_blocking();
  struct stat log{};
  EXPECT_NE(stat(folder.file("a.db-wal").c_str(), &log), 0);
  EXPECT_EQ(rows(folder), 500U);
}

/// Waits for what the writer's thread does on its own.
bool eventually(const std::function<bool()>& condition) {
  const Time end = Clock::now() + 30s;
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(Writer, CheckpointsWhenIdle) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder, {.checkpoint_idle = 1ms});
  writer->start(inbox.after_commit(), inbox.deliver());
  ASSERT_TRUE(writer->submit(insert(1)));
  inbox.wait_for(1);
  const std::uint64_t before = writer->stats().checkpoints;
  EXPECT_TRUE(eventually([&] { return writer->stats().checkpoints > before; }));
  EXPECT_EQ(writer->stats().checkpoints_stuck, 0U);
}

TEST(Writer, CheckpointsAfterSoManyPagesSoThatTheLogStaysSmall) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(
      folder, {.durability = Durability::process, .checkpoint_pages = 20, .checkpoint_idle = 1h});
  writer->start(inbox.after_commit(), inbox.deliver());
  for (std::uint64_t id = 1; id <= 100; ++id) {
    ASSERT_TRUE(writer->submit(insert(id, std::string(3000, 'x'))));
    inbox.wait_for(id);
  }
  EXPECT_GT(writer->stats().checkpoints, 2U);
  EXPECT_LT(writer->stats().wal_pages, 60U);
  EXPECT_EQ(writer->stats().truncations, 0U);
}

TEST(Writer, EmptiesALargeLogOnceNoReaderHoldsIt) {
  const TestFolder folder;
  Inbox inbox;
  const std::unique_ptr<Writer> writer = open(folder, {.durability = Durability::process,
                                                       .checkpoint_pages = 10,
                                                       .checkpoint_idle = 1h,
                                                       .truncate_bytes = 100'000,
                                                       .truncate_wait = 1ms});
  writer->start(inbox.after_commit(), inbox.deliver());
  std::uint64_t id = 0;
  const auto write = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(writer->submit(insert(++id, std::string(3000, 'x'))));
      inbox.wait_for(id);
    }
  };
  write(1);
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open_v2(folder.file("a.db").c_str(), &reader, SQLITE_OPEN_READONLY, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT * FROM t", nullptr, nullptr, nullptr), SQLITE_OK);
  write(60);
  EXPECT_GT(writer->stats().checkpoints_stuck, 0U);
  EXPECT_EQ(writer->stats().truncations, 0U);
  EXPECT_GT(writer->stats().wal_pages, 50U);
  sqlite3_close(reader);
  write(30);
  EXPECT_GT(writer->stats().truncations, 0U);
  EXPECT_LT(writer->stats().wal_pages, 30U);
}

TEST(Writer, WhatItAcknowledgedSurvivesItsKill) {
  const TestFolder folder;
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const int out = pipe_ends[1];
    auto writer = Writer::open(folder.file("a.db"), {}, schema);
    (*writer)->start([](std::span<const WriteCompletion>) {},
                     [out](const std::vector<WriteCompletion>& done) {
                       for (const WriteCompletion& completion : done) {
                         if (completion.result && write(out, "x", 1) != 1) _exit(1);
                       }
                     });
    for (std::uint64_t id = 1;; ++id) {
      while (!(*writer)->submit(insert(id))) std::this_thread::yield();
    }
  }
  close(pipe_ends[1]);
  std::size_t acknowledged = 0;
  char byte = 0;
  while (acknowledged < 200 && read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
  close(pipe_ends[0]);
  Inbox inbox;
  const std::unique_ptr<Writer> again = open(folder);
  again->start(inbox.after_commit(), inbox.deliver());
  const std::size_t found = rows(folder);
  EXPECT_GE(found, acknowledged);
  ASSERT_TRUE(again->submit(insert(found + 1)));
  EXPECT_TRUE(inbox.wait_for(1).back().result);
}

TEST(Writer, DoesNotStartOnWhatIsNoDatabase) {
  const TestFolder folder;
  folder.write("a.db", std::string(1000, 'x'));
  const auto writer = Writer::open(folder.file("a.db"), {}, schema);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Code::invalid);
  EXPECT_EQ(read_file(folder.file("a.db"))->size(), 1000U);  // untouched
}

}  // namespace
}  // namespace paceline
