#include "paceline/core/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "paceline/core/file.h"

namespace paceline {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  Fd read;
  Fd write;
};

Fd memory() { return Fd(::memfd_create("log", MFD_CLOEXEC)); }

std::string content(const Fd& fd) { return read_all(fd.get()).value(); }

/// Until a write would block; leaves the descriptor's flags as they were.
void fill(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
  const std::string block(4096, '.');
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
  ::fcntl(fd.get(), F_SETFL, flags);
}

LogOptions to(const Fd& fd) {
  LogOptions options;
  options.fd = fd.get();
  options.role = "test";
  return options;
}

std::ptrdiff_t lines(const std::string& text) { return std::ranges::count(text, '\n'); }

TEST(Log, TheDestructorWritesWhatWaits) {
  const Fd fd = memory();
  {
    Log log(to(fd));
    for (int i = 0; i < 500; ++i) log.write(LogLevel::info, "tick", {{"i", std::int64_t{i}}});
    EXPECT_EQ(log.dropped(), 0U);
  }
  const std::string text = content(fd);
  EXPECT_EQ(lines(text), 500);
  EXPECT_NE(text.find(" info test: tick i=0\n"), std::string::npos);
  EXPECT_NE(text.find(" info test: tick i=499\n"), std::string::npos);
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
  const Fd fd = memory();
  {
    LogOptions options = to(fd);
    options.level = LogLevel::warning;
    Log log(options);
    EXPECT_FALSE(log.enabled(LogLevel::info));
    EXPECT_TRUE(log.enabled(LogLevel::error));
    EXPECT_FALSE(log.enabled(LogLevel::off));
    log.write(LogLevel::info, "hidden");
    log.write(LogLevel::error, "shown");
  }
  const std::string text = content(fd);
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(text.find(" error test: shown\n"), std::string::npos);
}

TEST(Log, OffWritesNothing) {
  const Fd fd = memory();
  {
    LogOptions options = to(fd);
    options.level = LogLevel::off;
    Log log(options);
    log.write(LogLevel::error, "hidden");
    log.write(LogLevel::off, "hidden");
  }
  EXPECT_EQ(content(fd), "");
}

TEST(Log, AReaderThatStopsCostsLinesButNeverBlocks) {
  const Pipe pipe;
  fill(pipe.write);
  LogOptions options = to(pipe.write);
  options.queue_max = 16;
  options.flush_limit = 20ms;
  Log log(options);
  for (int i = 0; i < 1000; ++i) log.write(LogLevel::info, "tick");
  // Sixteen wait, one is in the writer's hands.
  EXPECT_GE(log.dropped(), 1000U - 17U);
  EXPECT_EQ(::fcntl(pipe.write.get(), F_GETFL) & O_NONBLOCK, 0);
}  // That the destructor returns is the test.

TEST(Log, ASocketWhoseReaderStopsDoesNotBlockEither) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Fd a(ends[0]);
  const Fd b(ends[1]);
  fill(a);
  LogOptions options = to(a);
  options.queue_max = 16;
  options.flush_limit = 20ms;
  Log log(options);
  for (int i = 0; i < 100; ++i) log.write(LogLevel::info, "tick");
  EXPECT_GE(log.dropped(), 100U - 17U);
}

TEST(Log, AReaderThatComesBackGetsTheNewestLinesAndTheNumberOfLostOnes) {
  const Pipe pipe;
  fill(pipe.write);
  std::string text;
  {
    LogOptions options = to(pipe.write);
    options.queue_max = 16;
    options.flush_limit = 10s;
    auto log = std::make_unique<Log>(options);
    for (int i = 0; i < 1000; ++i) log->write(LogLevel::info, "tick", {{"i", std::int64_t{i}}});
    std::jthread end([&] { log.reset(); });
    std::array<char, 65536> buffer{};
    while (text.find("i=999\n") == std::string::npos) {
      const ssize_t n = ::read(pipe.read.get(), buffer.data(), buffer.size());
      ASSERT_GT(n, 0);
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
  constexpr std::string_view kDropped = "log lines dropped lines=";
  std::int64_t seen = std::ranges::count(text, '\n');
  for (std::size_t at = 0; (at = text.find(kDropped, at)) != std::string::npos;) {
    at += kDropped.size();
    seen += std::stoll(text.substr(at)) - 1;
  }
  EXPECT_EQ(seen, 1000) << "each line arrived, or was counted";
}

TEST(Log, AReaderThatGoesAwayCostsLinesNotTheProcess) {
  Pipe pipe;
  ASSERT_NE(::signal(SIGPIPE, SIG_DFL), SIG_ERR);
  LogOptions options = to(pipe.write);
  Log log(options);
  pipe.read.reset();
  for (int i = 0; i < 10; ++i) log.write(LogLevel::info, "tick");
  while (log.dropped() < 10) std::this_thread::yield();
}

TEST(Log, ABadDescriptorOnlyLosesLines) {
  LogOptions options;
  options.fd = -1;
  Log log(options);
  log.write(LogLevel::error, "tick");
  while (log.dropped() < 1) std::this_thread::yield();
}

TEST(Log, ManyThreadsLoseNothingThatIsNotCounted) {
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  const Fd fd = memory();
  std::uint64_t dropped = 0;
  {
    LogOptions options = to(fd);
    options.queue_max = 256;
    options.json = true;
    options.flush_limit = 10s;
    Log log(options);
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&log, t] {
          for (int i = 0; i < kLines; ++i) {
            log.write(LogLevel::info, "tick", {{"thread", std::int64_t{t}}, {"text", "a b"}});
            if (i % 100 == 0) static_cast<void>(log.dropped());
          }
        });
      }
    }
    dropped = log.dropped();
  }
  std::int64_t ticks = 0;
  const std::string text = content(fd);
  for (std::size_t at = 0; (at = text.find("\"event\":\"tick\"", at)) != std::string::npos; ++at) {
    ++ticks;
  }
  EXPECT_EQ(static_cast<std::uint64_t>(ticks) + dropped, std::uint64_t{kThreads} * kLines);
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    EXPECT_TRUE(std::string_view(text).substr(at).starts_with("{\"time\":\""));
  }
}

TEST(Log, AccessPolicyPicksErrorsAndSamples) {
  AccessPolicy policy;
  EXPECT_TRUE(policy.is_error(500, 1ms));
  EXPECT_TRUE(policy.is_error(200, 501ms));
  EXPECT_FALSE(policy.is_error(404, 500ms));
  EXPECT_FALSE(policy.is_sample(0));
  policy.slow = Duration::zero();
  EXPECT_FALSE(policy.is_error(200, 1h));
  policy.every = 100;
  EXPECT_TRUE(policy.is_sample(200));
  EXPECT_FALSE(policy.is_sample(201));
  policy.errors = false;
  EXPECT_FALSE(policy.is_error(500, 1h));
}

}  // namespace
}  // namespace paceline
