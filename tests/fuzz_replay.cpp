// Stands in for libFuzzer in ordinary builds: feeds every file of a corpus folder to the fuzz
// target once, so that each input that was ever interesting stays a test.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 1;
  }
  std::error_code error;
  std::size_t replayed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::vector<char> input{std::istreambuf_iterator<char>(file), {}};
    // Printed first, so that after a crash the last line names the input.
    std::printf("%s\n", entry.path().c_str());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    ++replayed;
  }
  if (error || replayed == 0) {
    std::fprintf(stderr, "%s: no input to replay %s\n", argv[1], error.message().c_str());
    return 1;
  }
  std::printf("%zu inputs replayed\n", replayed);
  return 0;
}
