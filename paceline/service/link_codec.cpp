#include "paceline/service/link_codec.h"

#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

namespace paceline {
namespace {

// Counts come before lists, lengths before texts; numbers are in the byte order of the host.
enum class CellKind : std::uint8_t { null, integer, real, text, blob };

class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}

  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const std::size_t at = out_.size();
    out_.resize(at + sizeof value);
    std::memcpy(out_.data() + at, &value, sizeof value);
  }
  void count(std::size_t n) { number(static_cast<std::uint32_t>(n)); }
  void text(std::string_view value) {
    count(value.size());
    out_ += value;
  }
  void texts(const std::vector<std::string>& list) {
    count(list.size());
    for (const std::string& value : list) text(value);
  }
  void cell(const SqlValue& value) {
    number(static_cast<std::uint8_t>(value.index()));
    if (const auto* integer = std::get_if<std::int64_t>(&value)) number(*integer);
    if (const auto* real = std::get_if<double>(&value)) number(*real);
    if (const auto* string = std::get_if<std::string>(&value)) text(*string);
    if (const auto* blob = std::get_if<SqlBlob>(&value)) text(blob->bytes);
  }
  void parameters(const SqlParameters& list) {
    count(list.size());
    for (const SqlParameter& parameter : list) {
      text(parameter.name);
      cell(parameter.value);
    }
  }
  void hashes(const std::vector<std::uint64_t>& list) {
    count(list.size());
    for (const std::uint64_t hash : list) number(hash);
  }

 private:
  std::string& out_;
};

/// Reads what a Packer wrote. After the first mistake everything reads as empty, and ok() is
/// false; so callers check once.
class Unpacker {
 public:
  explicit Unpacker(std::string_view rest) : rest_(rest) {}

  template <class T>
  T number() {
    T value{};
    const std::string_view bytes = take(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  /// A list of things that take at least `each` bytes: never more than what is there.
  std::size_t count(std::size_t each) {
    const std::size_t n = number<std::uint32_t>();
    if (n > rest_.size() / each) ok_ = false;
    return ok_ ? n : 0;
  }
  std::string text() {
    const std::size_t size = number<std::uint32_t>();
    return std::string(take(size));
  }
  std::vector<std::string> texts() {
    std::vector<std::string> list(count(4));
    for (std::string& value : list) value = text();
    return list;
  }
  SqlValue cell() {
    switch (static_cast<CellKind>(number<std::uint8_t>())) {
      case CellKind::null:
        return std::monostate{};
      case CellKind::integer:
        return number<std::int64_t>();
      case CellKind::real:
        return number<double>();
      case CellKind::text:
        return text();
      case CellKind::blob:
        return SqlBlob{text()};
    }
    ok_ = false;
    return std::monostate{};
  }
  SqlParameters parameters() {
    SqlParameters list(count(5));
    for (SqlParameter& parameter : list) {
      parameter.name = text();
      parameter.value = cell();
    }
    return list;
  }
  std::vector<std::uint64_t> hashes() {
    std::vector<std::uint64_t> list(count(8));
    for (std::uint64_t& hash : list) hash = number<std::uint64_t>();
    return list;
  }
  template <class T>
  T choice(T last) {
    const auto value = number<std::uint8_t>();
    if (value > std::to_underlying(last)) ok_ = false;
    return ok_ ? static_cast<T>(value) : T{};
  }
  bool ok() const { return ok_; }
  /// Everything was read and nothing is left.
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view rest_;
  bool ok_ = true;
};

void pack(Packer& packer, const WriteGuard& guard) {
  packer.text(guard.sql);
  packer.parameters(guard.parameters);
  packer.texts(guard.json);
  packer.number(std::to_underlying(guard.demand));
  packer.hashes(guard.hashes);
}

WriteGuard unpack_guard(Unpacker& unpacker) {
  WriteGuard guard;
  guard.sql = unpacker.text();
  guard.parameters = unpacker.parameters();
  guard.json = unpacker.texts();
  guard.demand = unpacker.choice(GuardDemand::none_of);
  guard.hashes = unpacker.hashes();
  return guard;
}

void pack(Packer& packer, const SqlResult& result) {
  packer.number(result.changes);
  packer.count(result.columns.size());
  for (const SqlColumn& column : result.columns) {
    packer.text(column.name);
    packer.text(column.declared_type);
  }
  packer.count(result.cells.size());
  for (const SqlValue& cell : result.cells) packer.cell(cell);
}

SqlResult unpack_result(Unpacker& unpacker, bool& whole_rows) {
  SqlResult result;
  result.changes = unpacker.number<std::int64_t>();
  result.columns.resize(unpacker.count(8));
  for (SqlColumn& column : result.columns) {
    column.name = unpacker.text();
    column.declared_type = unpacker.text();
  }
  const std::size_t columns = result.columns.size();
  result.cells.resize(unpacker.count(1));
  whole_rows = columns == 0 ? result.cells.empty() : result.cells.size() % columns == 0;
  for (SqlValue& cell : result.cells) {
    if (!unpacker.ok()) break;
    cell = unpacker.cell();
  }
  return result;
}

std::size_t begin_frame(std::string& out, std::uint64_t id) {
  const std::size_t at = out.size();
  Packer packer(out);
  packer.count(0);
  packer.number(id);
  return at;
}

Result<void> end_frame(std::string& out, std::size_t at) {
  const std::size_t size = out.size() - at;
  if (size > frame_bytes_max) {
    out.resize(at);
    return fail(Code::exhausted, "a message of " + format_bytes(size) +
                                     " is larger than the link between worker and keeper takes (" +
                                     format_bytes(frame_bytes_max) + ")");
  }
  const auto length = static_cast<std::uint32_t>(size);
  std::memcpy(out.data() + at, &length, sizeof length);
  return {};
}

}  // namespace

Result<void> append_command(std::string& out, std::uint64_t id, const KeeperCommand& command) {
  const std::size_t at = begin_frame(out, id);
  Packer packer(out);
  packer.text(command.sql);
  packer.parameters(command.parameters);
  packer.hashes(command.raises);
  packer.count(command.derived.size());
  for (const DerivedKey& derived : command.derived) {
    packer.text(derived.prefix);
    packer.texts(derived.columns);
  }
  packer.number(static_cast<std::uint8_t>(command.guard.has_value()));
  if (command.guard) pack(packer, *command.guard);
  return end_frame(out, at);
}

Result<void> append_answer(std::string& out, std::uint64_t id, const KeeperAnswer& answer) {
  const std::size_t at = begin_frame(out, id);
  Packer packer(out);
  packer.number(std::to_underlying(answer.kind));
  if (answer.kind == AnswerKind::done) pack(packer, answer.result);
  if (answer.kind == AnswerKind::failed) {
    packer.number(std::to_underlying(answer.code));
    packer.text(answer.message);
  }
  return end_frame(out, at);
}

Result<std::optional<Frame>> next_frame(std::string_view bytes) {
  if (bytes.size() < frame_head_bytes) return std::optional<Frame>{};
  std::uint32_t length = 0;
  Frame frame;
  std::memcpy(&length, bytes.data(), sizeof length);
  std::memcpy(&frame.id, bytes.data() + sizeof length, sizeof frame.id);
  if (length < frame_head_bytes || length > frame_bytes_max) {
    return fail(Code::corrupt, "a frame of " + std::to_string(length) + " bytes on the link");
  }
  if (bytes.size() < length) return std::optional<Frame>{};
  frame.payload = bytes.substr(frame_head_bytes, length - frame_head_bytes);
  frame.bytes = length;
  return std::optional(frame);
}

Result<KeeperCommand> parse_command(std::string_view payload) {
  Unpacker unpacker(payload);
  KeeperCommand command;
  command.sql = unpacker.text();
  command.parameters = unpacker.parameters();
  command.raises = unpacker.hashes();
  command.derived.resize(unpacker.count(8));
  for (DerivedKey& derived : command.derived) {
    derived.prefix = unpacker.text();
    derived.columns = unpacker.texts();
  }
  const auto guarded = unpacker.number<std::uint8_t>();
  if (guarded == 1) command.guard = unpack_guard(unpacker);
  if (!unpacker.complete() || guarded > 1 || command.sql.empty()) {
    return fail(Code::corrupt, "a command on the link that cannot be read");
  }
  return command;
}

Result<KeeperAnswer> parse_answer(std::string_view payload) {
  Unpacker unpacker(payload);
  KeeperAnswer answer;
  bool whole_rows = true;
  answer.kind = unpacker.choice(AnswerKind::failed);
  if (answer.kind == AnswerKind::done) answer.result = unpack_result(unpacker, whole_rows);
  if (answer.kind == AnswerKind::failed) {
    answer.code = unpacker.choice(Code::internal);
    answer.message = unpacker.text();
  }
  if (!unpacker.complete() || !whole_rows) {
    return fail(Code::corrupt, "an answer on the link that cannot be read");
  }
  return answer;
}

}  // namespace paceline
