// What a write does beside the database: which versions rise after its COMMIT, and whether its
// guard lets it happen. Runs on the writer's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/cache.h"
#include "paceline/core.h"
#include "paceline/service/link_codec.h"
#include "paceline/sqlite.h"

namespace paceline {

/// The writer's command: guard as its precondition, versions to raise as its `invalidates`.
WriteCommand writer_command(std::uint64_t id, KeeperCommand command, Versions versions);

/// Raises what a committed command named, the keys of the rows that it returned included. A
/// command whose outcome is unknown counts as committed.
void raise_versions(Versions& versions, std::span<const WriteCompletion> done);

/// The key of one row; nullopt when the row does not have it.
std::optional<std::string> key_of_row(const DerivedKey& derived, const SqlResult& result,
                                      std::size_t row);

/// Does the guard let the write happen?
bool guard_holds(const WriteGuard& guard, const SqlResult& found);

/// Tests only: PACELINE_INTERNAL_FAULT=kill_after_commit:N kills the process with SIGKILL after its
/// N-th COMMIT, before a version rises. 0: never.
class CommitFault {
 public:
  static CommitFault from_environment();
  void committed();

 private:
  std::uint64_t left_ = 0;
};

}  // namespace paceline
