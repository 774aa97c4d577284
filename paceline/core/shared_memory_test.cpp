#include "paceline/core/shared_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

namespace paceline {
namespace {

using Part = SharedRegion::Part;

Fd copy_of(int fd) { return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

SharedRegion two_parts() {
  const std::array<Part, 2> parts = {Part{"seats", 1, 100}, Part{"epoch", 2, 8}};
  return SharedRegion::create("control", parts).value();
}

TEST(SharedMemory, PartsAreZeroAlignedAndApart) {
  const SharedRegion region = two_parts();
  const auto seats = region.part("seats");
  const auto epoch = region.part("epoch", 2);
  ASSERT_EQ(seats.size(), 100U);
  ASSERT_EQ(epoch.size(), 8U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(epoch.data()) % 64, 0U);
  EXPECT_GE(epoch.data(), seats.data() + seats.size());
  for (const std::byte b : seats) EXPECT_EQ(b, std::byte{0});
}

TEST(SharedMemory, AnUnknownPartOrAnotherAbiIsEmpty) {
  const SharedRegion region = two_parts();
  EXPECT_TRUE(region.part("none").empty());
  EXPECT_TRUE(region.part("epoch", 1).empty());
  EXPECT_TRUE(SharedRegion().part("seats").empty());
}

TEST(SharedMemory, AnotherMappingSeesTheSameBytes) {
  const SharedRegion region = two_parts();
  const SharedRegion other = SharedRegion::attach(copy_of(region.fd()), "control").value();
  EXPECT_NE(region.part("seats").data(), other.part("seats").data());
  region.part("seats")[3] = std::byte{7};
  EXPECT_EQ(other.part("seats")[3], std::byte{7});
  EXPECT_EQ(other.size(), region.size());
}

TEST(SharedMemory, ThreadsOverTwoMappingsCountTogether) {
  const SharedRegion region = two_parts();
  const SharedRegion other = SharedRegion::attach(copy_of(region.fd()), "control").value();
  const auto count = [](const SharedRegion& r) {
    auto* value = reinterpret_cast<std::uint64_t*>(r.part("epoch", 2).data());
    for (int i = 0; i < 10'000; ++i)
      std::atomic_ref(*value).fetch_add(1, std::memory_order_relaxed);
  };
  std::jthread a(count, std::cref(region));
  std::jthread b(count, std::cref(other));
  a.join();
  b.join();
  std::uint64_t total = 0;
  std::memcpy(&total, region.part("epoch", 2).data(), sizeof(total));
  EXPECT_EQ(total, 20'000U);
}

TEST(SharedMemory, TheRegionCannotBeResized) {
  const SharedRegion region = two_parts();
  EXPECT_NE(::ftruncate(region.fd(), 0), 0);
  EXPECT_NE(::ftruncate(region.fd(), 1 << 20), 0);
}

TEST(SharedMemory, AttachRefusesWhatIsNoRegionOfThisPurpose) {
  const SharedRegion region = two_parts();
  EXPECT_EQ(SharedRegion::attach(copy_of(region.fd()), "metrics").error().code, Code::corrupt);
  Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(SharedRegion::attach(std::move(null), "control").error().code, Code::corrupt);
  EXPECT_FALSE(SharedRegion::attach(Fd(), "control"));
  Fd unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(unsealed.get(), 4096), 0);
  EXPECT_EQ(SharedRegion::attach(std::move(unsealed), "control").error().code, Code::corrupt);
}

TEST(SharedMemory, AttachSurvivesEveryDamagedDirectory) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    const SharedRegion region = two_parts();
    auto* base = static_cast<std::byte*>(
        ::mmap(nullptr, region.size(), PROT_READ | PROT_WRITE, MAP_SHARED, region.fd(), 0));
    ASSERT_NE(base, MAP_FAILED);
    for (int i = 0; i < 4; ++i) base[random() % 192] = static_cast<std::byte>(random());
    ::munmap(base, region.size());
    const auto other = SharedRegion::attach(copy_of(region.fd()), "control");
    if (!other) {
      EXPECT_EQ(other.error().code, Code::corrupt);
      continue;
    }
    for (const std::byte b : other->part("seats")) EXPECT_EQ(b, std::byte{0});
  }
}

TEST(SharedMemory, CreateRefusesBadNamesAndSizes) {
  const auto create = [](std::string_view purpose, std::vector<Part> parts) {
    return SharedRegion::create(purpose, parts).has_value();
  };
  EXPECT_TRUE(create(std::string(31, 'p'), {Part{std::string(31, 'n'), 1, 1}}));
  EXPECT_TRUE(create("p", {}));
  EXPECT_FALSE(create("", {}));
  EXPECT_FALSE(create(std::string(32, 'p'), {}));
  EXPECT_FALSE(create("p", {Part{std::string(32, 'n'), 1, 1}}));
  EXPECT_FALSE(create("p", {Part{"", 1, 1}}));
  EXPECT_FALSE(create("p", {Part{"a", 1, 0}}));
  EXPECT_FALSE(create("p", {Part{"a", 1, SIZE_MAX}}));
  EXPECT_FALSE(create("p", {Part{"a", 1, 1}, Part{"a", 1, 1}}));
}

TEST(SharedMemory, MovingKeepsTheMappingAndEmptiesTheSource) {
  SharedRegion first = two_parts();
  const auto* place = first.part("seats").data();
  SharedRegion second = std::move(first);
  EXPECT_EQ(second.part("seats").data(), place);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is the point
  EXPECT_TRUE(first.part("seats").empty());
  second = two_parts();
  EXPECT_TRUE(second);
}

}  // namespace
}  // namespace paceline
