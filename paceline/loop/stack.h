// The stack of a thread that is stuck: its top is copied by a signal handler, which only reads and
// stores, and unwound and named later by the thread that asked.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>  // NOLINT: siginfo_t is of POSIX

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// The innermost part of a stack, with the registers that unwinding starts from.
struct StackCopy {
  static constexpr std::size_t words_max = (32 << 10) / 8;
  std::array<std::uint64_t, 17> registers{};  // in DWARF's order for x86-64; the last is rip
  std::uint64_t from = 0;                     // the address of the first word
  std::size_t count = 0;
  std::array<std::uint64_t, words_max> words{};
};

/// Copies the stack of the thread that built it, at the request of another thread. Destroyed on the
/// thread that built it. One request at a time.
class StackTaker {
 public:
  StackTaker();
  StackTaker(const StackTaker&) = delete;
  StackTaker& operator=(const StackTaker&) = delete;
  ~StackTaker();
  /// Null if the thread did not answer in time: it does not run, or sits in the kernel for good.
  /// Valid until the next call.
  const StackCopy* take(Duration patience);

 private:
  static void handle(int signal, siginfo_t* info, void* context);
  enum class State : std::uint8_t { idle, asked };
  pthread_t thread_;
  std::uint64_t high_ = 0;  // the end of the thread's stack
  sem_t taken_{};
  std::atomic<State> state_ = State::idle;
  StackCopy copy_;
};

struct StackFrame {
  std::string function;  // demangled, without parameters; or "libc.so.6+0x1234"
  std::string place;     // "paceline/http/server.cpp:42", or empty
  enum class Part : std::uint8_t { program, library } part = Part::library;
};

/// The innermost first; at most `frames_max`. Reads the debug information of the program and its
/// libraries, some milliseconds each time: nothing of it is kept.
std::vector<StackFrame> unwind(const StackCopy& copy, std::size_t frames_max);

}  // namespace paceline
