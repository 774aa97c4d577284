#include "paceline/service/write_effects.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "paceline/service/contains.h"
#include "paceline/service/render.h"

namespace paceline {
namespace {

// How `invalidates` says it: 'h' and the hash of a key, or 'd' and a derived key in its parts,
// each after its length.
std::string hash_word(std::uint64_t hash) {
  std::string word = "h";
  word.resize(1 + sizeof hash);
  std::memcpy(word.data() + 1, &hash, sizeof hash);
  return word;
}

std::string derived_word(const DerivedKey& derived) {
  std::string word = "d";
  const auto part = [&word](std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    word.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
  };
  part(derived.prefix);
  for (const std::string& column : derived.columns) part(column);
  return word;
}

DerivedKey parse_derived_word(std::string_view word) {
  std::vector<std::string> parts;
  for (word.remove_prefix(1); !word.empty();) {
    std::uint32_t size = 0;
    std::memcpy(&size, word.data(), sizeof size);
    parts.emplace_back(word.substr(sizeof size, size));
    word.remove_prefix(sizeof size + size);
  }
  DerivedKey derived{.prefix = std::move(parts.front()), .columns = {}};
  derived.columns.assign(std::make_move_iterator(parts.begin() + 1),
                         std::make_move_iterator(parts.end()));
  return derived;
}

void raise_rows(Versions& versions, const DerivedKey& derived, const SqlResult& result) {
  for (std::size_t row = 0; row < result.rows(); ++row) {
    if (const auto key = key_of_row(derived, result, row)) versions.raise(versions.hash(*key));
  }
}

/// What the precondition needs; shared, because std::function copies.
struct Guarded {
  WriteGuard guard;
  std::vector<DerivedKey> derived;
  Versions versions;

  bool accept(const SqlResult& found, std::vector<std::string>& invalidates) const {
    for (const DerivedKey& each : derived) {
      for (std::size_t row = 0; row < found.rows(); ++row) {
        const auto key = key_of_row(each, found, row);
        if (key) invalidates.push_back(hash_word(versions.hash(*key).value));
      }
    }
    return guard_holds(guard, found);
  }
};

}  // namespace

std::optional<std::string> key_of_row(const DerivedKey& derived, const SqlResult& result,
                                      std::size_t row) {
  std::string key = derived.prefix;
  for (const std::string& name : derived.columns) {
    const auto column = std::ranges::find(result.columns, name, &SqlColumn::name);
    if (column == result.columns.end()) return std::nullopt;
    const SqlValue& cell = result.row(
        row)[static_cast<std::size_t>(std::ranges::distance(result.columns.begin(), column))];
    key += '\0';
    if (const auto* text = std::get_if<std::string>(&cell)) {
      key += *text;
    } else if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
      key += std::to_string(*integer);
    } else {
      return std::nullopt;
    }
  }
  return key;
}

bool guard_holds(const WriteGuard& guard, const SqlResult& found) {
  const bool exists = found.rows() > 0;
  const auto named = [&] {
    return exists && contains(guard.hashes, body_hash(render_one(found, guard.json)));
  };
  switch (guard.demand) {
    case GuardDemand::nothing:
      return true;
    case GuardDemand::exists:
      return exists;
    case GuardDemand::absent:
      return !exists;
    case GuardDemand::one_of:
      return named();
    case GuardDemand::none_of:
      return !named();
  }
  return false;
}

WriteCommand writer_command(std::uint64_t id, KeeperCommand command, Versions versions) {
  WriteCommand write{.id = id,
                     .sql = std::move(command.sql),
                     .parameters = std::move(command.parameters),
                     .invalidates = {}};
  for (const std::uint64_t hash : command.raises) write.invalidates.push_back(hash_word(hash));
  for (const DerivedKey& derived : command.derived) {
    write.invalidates.push_back(derived_word(derived));
  }
  if (!command.guard) return write;
  auto guarded = std::make_shared<const Guarded>(std::move(*command.guard),
                                                 std::move(command.derived), versions);
  write.precondition = WritePrecondition{
      .sql = guarded->guard.sql,
      .parameters = guarded->guard.parameters,
      .accept = [guarded](const SqlResult& found, std::vector<std::string>& invalidates) {
        return guarded->accept(found, invalidates);
      }};
  return write;
}

void raise_versions(Versions& versions, std::span<const WriteCompletion> done) {
  for (const WriteCompletion& completion : done) {
    const bool unknown =
        !completion.result && completion.result.error().code == Code::outcome_unknown;
    if (!completion.result && !unknown) continue;
    for (const std::string& word : completion.invalidates) {
      if (word.front() == 'h') {
        KeyHash hash;
        std::memcpy(&hash.value, word.data() + 1, sizeof hash.value);
        versions.raise(hash);
      } else if (!unknown) {
        raise_rows(versions, parse_derived_word(word), *completion.result);
      }
    }
    // Which rows it touched is not known either.
    if (unknown) versions.raise_epoch();
  }
}

CommitFault CommitFault::from_environment() {
  constexpr std::string_view kKill = "kill_after_commit:";
  CommitFault fault;
  const char* const value = std::getenv("PACELINE_INTERNAL_FAULT");
  if (value == nullptr || !std::string_view(value).starts_with(kKill)) return fault;
  const auto count = parse_unsigned(std::string_view(value).substr(kKill.size()));
  if (count) fault.left_ = *count;
  return fault;
}

void CommitFault::committed() {
  if (left_ > 0 && --left_ == 0) ::kill(::getpid(), SIGKILL);
}

}  // namespace paceline
