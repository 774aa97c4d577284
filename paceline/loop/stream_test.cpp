#include "paceline/loop/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "paceline/loop/scope.h"
#include "paceline/loop/simulation.h"

namespace paceline {
namespace {

class StreamTest : public testing::Test {
 protected:
  RealKernel kernel;
  Loop loop{kernel};
  Fd ends[2];

  void SetUp() override {
    int pair[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    ends[0].reset(pair[0]);
    ends[1].reset(pair[1]);
  }
};

Task<void> write_then_end(Stream& stream, std::string bytes) {
  const Result<void> written = co_await stream.write_all(bytes);
  check(written.has_value());
  ::shutdown(stream.fd(), SHUT_WR);
}

Task<std::string> read_to_end(Stream& stream) {
  std::string all;
  std::vector<char> buffer(10000);
  while (true) {
    const Result<std::size_t> n = co_await stream.read_some(buffer);
    check(n.has_value());
    if (*n == 0) co_return all;
    all.append(buffer.data(), *n);
  }
}

TEST_F(StreamTest, CarriesMoreThanItsBuffersHold) {
  Stream one(loop, std::move(ends[0]));
  Stream two(loop, std::move(ends[1]));
  std::string bytes;
  while (bytes.size() < 3'000'000) bytes += "line " + std::to_string(bytes.size()) + '\n';
  Scope scope(loop);
  scope.spawn(write_then_end(one, bytes));
  EXPECT_EQ(scope.size(), 1U);  // it waits for its reader
  EXPECT_EQ(loop.run_until_done(read_to_end(two)), bytes);
  EXPECT_EQ(scope.size(), 0U);
}

Task<Code> error_of_read(Stream& stream, Deadline deadline) {
  std::array<char, 10> buffer{};
  const Result<std::size_t> n = co_await stream.read_some(buffer, deadline);
  co_return n ? Code::internal : n.error().code;
}

Task<Code> error_of_write(Stream& stream, std::string bytes, Deadline deadline) {
  const Result<void> written = co_await stream.write_all(bytes, deadline);
  co_return written ? Code::internal : written.error().code;
}

TEST_F(StreamTest, ReadsAndWritesEndAtTheirDeadline) {
  Stream one(loop, std::move(ends[0]));
  const Deadline soon = Deadline::after(loop.now(), 5ms);
  EXPECT_EQ(loop.run_until_done(error_of_read(one, soon)), Code::timeout);
  EXPECT_EQ(loop.run_until_done(error_of_write(one, std::string(9'000'000, 'x'), soon)),
            Code::timeout);
}

TEST_F(StreamTest, APeerThatIsGoneIsClosed) {
  Stream one(loop, std::move(ends[0]));
  ends[1].reset();
  EXPECT_EQ(loop.run_until_done(error_of_write(one, "x", {})), Code::closed);
}

Task<std::vector<std::string>> lines(Stream& stream, std::size_t limit) {
  std::vector<std::string> all;
  std::string buffer;
  while (true) {
    const Result<std::size_t> size = co_await stream.read_line(buffer, limit, Deadline::never());
    if (!size) {
      all.push_back(std::string(to_string(size.error().code)));
      co_return all;
    }
    all.push_back(buffer.substr(0, *size));
    buffer.erase(0, *size);
  }
}

TEST_F(StreamTest, ReadsLinesUpToALimit) {
  Stream one(loop, std::move(ends[0]));
  const auto answer = [&](std::string_view sent, std::size_t limit) {
    EXPECT_EQ(::send(ends[1].get(), sent.data(), sent.size(), 0),
              static_cast<ssize_t>(sent.size()));
    return loop.run_until_done(lines(one, limit));
  };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(answer("a\n\n1234\n12345\n6\n", 5), (Lines{"a\n", "\n", "1234\n", "exhausted"}));
  EXPECT_EQ(answer("1234\n123456789", 5), (Lines{"1234\n", "exhausted"}));
  ::shutdown(ends[1].get(), SHUT_WR);
  EXPECT_EQ(loop.run_until_done(lines(one, 5)), (Lines{"closed"}));
}

TEST_F(StreamTest, AWaitingReaderMayBeDestroyedAnyTime) {
  Stream one(loop, std::move(ends[0]));
  Task<Code> waiting = error_of_read(one, Deadline::after(loop.now(), 1ms));
  waiting.start();
  ASSERT_EQ(::send(ends[1].get(), "x", 1, 0), 1);
  waiting.cancel();
  loop.turn(loop.now() + 3ms);
  Task<Code> again = error_of_read(one, Deadline::never());
  EXPECT_EQ(loop.run_until_done(std::move(again)), Code::internal);  // it read the byte
}

// --- Unix sockets -------------------------------------------------------------------------------

class UnixSocketTest : public testing::Test {
 protected:
  std::filesystem::path folder;
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "paceline-stream-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  static mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
  }
};

TEST_F(UnixSocketTest, APathMayBeLongerThanTheAddressHolds) {
  const std::string deep = (folder / std::string(100, 'a') / std::string(100, 'b')).string();
  std::filesystem::create_directories(deep);
  const std::string path = deep + "/control.sock";
  const Result<Fd> listening = listen_unix(path);
  ASSERT_TRUE(listening) << listening.error().text();
  EXPECT_TRUE(std::filesystem::is_socket(path));
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_TRUE(connect_unix(path));
  const Result<Fd> second = listen_unix(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
}

TEST_F(UnixSocketTest, ANameThatFitsNoAddressIsAnError) {
  const Result<Fd> fd = connect_unix((folder / std::string(120, 'x')).string());
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code, Code::invalid);
}

TEST_F(UnixSocketTest, ReplacesAStaleSocketAndNoOther) {
  const std::string path = (folder / "s").string();
  {
    ASSERT_TRUE(listen_unix(path));
  }
  EXPECT_EQ(connect_unix(path).error().os, ECONNREFUSED);
  const Result<Fd> again = listen_unix(path, 1);
  ASSERT_TRUE(again);
  std::vector<Result<Fd>> queued;  // a full queue is a live one
  do queued.push_back(connect_unix(path));
  while (queued.back());
  EXPECT_EQ(queued.back().error().os, EAGAIN);
  EXPECT_EQ(listen_unix(path).error().code, Code::conflict);
}

TEST_F(UnixSocketTest, NeverRemovesAFileThatIsNoSocket) {
  const std::string path = (folder / "data.db").string();
  std::ofstream(path) << "precious";
  EXPECT_EQ(listen_unix(path).error().code, Code::conflict);
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
}

TEST_F(UnixSocketTest, AnAcceptorCallsBackForEachConnection) {
  RealKernel kernel;
  Loop loop(kernel);
  const std::string path = (folder / "s").string();
  const Result<Fd> listening = listen_unix(path);
  ASSERT_TRUE(listening);
  std::vector<Fd> accepted;
  std::vector<Fd> clients;
  ASSERT_EQ(::fcntl(listening->get(), F_SETFL, O_NONBLOCK), 0);
  const Acceptor acceptor(loop, listening->get(),
                          [&](Fd fd) { accepted.push_back(std::move(fd)); });
  for (int i = 0; i < 5; ++i) clients.push_back(connect_unix(path).value());
  while (accepted.size() < 5) loop.turn(loop.now() + 10ms);
  EXPECT_TRUE(::fcntl(accepted[0].get(), F_GETFL) & O_NONBLOCK);
}

TEST(Acceptor, PausesWhileDescriptorsRunOut) {
  SimulatedKernel kernel;
  Loop loop(kernel);
  const int listener = kernel.listen();
  kernel.connect(listener);
  kernel.fail_accept(EMFILE);
  const Acceptor acceptor(loop, listener, [](Fd) {});
  const Time end = loop.now() + 1s;
  while (loop.now() < end) loop.turn(end);
  EXPECT_GE(loop.stats().events, 9U);
  EXPECT_LE(loop.stats().events, 11U);
}

}  // namespace
}  // namespace paceline
