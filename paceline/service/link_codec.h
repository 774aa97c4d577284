// What travels between a worker and the keeper: frames of a length and a payload. Both ends run
// on one host, but a worker may be corrupt: the keeper trusts no byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite.h"

namespace paceline {

/// A row's key that is only known when the row is: the texts of `columns` after `prefix`, each
/// after a NUL. A row without one of them, or where it is no text or integer, has no such key.
struct DerivedKey {
  std::string prefix;
  std::vector<std::string> columns;
  bool operator==(const DerivedKey&) const = default;
};

enum class GuardDemand : std::uint8_t {
  nothing,  // the row only names derived keys
  exists,   // If-Match: *
  absent,   // If-None-Match: *
  one_of,   // If-Match: there is a row, and its rendering has one of the hashes
  none_of,  // If-None-Match: there is no row, or its rendering has none of the hashes
};

/// A read that runs in the write's own transaction, before it: nobody can write in between.
struct WriteGuard {
  std::string sql;
  SqlParameters parameters;
  std::vector<std::string> json;  // columns to render as JSON, as the worker's read does
  GuardDemand demand = GuardDemand::nothing;
  std::vector<std::uint64_t> hashes;
  bool operator==(const WriteGuard&) const = default;
};

/// One write, as a worker asks for it. The keeper knows no resources.
struct KeeperCommand {
  std::string sql;
  SqlParameters parameters;
  std::vector<std::uint64_t> raises;  // KeyHash values, raised after COMMIT
  std::vector<DerivedKey> derived;    // of the guard's row and of the returned row
  std::optional<WriteGuard> guard;
  bool operator==(const KeeperCommand&) const = default;
};

enum class AnswerKind : std::uint8_t {
  done,     // committed: `result`
  refused,  // the guard's demand did not hold; nothing was written
  failed,   // `code` and `message`; nothing was written, unless code is outcome_unknown
};

struct KeeperAnswer {
  AnswerKind kind = AnswerKind::failed;
  SqlResult result = {};
  Code code = Code::internal;
  std::string message = {};
};

/// The largest frame: a body of 1 MiB, its statement, or the row that a statement returned.
inline constexpr std::size_t frame_bytes_max = std::size_t{2} << 20;
/// Length and id come first in every frame.
inline constexpr std::size_t frame_head_bytes = 12;

/// Appends a whole frame. Code::exhausted if it were larger than frame_bytes_max; `out` is as
/// before then.
Result<void> append_command(std::string& out, std::uint64_t id, const KeeperCommand& command);
Result<void> append_answer(std::string& out, std::uint64_t id, const KeeperAnswer& answer);

/// A frame at the start of `bytes`; both views point into them.
struct Frame {
  std::uint64_t id = 0;
  std::string_view payload;
  std::size_t bytes = 0;  // of the whole frame
};
/// nullopt: more bytes are needed. Code::corrupt: a length that cannot be.
Result<std::optional<Frame>> next_frame(std::string_view bytes);

/// Code::corrupt when the payload is anything but exactly one of these.
Result<KeeperCommand> parse_command(std::string_view payload);
Result<KeeperAnswer> parse_answer(std::string_view payload);

}  // namespace paceline
