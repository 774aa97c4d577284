// Any bytes as a frame, a command and an answer; what can be read is written back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/service/link_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paceline;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto frame = next_frame(bytes); frame && *frame) {
    check((*frame)->bytes <= size, "a frame within its bytes");
  }
  if (const Result<KeeperCommand> command = parse_command(bytes)) {
    std::string again;
    check(append_command(again, 1, *command).has_value(), "what was read can be written");
    check(again.size() == size + frame_head_bytes, "as many bytes");
  }
  if (const Result<KeeperAnswer> answer = parse_answer(bytes)) {
    std::string again;
    check(append_answer(again, 1, *answer).has_value(), "what was read can be written");
  }
  return 0;
}
