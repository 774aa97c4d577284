#include "paceline/sqlite/value.h"

namespace paceline {

std::size_t size_bytes(const SqlValue& value) {
  std::size_t bytes = sizeof(SqlValue);
  if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
  if (const auto* blob = std::get_if<SqlBlob>(&value)) bytes += blob->bytes.size();
  return bytes;
}

std::size_t size_bytes(const SqlParameters& parameters) {
  std::size_t bytes = 0;
  for (const SqlParameter& p : parameters) bytes += p.name.size() + size_bytes(p.value);
  return bytes;
}

}  // namespace paceline
