#include "paceline/metrics/stalls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace paceline {
namespace {

using namespace std::chrono;

/// Bytes of a ring, exactly as many: an address sanitizer sees a step outside.
struct Bytes {
  std::unique_ptr<std::uint64_t[]> words{new std::uint64_t[StallRing::bytes() / 8]()};
  std::span<std::byte> span() const {
    return std::as_writable_bytes(std::span(words.get(), StallRing::bytes() / 8));
  }
};

StallRecord example(int number) {
  return {.sequence = 0,
          .pid = 42,
          .began = system_clock::time_point(seconds(number)),
          .duration = milliseconds(100),
          .state = StallRecord::State::ongoing,
          .route = "/data/{id}",
          .site = "slow(int)",
          .stack = "slow(int)\nhandler(Request&)"};
}

TEST(StallRing, WhatIsWrittenIsReadNewestFirst) {
  const Bytes bytes;
  StallRing ring = StallRing::attach(bytes.span()).value();
  EXPECT_TRUE(read_stalls(bytes.span()).empty());
  const std::uint64_t first = ring.begin(example(1));
  ring.begin(example(2));
  ring.update(first, 250ms, StallRecord::State::over);
  const std::vector<StallRecord> read = read_stalls(bytes.span());
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].sequence, first + 1);
  EXPECT_EQ(read[0].began, system_clock::time_point(2s));
  EXPECT_EQ(read[0].duration, 100ms);
  EXPECT_EQ(read[0].state, StallRecord::State::ongoing);
  EXPECT_EQ(read[1].duration, 250ms);
  EXPECT_EQ(read[1].state, StallRecord::State::over);
  EXPECT_EQ(read[1].pid, 42u);
  EXPECT_EQ(read[1].route, "/data/{id}");
  EXPECT_EQ(read[1].site, "slow(int)");
  EXPECT_EQ(read[1].stack, "slow(int)\nhandler(Request&)");
}

TEST(StallRing, TheOldestMakesRoomAndIsNotUpdated) {
  const Bytes bytes;
  StallRing ring = StallRing::attach(bytes.span()).value();
  const std::uint64_t first = ring.begin(example(1));
  for (std::size_t i = 0; i < StallRing::records_max; ++i) ring.begin(example(2));
  ring.update(first, 9s, StallRecord::State::over);
  const std::vector<StallRecord> read = read_stalls(bytes.span());
  ASSERT_EQ(read.size(), StallRing::records_max);
  EXPECT_TRUE(std::ranges::all_of(read, [](const auto& r) { return r.duration == 100ms; }));
}

TEST(StallRing, ASuccessorGoesOn) {
  const Bytes bytes;
  const std::uint64_t first = StallRing::attach(bytes.span())->begin(example(1));
  EXPECT_EQ(StallRing::attach(bytes.span())->begin(example(2)), first + 1);
  EXPECT_EQ(read_stalls(bytes.span()).size(), 2u);
}

TEST(StallRing, LongTextIsCutAndControlsAreGone) {
  const Bytes bytes;
  StallRecord record = example(1);
  record.route = "/\x1b[31m\n" + std::string(100, 'r');
  record.site = std::string(200, 's');
  record.stack = std::string(5000, 'x');
  StallRing::attach(bytes.span())->begin(record);
  const StallRecord read = read_stalls(bytes.span()).at(0);
  EXPECT_EQ(read.route.size(), StallRing::route_max);
  EXPECT_EQ(read.route.substr(0, 6), "/ [31m");
  EXPECT_EQ(read.site.size(), StallRing::site_max);
  EXPECT_EQ(read.stack.size(), StallRing::stack_max);
}

TEST(StallRing, TooFewBytesAreRefusedAndReadAsNone) {
  const Bytes bytes;
  EXPECT_EQ(StallRing::attach(bytes.span().subspan(8)).error().code, Code::invalid);
  EXPECT_TRUE(read_stalls(bytes.span().subspan(8)).empty());
  EXPECT_TRUE(read_stalls(bytes.span()).empty());
}

TEST(StallRing, RandomBytesAreReadWithoutHarm) {
  std::mt19937_64 random(5);
  const Bytes bytes;
  for (int round = 0; round < 200; ++round) {
    StallRing ring = StallRing::attach(bytes.span()).value();
    ring.begin(example(round));
    for (int i = 0; i < 40; ++i) {
      bytes.words[1 + random() % (StallRing::bytes() / 8 - 1)] = random();
    }
    EXPECT_LE(read_stalls(bytes.span()).size(), StallRing::records_max);
  }
}

TEST(StallRingThreads, AStallThatIsUpdatedIsFoundByEveryLook) {
  const Bytes bytes;
  StallRing ring = StallRing::attach(bytes.span()).value();
  const std::uint64_t sequence = ring.begin(example(1));
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (int i = 0; i < 20'000; ++i) {
      ring.update(sequence, milliseconds(i), StallRecord::State::ongoing);
    }
    done = true;
  });
  while (!done) ASSERT_EQ(read_stalls(bytes.span()).size(), 1u);
}

TEST(StallRingThreads, AReaderSeesWholeRecordsWhileOneWrites) {
  const Bytes bytes;
  StallRing ring = StallRing::attach(bytes.span()).value();
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (int i = 0; i < 2000; ++i) {
      StallRecord record = example(i);
      record.site = std::to_string(i);
      record.stack = std::string(300, static_cast<char>('a' + i % 26)) + record.site;
      ring.update(ring.begin(record), milliseconds(i), StallRecord::State::over);
    }
    done = true;
  });
  bool more = true;
  while (more) {
    more = !done;
    for (const StallRecord& record : read_stalls(bytes.span())) {
      const char letter = static_cast<char>('a' + std::stoi(record.site) % 26);
      ASSERT_EQ(record.stack, std::string(300, letter) + record.site);
      ASSERT_EQ(record.began, system_clock::time_point(seconds(std::stoi(record.site))));
    }
  }
}

}  // namespace
}  // namespace paceline
