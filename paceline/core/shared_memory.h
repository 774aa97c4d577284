// Shared-memory regions: one memfd per purpose, with a magic, an ABI number and a directory of
// named parts, so that processes built at different times can find what both know. Offsets only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core/file.h"
#include "paceline/core/result.h"

namespace paceline {

/// One mapped region. Moves, does not copy; unmaps when destroyed. Parts are zero at creation,
/// aligned to 64 bytes, and never move or shrink while the region lives.
class SharedRegion {
 public:
  struct Part {
    std::string name;       // 1 to 31 bytes, unique in the region
    std::uint32_t abi = 1;  // raised when the layout inside the part changes
    std::size_t bytes = 0;  // at least 1
  };

  /// A new memfd, sealed against resizing. `purpose` is 1 to 31 bytes.
  static Result<SharedRegion> create(std::string_view purpose, std::span<const Part> parts);
  /// Maps what another process created. The bytes are not trusted: a wrong magic, ABI, purpose,
  /// a part outside the mapping, or a memfd that could still shrink is Code::corrupt. The
  /// directory is copied here once, so nobody can move a part later.
  static Result<SharedRegion> attach(Fd fd, std::string_view purpose);

  SharedRegion() = default;
  SharedRegion(SharedRegion&& other) noexcept;
  SharedRegion& operator=(SharedRegion&& other) noexcept;
  ~SharedRegion();

  /// The bytes of a part, or empty if the region has no such part or another ABI of it.
  std::span<std::byte> part(std::string_view name, std::uint32_t abi = 1) const;
  int fd() const { return fd_.get(); }
  std::size_t size() const { return size_; }
  explicit operator bool() const { return base_ != nullptr; }

 private:
  struct Entry {
    std::string name;
    std::uint32_t abi = 0;
    std::span<std::byte> bytes;
  };
  /// Reads the directory of the mapping into directory_, checking everything.
  Result<void> read_directory(std::string_view purpose);

  Fd fd_;
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  std::vector<Entry> directory_;  // a private copy: the shared one is not trusted
};

}  // namespace paceline
