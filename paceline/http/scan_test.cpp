#include "paceline/http/scan.h"

#include <gtest/gtest.h>

#include <string>

namespace paceline {
namespace {

/// What the 16-byte steps must agree with.
std::size_t plain_end(std::string_view text, std::size_t from, std::uint8_t wanted) {
  while (from < text.size() && characters::is(text[from], wanted)) ++from;
  return from;
}

TEST(Scan, FindsEveryByteAtEveryPlace) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (std::size_t size = 1; size <= 40; ++size) {
      for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
        std::string text(size, 'a');
        text[place] = static_cast<char>(byte);
        for (std::size_t from = 0; from <= size; from += 3) {
          const char* const begin = text.data();
          const char* const end = begin + size;
          ASSERT_EQ(static_cast<std::size_t>(scan::value_end(begin + from, end, begin) - begin),
                    plain_end(text, from, characters::value))
              << byte << " at " << place << " of " << size << " from " << from;
          ASSERT_EQ(static_cast<std::size_t>(scan::name_end(begin + from, end) - begin),
                    plain_end(text, from, characters::token))
              << byte << " at " << place << " of " << size << " from " << from;
        }
      }
    }
  }
}

}  // namespace
}  // namespace paceline
