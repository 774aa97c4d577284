// Short texts compared a machine word at a time: header names, path segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace paceline::words {

inline std::uint64_t load64(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline std::uint32_t load32(const char* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline std::uint16_t load16(const char* at) {
  std::uint16_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Compares N-1 bytes at `at` with a literal of lower-case letters, digits and '-'. The bytes must
/// hold no controls: then setting bit 0x20 maps nothing else onto the literal.
template <std::size_t N>
bool is_name(const char* at, const char (&literal)[N]) {
  constexpr std::size_t size = N - 1;
  static_assert(size >= 4 && size <= 24);
  if constexpr (size < 8) {
    constexpr std::uint32_t fold = 0x20202020u;
    return (load32(at) | fold) == load32(literal) &&
           (load32(at + size - 4) | fold) == load32(literal + size - 4);
  } else {
    constexpr std::uint64_t fold = 0x2020202020202020u;
    bool same = (load64(at) | fold) == load64(literal) &&
                (load64(at + size - 8) | fold) == load64(literal + size - 8);
    if constexpr (size > 16) same = same && (load64(at + 8) | fold) == load64(literal + 8);
    return same;
  }
}

/// A word that differs for different texts of the same size up to 8 bytes; of longer ones it
/// covers the first 8.
inline std::uint64_t front_word(std::string_view text) {
  const char* const at = text.data();
  const std::size_t size = text.size();
  if (size >= 8) return load64(at);
  if (size >= 4) {
    return load32(at) | std::uint64_t{load32(at + size - 4)} << 32;
  }
  if (size == 0) return 0;
  const auto byte = [at](std::size_t index) {
    return std::uint64_t{static_cast<unsigned char>(at[index])};
  };
  return byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16;
}

/// Are the `size` bytes the same? Two overlapping words instead of a call for 8 to 16 of them,
/// which most media types have.
inline bool same(const char* a, const char* b, std::size_t size) {
  if (size - 8 <= 8) [[likely]] {
    return load64(a) == load64(b) && load64(a + size - 8) == load64(b + size - 8);
  }
  return size == 0 || std::memcmp(a, b, size) == 0;
}

/// Copies as memcpy() does; short texts as two overlapping words, without a call.
inline char* copy(char* to, const char* from, std::size_t size) {
  if (size - 8 <= 8) {
    const std::uint64_t front = load64(from);
    const std::uint64_t back = load64(from + size - 8);
    std::memcpy(to, &front, sizeof front);
    std::memcpy(to + size - 8, &back, sizeof back);
  } else {
    std::memcpy(to, from, size);
  }
  return to + size;
}

}  // namespace paceline::words
