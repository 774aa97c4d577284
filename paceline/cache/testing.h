// What the tests of this module share: a table of versions in memory of its own.
#pragma once

#include <cstring>
#include <memory>

#include "paceline/cache/versions.h"

namespace paceline {

/// Declared before whatever uses the table.
class VersionsInMemory {
 public:
  VersionsInMemory() : part_(new(std::align_val_t{64}) std::byte[Versions::bytes()]()) {}
  ~VersionsInMemory() { ::operator delete[](part_, std::align_val_t{64}); }
  VersionsInMemory(const VersionsInMemory&) = delete;
  VersionsInMemory& operator=(const VersionsInMemory&) = delete;

  std::span<std::byte> part() const { return {part_, Versions::bytes()}; }
  Versions create() const {
    Result<Versions> made = Versions::create(part());
    check(made.has_value());
    return *made;
  }

 private:
  std::byte* part_;
};

}  // namespace paceline
