// Commands that share one transaction. Each has its own savepoint, so a failing one takes
// nothing with it; what ends the transaction as a whole is sorted out one by one. No thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "paceline/core.h"
#include "paceline/sqlite/connection.h"

namespace paceline {

/// A read in the command's own transaction, before it: nobody writes in between.
struct WritePrecondition {
  std::string sql;
  SqlParameters parameters;
  /// On the writer's thread. False: the command is not run. May add to its `invalidates`. Is asked
  /// again when a batch has to be repeated.
  std::function<bool(const SqlResult& found, std::vector<std::string>& invalidates)> accept;
};

/// One write. Owns its bytes.
struct WriteCommand {
  std::uint64_t id = 0;  // the caller's, comes back with the completion
  std::string sql;
  SqlParameters parameters;
  std::vector<std::string> invalidates;  // opaque here, comes back too
  std::optional<WritePrecondition> precondition = std::nullopt;
};

/// Success means committed. Errors: conflict (constraint), invalid (SQL, value), exhausted (disk
/// full, answer too large), timeout, unavailable (locked, not writable, renamed or deleted), io;
/// nothing was written then. outcome_unknown: the disk failed during COMMIT; it may be there after
/// a restart.
struct WriteCompletion {
  std::uint64_t id = 0;
  Result<SqlResult> result;
  std::vector<std::string> invalidates;
  bool refused = false;  // by the precondition; the result is Code::conflict then
};

class Batch {
 public:
  /// Called after each COMMIT that happened or may have happened, before anybody is told.
  using AfterCommit = std::move_only_function<void(std::span<const WriteCompletion>)>;

  /// Borrows all three for its life.
  Batch(Connection& connection, const SqlLimits& limits, AfterCommit& after_commit)
      : connection_(connection), limits_(limits), after_commit_(after_commit) {}

  /// Completions in the order of the commands.
  std::vector<WriteCompletion> run(std::vector<WriteCommand> commands);

 private:
  enum class Verdict : std::uint8_t { settled, again_one_by_one };
  Verdict attempt();
  Verdict commit();
  void run_one(std::size_t index);
  Result<SqlResult> run_command(WriteCommand& command, WriteCompletion& completion);
  void fail_all(const Error& error);

  Connection& connection_;
  const SqlLimits& limits_;
  AfterCommit& after_commit_;
  std::span<WriteCommand> commands_;  // of the transaction that runs
  std::span<WriteCompletion> done_;   // as many
  std::size_t offender_ = SIZE_MAX;   // whose error ended the whole transaction
};

}  // namespace paceline
