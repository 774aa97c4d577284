// Any bytes: every placeholder lies inside the text, in order, and reads as `:name`.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "paceline/core.h"
#include "paceline/sqlite/parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view sql(reinterpret_cast<const char*>(data), size);
  std::size_t end = 0;
  for (const paceline::SqlPlaceholder& p : paceline::scan_parameters(sql)) {
    paceline::check(p.offset >= end && p.offset < sql.size() && sql[p.offset] == ':');
    paceline::check(!p.name.empty() && sql.substr(p.offset + 1, p.name.size()) == p.name);
    end = p.offset + 1 + p.name.size();
  }
  return 0;
}
