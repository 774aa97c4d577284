#include "paceline/core/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

namespace paceline {
namespace {

constexpr std::uint64_t kMagic = 0x656e696c65636150;  // "Paceline" in memory
constexpr std::uint32_t kAbi = 1;                     // of the two structures below
constexpr std::size_t kAlign = 64;                    // a cache line: parts never share one
constexpr std::size_t kNameMax = 31;
constexpr std::size_t kPartsMax = 1024;
constexpr std::size_t kRegionMax = std::size_t{1} << 40;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

struct RegionHeader {
  std::uint64_t magic = kMagic;
  std::uint32_t abi = kAbi;
  std::uint32_t parts = 0;
  std::uint64_t bytes = 0;
  std::array<char, kNameMax + 1> purpose{};
  std::array<char, 8> unused{};
};
static_assert(sizeof(RegionHeader) == kAlign);

struct RegionEntry {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t abi = 0;
  std::array<char, kNameMax + 1> name{};
  std::array<char, 12> unused{};
};
static_assert(sizeof(RegionEntry) == kAlign);

using Name = std::array<char, kNameMax + 1>;

std::string_view view(const Name& name) { return {name.data(), strnlen(name.data(), kNameMax)}; }

void copy_name(Name& to, std::string_view from) { from.copy(to.data(), kNameMax); }

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && name.find('\0') == std::string_view::npos;
}

std::size_t align_up(std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

struct Layout {
  RegionHeader header;
  std::vector<RegionEntry> entries;
};

Result<Layout> lay_out(std::string_view purpose, std::span<const SharedRegion::Part> parts) {
  if (!good_name(purpose)) {
    return fail(Code::invalid, "shared region: the purpose must have 1 to 31 bytes");
  }
  if (parts.size() > kPartsMax) return fail(Code::exhausted, "shared region: too many parts");
  Layout layout;
  std::size_t end = sizeof(RegionHeader) + parts.size() * sizeof(RegionEntry);
  for (const SharedRegion::Part& part : parts) {
    for (const RegionEntry& other : layout.entries) {
      if (view(other.name) == part.name) {
        return fail(Code::invalid, "shared region: two parts are named " + part.name);
      }
    }
    if (!good_name(part.name) || part.bytes == 0 || part.bytes > kRegionMax - end) {
      return fail(Code::invalid, "shared region: bad name or size of part " + part.name);
    }
    RegionEntry& entry = layout.entries.emplace_back();
    copy_name(entry.name, part.name);
    entry.abi = part.abi;
    entry.offset = end;
    entry.bytes = part.bytes;
    end = align_up(end + part.bytes);
  }
  copy_name(layout.header.purpose, purpose);
  layout.header.parts = static_cast<std::uint32_t>(parts.size());
  layout.header.bytes = end;
  return layout;
}

Result<std::byte*> map_region(int fd, std::size_t size) {
  void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return fail_errno("map shared region");
  return static_cast<std::byte*>(base);
}

}  // namespace

Result<SharedRegion> SharedRegion::create(std::string_view purpose, std::span<const Part> parts) {
  PACELINE_TRY_VALUE(const Layout layout, lay_out(purpose, parts));
  const std::string name = "paceline-" + std::string(purpose);
  SharedRegion region;
  region.fd_ = Fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!region.fd_) return fail_errno("create shared region " + name);
  if (::ftruncate(region.fd(), static_cast<off_t>(layout.header.bytes)) != 0) {
    return fail_errno("size shared region " + name);
  }
  if (::fcntl(region.fd(), F_ADD_SEALS, kSeals) != 0) {
    return fail_errno("seal shared region " + name);
  }
  PACELINE_TRY_VALUE(region.base_, map_region(region.fd(), layout.header.bytes));
  region.size_ = layout.header.bytes;
  std::memcpy(region.base_, &layout.header, sizeof(RegionHeader));
  if (!layout.entries.empty()) {
    std::memcpy(region.base_ + sizeof(RegionHeader), layout.entries.data(),
                layout.entries.size() * sizeof(RegionEntry));
  }
  PACELINE_TRY(region.read_directory(purpose));
  return region;
}

Result<SharedRegion> SharedRegion::attach(Fd fd, std::string_view purpose) {
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("shared region");
  // Without the seal its owner could shrink it and every access here would be a SIGBUS.
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return fail(Code::corrupt, "shared region: the descriptor is not a sealed memfd");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(RegionHeader)) return fail(Code::corrupt, "shared region: too small");
  SharedRegion region;
  region.fd_ = std::move(fd);
  PACELINE_TRY_VALUE(region.base_, map_region(region.fd(), size));
  region.size_ = size;
  PACELINE_TRY(region.read_directory(purpose));
  return region;
}

Result<void> SharedRegion::read_directory(std::string_view purpose) {
  RegionHeader header;
  std::memcpy(&header, base_, sizeof(header));
  if (header.magic != kMagic) return fail(Code::corrupt, "shared region: wrong magic");
  if (header.abi != kAbi) return fail(Code::corrupt, "shared region: unknown ABI");
  if (view(header.purpose) != purpose) return fail(Code::corrupt, "shared region: wrong purpose");
  if (header.bytes > size_ || header.parts > kPartsMax) {
    return fail(Code::corrupt, "shared region: larger than its mapping");
  }
  const std::size_t first = sizeof(RegionHeader) + header.parts * sizeof(RegionEntry);
  if (first > size_) return fail(Code::corrupt, "shared region: larger than its mapping");
  for (std::size_t i = 0; i < header.parts; ++i) {
    RegionEntry entry;
    std::memcpy(&entry, base_ + sizeof(RegionHeader) + i * sizeof(RegionEntry), sizeof(entry));
    if (entry.offset < first || entry.offset > size_ || entry.bytes > size_ - entry.offset ||
        entry.offset % kAlign != 0) {
      return fail(Code::corrupt, "shared region: a part is outside the mapping");
    }
    directory_.push_back(
        {std::string(view(entry.name)), entry.abi, {base_ + entry.offset, entry.bytes}});
  }
  return {};
}

SharedRegion::SharedRegion(SharedRegion&& other) noexcept { *this = std::move(other); }

SharedRegion& SharedRegion::operator=(SharedRegion&& other) noexcept {
  if (this == &other) return *this;
  if (base_ != nullptr) ::munmap(base_, size_);
  fd_ = std::move(other.fd_);
  base_ = std::exchange(other.base_, nullptr);
  size_ = std::exchange(other.size_, 0);
  directory_ = std::exchange(other.directory_, {});
  return *this;
}

SharedRegion::~SharedRegion() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

std::span<std::byte> SharedRegion::part(std::string_view name, std::uint32_t abi) const {
  for (const Entry& entry : directory_) {
    if (entry.name == name && entry.abi == abi) return entry.bytes;
  }
  return {};
}

}  // namespace paceline
