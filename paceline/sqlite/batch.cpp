#include "paceline/sqlite/batch.h"

#include <algorithm>
#include <utility>

namespace paceline {

std::vector<WriteCompletion> Batch::run(std::vector<WriteCommand> commands) {
  std::vector<WriteCompletion> done;
  done.reserve(commands.size());
  for (WriteCommand& command : commands) {
    done.push_back(
        {.id = command.id, .result = SqlResult{}, .invalidates = std::move(command.invalidates)});
  }
  commands_ = commands;
  done_ = done;
  offender_ = SIZE_MAX;
  if (commands.empty() || attempt() == Verdict::settled) return done;
  const std::size_t offender = offender_;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (i == offender) continue;
    commands_ = std::span(commands).subspan(i, 1);
    done_ = std::span(done).subspan(i, 1);
    static_cast<void>(attempt());  // a single command is always settled
  }
  return done;
}

Batch::Verdict Batch::attempt() {
  if (const Result<void> begun = connection_.control(Transaction::begin); !begun) {
    fail_all(begun.error());
    return Verdict::settled;
  }
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    run_one(i);
    if (connection_.in_transaction()) continue;
    // Disk full, an I/O error or an interrupt has rolled everything back.
    offender_ = i;
    return commands_.size() == 1 ? Verdict::settled : Verdict::again_one_by_one;
  }
  const bool useful = std::ranges::any_of(
      done_, [](const WriteCompletion& completion) { return completion.result.has_value(); });
  if (useful) return commit();
  if (const Result<void> undone = connection_.control(Transaction::rollback); !undone) {
    fail_all(undone.error());
  }
  return Verdict::settled;
}

/// A transaction of one needs no savepoint: it is rolled back as a whole.
void Batch::run_one(std::size_t index) {
  const bool shared = commands_.size() > 1;
  WriteCommand& command = commands_[index];
  Result<SqlResult>& result = done_[index].result;
  if (shared) {
    if (Result<void> saved = connection_.control(Transaction::savepoint); !saved) {
      result = std::unexpected(std::move(saved).error());
      return;
    }
  }
  result = run_command(command, done_[index]);
  if (!shared || !connection_.in_transaction()) return;
  const Transaction end = result ? Transaction::release : Transaction::rollback_to;
  if (Result<void> ended = connection_.control(end); !ended) {
    result = std::unexpected(std::move(ended).error());
  }
}

Result<SqlResult> Batch::run_command(WriteCommand& command, WriteCompletion& completion) {
  if (const auto& before = command.precondition) {
    PACELINE_TRY_VALUE(const SqlResult found,
                       connection_.run(before->sql, before->parameters, limits_));
    completion.refused = !before->accept(found, completion.invalidates);
    if (completion.refused) return fail(Code::conflict, "the precondition does not hold");
  }
  return connection_.run(command.sql, command.parameters, limits_);
}

Batch::Verdict Batch::commit() {
  const Result<void> committed = connection_.control(Transaction::commit);
  if (committed) {
    after_commit_(done_);
    return Verdict::settled;
  }
  Error error = committed.error();
  if (connection_.in_transaction()) {
    // Nothing to decide by its result: what cannot be rolled back is not visible either.
    static_cast<void>(connection_.control(Transaction::rollback));
  }
  if (error.code == Code::io) {
    // The commit record may have reached the disk; recovery after a restart would find it.
    error.code = Code::outcome_unknown;
    error.message = "the disk failed during COMMIT: " + error.message;
    fail_all(error);
    after_commit_(done_);
    return Verdict::settled;
  }
  // A deferred constraint, or a disk that is too full for all: find out whose fault it is.
  const bool one_is_guilty = error.code == Code::conflict || error.code == Code::exhausted;
  if (one_is_guilty && commands_.size() > 1) return Verdict::again_one_by_one;
  fail_all(error);
  return Verdict::settled;
}

/// A command that had failed by itself keeps its own error.
void Batch::fail_all(const Error& error) {
  for (WriteCompletion& completion : done_) {
    if (completion.result) completion.result = std::unexpected(error);
  }
}

}  // namespace paceline
