// The newest stalls of one process's loop, in shared memory: written by the process itself, by a
// thread beside the stuck one, and read by whoever shows them while the loop is still stuck.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "paceline/core.h"

namespace paceline {

/// One time that a loop's turn took longer than its threshold.
struct StallRecord {
  std::uint64_t sequence = 0;  // 1, 2, …; goes on over all processes of a seat
  std::uint64_t pid = 0;       // who stalled: what goes on of a dead one has ended
  std::chrono::system_clock::time_point began;
  Duration duration{0};  // so far, while it goes on
  enum class State : std::uint8_t { ongoing, over } state = State::ongoing;
  std::string route;  // what the loop was doing: "/data/{id}", or empty
  std::string site;   // the innermost function of the program, or empty
  std::string stack;  // a frame a line, the innermost first; empty when none was taken
};

/// The writing side; one thread at a time. Text that is too long is cut.
class StallRing {
 public:
  static constexpr std::size_t records_max = 16;
  static constexpr std::size_t route_max = 64;
  static constexpr std::size_t site_max = 128;
  static constexpr std::size_t stack_max = 1536;

  /// What one ring needs: 28 KiB.
  static std::size_t bytes();
  /// Goes on behind the seat's former process, or begins anew if the bytes are no sound ring.
  /// `bytes` is borrowed, aligned to 8, and bytes() long, else Code::invalid.
  static Result<StallRing> attach(std::span<std::byte> bytes);

  /// A new record in place of the oldest; answers its sequence. record.sequence is ignored.
  std::uint64_t begin(const StallRecord& record);
  /// What is known of it by now; nothing if the record was overwritten.
  void update(std::uint64_t sequence, Duration duration, StallRecord::State state);

 private:
  using Word = std::atomic<std::uint64_t>;
  explicit StallRing(std::span<Word> words) : words_(words) {}
  std::span<Word> record(std::uint64_t sequence) const;
  std::span<Word> words_;
};

/// The newest first; at most StallRing::records_max. The bytes are not trusted: what is not sound,
/// or is just being written, is left out.
std::vector<StallRecord> read_stalls(std::span<const std::byte> bytes);

}  // namespace paceline
