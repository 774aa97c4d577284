#include "paceline/core/result.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace paceline {

std::string_view to_string(Code code) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "invalid", "not_found",   "conflict",        "denied",  "exhausted", "timeout", "cancelled",
      "closed",  "unavailable", "outcome_unknown", "corrupt", "io",        "internal"};
  return kNames.at(static_cast<std::size_t>(code));
}

std::string Error::text() const {
  if (os == 0) return message;
  std::array<char, 128> buffer{};
  return message + ": " + strerror_r(os, buffer.data(), buffer.size());
}

std::unexpected<Error> fail(Code code, std::string message, std::source_location where) {
  return std::unexpected(Error{code, 0, where, std::move(message)});
}

std::unexpected<Error> fail_errno(std::string message, int os, std::source_location where) {
  Code code = Code::io;
  if (os == EACCES || os == EPERM) code = Code::denied;
  if (os == ENOENT) code = Code::not_found;
  if (os == EADDRINUSE || os == EEXIST) code = Code::conflict;
  if (os == EMFILE || os == ENFILE || os == ENOMEM || os == ENOSPC) code = Code::exhausted;
  if (os == EPIPE || os == ECONNRESET || os == ECONNREFUSED) code = Code::closed;
  if (os == ETIMEDOUT) code = Code::timeout;
  return std::unexpected(Error{code, os, where, std::move(message)});
}

void check_failed(std::string_view message, std::source_location where) {
  // One write, no allocation: the heap may be what is broken.
  std::array<char, 512> line{};
  const int n =
      std::snprintf(line.data(), line.size(), "paceline: bug: %.*s failed at %s:%u in %s\n",
                    static_cast<int>(message.size()), message.data(), where.file_name(),
                    where.line(), where.function_name());
  const auto length = std::min<std::size_t>(static_cast<std::size_t>(n), line.size() - 1);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), length);
  std::abort();
}

}  // namespace paceline
