#include "paceline/service/keeper_link.h"

#include <gtest/gtest.h>

#include "paceline/service/service_testing.h"

namespace paceline {
namespace {

/// The other end, as far as a test wants it.
class KeeperLinkTest : public testing::Test {
 protected:
  KeeperLinkTest()
      : loop_(kernel_), path_(folder_.file("keeper.sock")), listener_(*listen_unix(path_)) {}

  KeeperCommand command() {
    KeeperCommand command;
    command.sql = "UPDATE t SET a = 1";
    return command;
  }
  /// Accepts one link and greets it.
  Task<std::unique_ptr<Stream>> accept() {
    std::unique_ptr<Stream> stream;
    Event accepted(loop_);
    Acceptor acceptor(loop_, listener_.get(), [&](Fd fd) {
      stream = std::make_unique<Stream>(loop_, std::move(fd));
      accepted.set();
    });
    const bool in_time = co_await accepted.wait(Deadline::after(loop_.now(), 10s));
    check(in_time, "the link connects");
    std::string greeting;
    check(append_answer(greeting, 0, {.kind = AnswerKind::refused}).has_value());
    Result<void> written = co_await stream->write_all(greeting);
    check(written.has_value());
    co_return stream;
  }
  /// The id of the next command.
  Task<std::uint64_t> receive(Stream& stream) {
    std::string input;
    std::array<char, 4096> bytes;
    for (;;) {
      Result<std::size_t> read = co_await stream.read_some(bytes);
      check(read.has_value() && *read > 0);
      input.append(bytes.data(), *read);
      const Result<std::optional<Frame>> frame = next_frame(input);
      if (frame && *frame) co_return (*frame)->id;
    }
  }
  Result<KeeperAnswer> finish(Task<Result<KeeperAnswer>>& task) {
    while (!task.done()) loop_.turn();
    return task.take();
  }

  service_testing::Folder folder_;
  RealKernel kernel_;
  Loop loop_;
  std::string path_;
  Fd listener_;
};

TEST_F(KeeperLinkTest, AnAnswerReachesItsCommand) {
  KeeperLink link(loop_, path_);
  Task<Result<KeeperAnswer>> task = link.execute(command(), Deadline::never());
  task.start();
  const auto stream = loop_.run_until_done(accept());
  const std::uint64_t id = loop_.run_until_done(receive(*stream));
  std::string answer;
  ASSERT_TRUE(append_answer(answer, id, {.kind = AnswerKind::failed, .code = Code::conflict}));
  ASSERT_TRUE(loop_.run_until_done(stream->write_all(answer)));
  const Result<KeeperAnswer> result = finish(task);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, Code::conflict);
  EXPECT_EQ(link.in_flight(), 0u);
}

TEST_F(KeeperLinkTest, ALinkThatBreaksAfterSendingLeavesTheOutcomeUnknown) {
  KeeperLink link(loop_, path_);
  Task<Result<KeeperAnswer>> task = link.execute(command(), Deadline::never());
  task.start();
  {
    const auto stream = loop_.run_until_done(accept());
    loop_.run_until_done(receive(*stream));
  }
  EXPECT_EQ(finish(task).error().code, Code::outcome_unknown);
  const auto again = loop_.run_until_done(accept());
  while (!link.connected()) loop_.turn();
  EXPECT_EQ(link.in_flight(), 0u) << "it is not sent a second time";
}

TEST_F(KeeperLinkTest, NothingIsSentToAKeeperThatDoesNotGreet) {
  KeeperLink link(loop_, path_, {.link_wait_max = 20ms});
  Task<Result<KeeperAnswer>> task = link.execute(command(), Deadline::never());
  task.start();
  EXPECT_EQ(finish(task).error().code, Code::unavailable);
  EXPECT_EQ(link.in_flight(), 0u);
}

TEST_F(KeeperLinkTest, WithoutASocketEveryCommandIsUnavailableAtOnce) {
  KeeperLink link(loop_, folder_.file("nobody.sock"));
  Task<Result<KeeperAnswer>> task = link.execute(command(), Deadline::never());
  task.start();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(task.take().error().code, Code::unavailable);
}

TEST_F(KeeperLinkTest, ASilentKeeperLeavesTheOutcomeUnknownAfterItsTime) {
  KeeperLink link(loop_, path_, {.command_time_max = 50ms, .link_wait_max = 50ms});
  Task<Result<KeeperAnswer>> task = link.execute(command(), Deadline::never());
  task.start();
  const auto stream = loop_.run_until_done(accept());
  const Result<KeeperAnswer> result = finish(task);
  EXPECT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::outcome_unknown);
  EXPECT_EQ(link.stats().outcome_unknown, 1u);
}

TEST_F(KeeperLinkTest, CancellingTheCallerDoesNotCancelWhatWasSent) {
  KeeperLink link(loop_, path_);
  Task<Result<KeeperAnswer>> task = link.execute(command(), Deadline::never());
  task.start();
  const auto stream = loop_.run_until_done(accept());
  const std::uint64_t id = loop_.run_until_done(receive(*stream));
  task.cancel();
  std::string answer;
  ASSERT_TRUE(append_answer(answer, id, {.kind = AnswerKind::done}));
  ASSERT_TRUE(loop_.run_until_done(stream->write_all(answer)));
  while (link.in_flight() > 0) loop_.turn();
  EXPECT_EQ(link.stats().answered, 1u);
}

TEST_F(KeeperLinkTest, MoreThanTheLimitIsRefused) {
  KeeperLink link(loop_, path_, {.in_flight_max = 1});
  Task<Result<KeeperAnswer>> first = link.execute(command(), Deadline::never());
  first.start();
  Task<Result<KeeperAnswer>> second = link.execute(command(), Deadline::never());
  second.start();
  EXPECT_EQ(finish(second).error().code, Code::exhausted);
}

}  // namespace
}  // namespace paceline
