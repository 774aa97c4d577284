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

/// One bit for each of the 16 bytes that may not stand in a header value.
inline unsigned no_value_bytes(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(
      _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
}

/// One bit for each of the 16 bytes that is no letter, digit or '-'; other token bytes are rare.
inline unsigned no_plain_name_bytes(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
  const auto within = [](__m128i text, char first, char last) {
    return _mm_and_si128(_mm_cmpgt_epi8(text, _mm_set1_epi8(static_cast<char>(first - 1))),
                         _mm_cmplt_epi8(text, _mm_set1_epi8(static_cast<char>(last + 1))));
  };
  const __m128i letter = within(folded, 'a', 'z');
  const __m128i digit = within(bytes, '0', '9');
  const __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
  const __m128i plain = _mm_or_si128(_mm_or_si128(letter, digit), dash);
  return static_cast<unsigned>(_mm_movemask_epi8(plain)) ^ 0xffffu;
}

#endif

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
