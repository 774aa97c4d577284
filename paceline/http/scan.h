// Finds the end of header names and values, 16 bytes at a time where the processor can (SSE2 is
// part of every x86-64), one at a time elsewhere; the results are the same.
#pragma once

#include <bit>
#include <cstdint>

#include "paceline/http/characters.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace paceline::scan {

#ifdef __SSE2__

inline __m128i load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

/// One bit for each of the 16 bytes that may not stand in a header value.
inline unsigned no_value_bytes(const char* at) {
  const __m128i bytes = load(at);
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
}

inline __m128i equal(__m128i bytes, char wanted) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted));
}

/// Bytes from First to Last, both ASCII: moved to the top of the signed range, one compare finds
/// them.
template <char First, char Last>
__m128i within(__m128i bytes) {
  const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(127 - Last)));
  return _mm_cmpgt_epi8(moved, _mm_set1_epi8(static_cast<char>(126 - (Last - First))));
}

inline __m128i letters(__m128i bytes) {
  return within<'a', 'z'>(_mm_or_si128(bytes, _mm_set1_epi8(0x20)));
}

inline unsigned others(__m128i plain) {
  return static_cast<unsigned>(_mm_movemask_epi8(plain)) ^ 0xffffu;
}

// One bit for each of the 16 bytes that is none of the usual ones of its place. The usual ones
// are all allowed there; of the others, some are.

/// Usual in a header name: letters, digits, '-'.
inline unsigned no_plain_name_bytes(const char* at) {
  const __m128i bytes = load(at);
  return others(
      _mm_or_si128(letters(bytes), _mm_or_si128(within<'0', '9'>(bytes), equal(bytes, '-'))));
}

/// Usual in a path: letters, digits, '/', '-', '_'.
inline unsigned no_plain_path_bytes(const char* at) {
  const __m128i bytes = load(at);
  const __m128i dashes = _mm_or_si128(equal(bytes, '-'), equal(bytes, '_'));
  return others(_mm_or_si128(letters(bytes), _mm_or_si128(within<'/', '9'>(bytes), dashes)));
}

/// Usual in a host: letters, digits, '-', '.'.
inline unsigned no_plain_host_bytes(const char* at) {
  const __m128i bytes = load(at);
  const __m128i rest = _mm_andnot_si128(equal(bytes, '/'), within<'-', '9'>(bytes));
  return others(_mm_or_si128(letters(bytes), rest));
}

inline unsigned no_digits(const char* at) { return others(within<'0', '9'>(load(at))); }

#else

template <class Usual>
unsigned others(const char* at, Usual usual) {
  unsigned bits = 0;
  for (unsigned i = 0; i < 16; ++i) bits |= usual(at[i]) ? 0u : 1u << i;
  return bits;
}

inline bool letter_or_digit(char c) {
  return characters::is(c, characters::unreserved) && c != '-' && c != '.' && c != '_' && c != '~';
}

inline unsigned no_value_bytes(const char* at) {
  return others(at, [](char c) { return characters::is(c, characters::value); });
}
inline unsigned no_plain_name_bytes(const char* at) {
  return others(at, [](char c) { return letter_or_digit(c) || c == '-'; });
}
inline unsigned no_plain_path_bytes(const char* at) {
  return others(at, [](char c) { return letter_or_digit(c) || c == '/' || c == '-' || c == '_'; });
}
inline unsigned no_plain_host_bytes(const char* at) {
  return others(at, [](char c) { return letter_or_digit(c) || c == '-' || c == '.'; });
}
inline unsigned no_digits(const char* at) {
  return others(at, [](char c) { return characters::is(c, characters::digit); });
}

#endif

/// `Bits` of the 16 bytes at `at`, or of the fewer before `end`; the 16 before `end` are readable.
template <auto Bits>
[[gnu::always_inline]] inline unsigned bits_before(const char* at, const char* end) {
  if (end - at >= 16) [[likely]] {
    return Bits(at);
  }
  const char* const last = end - 16;
  return Bits(last) >> (at - last);
}

/// The first byte in [at, end) that `Bits` marks, or `end`; the 16 before `end` are readable. For
/// texts of any length.
template <auto Bits>
[[gnu::always_inline]] inline const char* find_far(const char* at, const char* end) {
  for (; at < end; at += 16) {
    const unsigned bits = bits_before<Bits>(at, end);
    if (bits != 0) return at + std::countr_zero(bits);
  }
  return end;
}
template <auto Bits>
[[gnu::noinline]] const char* find_farther(const char* at, const char* end) {
  return find_far<Bits>(at, end);
}

/// The same for texts that seldom have more than 16 bytes: without a loop, whose set-up costs more
/// than they do.
template <auto Bits>
[[gnu::always_inline]] inline const char* find(const char* at, const char* end) {
  const unsigned bits = bits_before<Bits>(at, end);
  if (bits != 0) [[likely]] {
    return at + std::countr_zero(bits);
  }
  return find_farther<Bits>(at + 16, end);
}

/// The first byte in [at, end) that may not stand in a header value, or `end`. Bytes from
/// `readable` on may be read, too.
inline const char* value_end(const char* at, const char* end,
                             [[maybe_unused]] const char* readable) {
#ifdef __SSE2__
  for (; end - at >= 16; at += 16) {
    const unsigned mask = no_value_bytes(at);
    if (mask != 0) return at + std::countr_zero(mask);
  }
  if (end - readable >= 16) {  // the last 16 bytes, without those before `at`
    const char* const last = end - 16;
    const unsigned mask = no_value_bytes(last) >> (at - last);
    return mask != 0 ? at + std::countr_zero(mask) : end;
  }
#endif
  while (at != end && characters::is(*at, characters::value)) ++at;
  return at;
}

/// The first byte in [at, end) that is not a token byte, or `end`.
inline const char* name_end(const char* at, const char* end) {
#ifdef __SSE2__
  while (end - at >= 16) {
    const unsigned mask = no_plain_name_bytes(at);
    at += mask == 0 ? 16 : std::countr_zero(mask);
    if (mask == 0) continue;
    if (*at == ':') return at;
    break;  // an uncommon byte: look closely
  }
#endif
  while (at != end && characters::is(*at, characters::token)) ++at;
  return at;
}

}  // namespace paceline::scan
