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

template <auto Bits>
void expect_found(std::string_view usual) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool marked = usual.find(c) == std::string_view::npos;
    for (std::size_t size = 16; size <= 40; ++size) {
      for (const std::size_t place : {size / 4, size / 2, size - 1}) {
        std::string text(size, '0');
        text[place] = c;
        for (std::size_t from = 0; from <= size; ++from) {
          const char* const begin = text.data();
          const char* const found = scan::find<Bits>(begin + from, begin + size);
          ASSERT_EQ(static_cast<std::size_t>(found - begin), marked && from <= place ? place : size)
              << byte << " at " << place << " of " << size << " from " << from;
        }
      }
    }
  }
}

TEST(Scan, KnowsTheUsualBytesOfEveryPlace) {
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  expect_found<scan::no_plain_path_bytes>(plain + "/-_");
  expect_found<scan::no_plain_host_bytes>(plain + "-.");
  expect_found<scan::no_digits>("0123456789");
}

}  // namespace
}  // namespace paceline
