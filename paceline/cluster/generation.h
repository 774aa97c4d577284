// A generation: one program and one configuration, held by descriptors. Every process of it starts
// from these, so that a restart never mixes what changed on disk since.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/cluster/manifest.h"
#include "paceline/core.h"

namespace paceline {

class Generation {
 public:
  /// This very program, and `config_text` in a sealed memfd.
  static Result<Generation> capture(std::uint64_t number, std::string_view config_text);
  std::uint64_t number() const { return number_; }
  int config_fd() const { return config_.get(); }
  /// fork and execveat. The child inherits 0, 1, 2 and what the manifest names, dies with the
  /// calling thread, ignores SIGINT and SIGTERM (the supervisor decides), and shows as `title`. A
  /// program that cannot be executed ends with kExitNoExec.
  Result<pid_t> spawn(const ChildManifest& manifest, const std::string& title) const;
  static constexpr int kExitNoExec = 127;

 private:
  std::uint64_t number_ = 0;
  Fd program_;
  Fd config_;
};

}  // namespace paceline
