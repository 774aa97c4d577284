// The command `bench selftest`.
#pragma once

namespace paceline::app {

/// Runs it and answers the exit code: 0; 1 a check failed, or the server did not start; 98 the
/// machine was too busy to say; 105 interrupted.
int selftest();

}  // namespace paceline::app
