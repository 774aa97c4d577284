#include "paceline/core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace paceline {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "paceline-file-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_),
                                                  std::filesystem::directory_iterator()));
  }
  std::string folder_;
};

TEST_F(FileTest, WhatWasWrittenIsRead) {
  const std::string path = folder_ + "/a";
  const std::string content(200'000, 'x');
  ASSERT_TRUE(write_file(path, content));
  EXPECT_EQ(read_file(path).value(), content);
  ASSERT_TRUE(write_file(path, ""));
  EXPECT_EQ(read_file(path).value(), "");
  EXPECT_EQ(files(), 1U) << "no temporary file stays";
}

TEST_F(FileTest, AFailedWriteLeavesTheOldFileAndNothingElse) {
  const std::string path = folder_ + "/taken";
  std::filesystem::create_directories(path + "/inside");
  const auto written = write_file(path, "x");
  ASSERT_FALSE(written);
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_EQ(files(), 1U);
}

TEST_F(FileTest, AMissingFileIsNotFoundAndNamed) {
  const auto content = read_file(folder_ + "/none");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Code::not_found);
  EXPECT_NE(content.error().text().find("/none: No such file"), std::string::npos);
}

TEST_F(FileTest, AFileAtTheLimitIsReadAndOneByteMoreIsRefused) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(write_file(path, std::string(100, 'x')));
  EXPECT_EQ(read_file(path, 100).value().size(), 100U);
  const auto content = read_file(path, 99);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Code::exhausted);
}

TEST_F(FileTest, AFolderIsNoFile) { EXPECT_FALSE(read_file(folder_)); }

TEST(File, ReadAllStartsAtTheBeginningWhateverTheOffset) {
  const Fd fd(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(fd.get(), "hello", 5), 5);
  EXPECT_EQ(read_all(fd.get()).value(), "hello");
  EXPECT_EQ(read_all(fd.get()).value(), "hello");
  EXPECT_EQ(read_all(fd.get(), 4).error().code, Code::exhausted);
  EXPECT_EQ(read_all(-1).error().os, EBADF);
}

TEST(File, AnFdClosesOnceAndMoves) {
  Fd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  Fd second = std::move(first);
  EXPECT_EQ(first.get(), -1);  // NOLINT(bugprone-use-after-move): that it is empty is the point
  EXPECT_EQ(second.get(), number);
  second.reset();
  EXPECT_FALSE(second);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace paceline
