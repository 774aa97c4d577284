#include "paceline/monitor/process_stats.h"

#include <dirent.h>
#include <malloc.h>

#include <charconv>

namespace paceline {
namespace {

/// The number at the front of `text`, behind spaces; `text` then begins behind it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// The number of the line that begins with `name`.
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    return take_number(line);
  }
  return {};
}

}  // namespace

std::optional<ProcessMemory> parse_statm(std::string_view text, std::uint64_t page_bytes) {
  const auto size = take_number(text);
  const auto resident = take_number(text);
  const auto mapped = take_number(text);
  if (!size || !resident || !mapped) return {};
  return ProcessMemory{.size = *size * page_bytes,
                       .resident = *resident * page_bytes,
                       .mapped = *mapped * page_bytes};
}

std::optional<DiskBytes> parse_io(std::string_view text) {
  const auto read = number_of(text, "read_bytes:");
  const auto written = number_of(text, "write_bytes:");
  if (!read || !written) return {};
  return DiskBytes{.read = *read, .written = *written};
}

std::optional<std::uint64_t> parse_pss(std::string_view text) {
  const auto kib = number_of(text, "Pss:");
  if (!kib) return {};
  return *kib * 1024;
}

std::optional<std::uint64_t> parse_start_ticks(std::string_view text) {
  // The name in parentheses may hold anything.
  const std::size_t close = text.rfind(')');
  if (close == std::string_view::npos) return {};
  text.remove_prefix(close + 1);
  for (int field = 2; field < 21; ++field) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    text.remove_prefix(std::min(text.find(' '), text.size()));
  }
  return take_number(text);
}

HeapBytes heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return {.total = info.arena + info.hblkhd, .used = info.uordblks + info.hblkhd};
}

std::uint64_t open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count - 1;  // the folder's own
}

}  // namespace paceline
