// What the system says about this process. The texts of /proc are parsed apart from reading them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "paceline/core.h"

namespace paceline {

/// /proc/self/statm, in bytes.
struct ProcessMemory {
  std::uint64_t size = 0;      // address space
  std::uint64_t resident = 0;  // rss
  std::uint64_t mapped = 0;    // of resident: files and shared memory
};
std::optional<ProcessMemory> parse_statm(std::string_view text, std::uint64_t page_bytes);

/// /proc/self/io: what storage was made to fetch and to take.
struct DiskBytes {
  std::uint64_t read = 0;
  std::uint64_t written = 0;
};
std::optional<DiskBytes> parse_io(std::string_view text);

/// The Pss line of /proc/self/smaps_rollup, in bytes.
std::optional<std::uint64_t> parse_pss(std::string_view text);

/// The 22nd field of /proc/self/stat: ticks from the host's boot to the process's start.
std::optional<std::uint64_t> parse_start_ticks(std::string_view text);

/// Of malloc. Walks its free lists, with its locks held one after the other: not for a loop.
struct HeapBytes {
  std::uint64_t total = 0;  // taken from the system
  std::uint64_t used = 0;
};
HeapBytes heap_bytes();

/// Open descriptors. Lists a directory with as many entries: not for a loop.
std::uint64_t open_descriptors();

}  // namespace paceline
