// What nearly every request is, read in a few wide steps: a usual method, a path of usual bytes,
// Host, the end. Takes whole lines only; the first line that is anything else is left to
// RequestHeadParser, which reads it with care and names what is wrong.
#pragma once

#include <algorithm>

#include "paceline/http/characters.h"
#include "paceline/http/message.h"
#include "paceline/http/parser.h"
#include "paceline/http/scan.h"
#include "paceline/http/words.h"

namespace paceline {

class QuickHead {
 public:
  /// The size of the head if it was complete and usual. Else 0, and `head` goes on at its start
  /// or at a header line.
  [[gnu::always_inline]] static std::uint32_t parse(std::string_view bytes,
                                                    const ParserLimits& limits, RequestHead& head) {
    const char* const base = bytes.data();
    const std::size_t head_max = std::min<std::size_t>(limits.head_max, 65535);
    const char* const end = base + std::min(bytes.size(), head_max);
    if (end - base < 16) return 0;  // "GET / HTTP/1.1" CRLF; and scan's steps have 16 bytes
    const char* const line = request_line(base, end, limits, head);
    if (line == nullptr) return 0;
    const char* const behind = host(base, line, end, limits, head);
    if (behind != nullptr && words::load32(behind - 2) == words::load32("\r\n\r\n")) [[likely]] {
      head.keep_alive_ = true;
      head.phase_ = RequestHead::Phase::finished;
      return static_cast<std::uint32_t>(behind + 2 - base);
    }
    const char* const at = behind != nullptr ? behind : line;
    head.phase_ = RequestHead::Phase::header_start;
    head.at_ = head.line_ = static_cast<std::uint16_t>(at - base);
    return 0;
  }

 private:
  struct MethodWord {
    std::uint16_t size;  // 0: none of these
    Method method;
  };

  /// Told apart by the first four bytes.
  [[gnu::always_inline]] static MethodWord method(const char* at) {
    const std::uint32_t word = words::load32(at);
    if (word == words::load32("GET ")) [[likely]] {
      return {3, Method::get};
    }
    if (word == words::load32("PUT ")) return {3, Method::put};
    if (word == words::load32("POST") && at[4] == ' ') return {4, Method::post};
    if (word == words::load32("HEAD") && at[4] == ' ') return {4, Method::head};
    if (words::load64(at) << 8 == words::load64("\0DELETE ")) return {6, Method::del};
    return {0, Method::unknown};
  }

  static bool is_line_end(const char* at) { return words::load16(at) == words::load16("\r\n"); }

  static RequestHead::Slice slice(const char* base, const char* from, const char* to) {
    return {static_cast<std::uint16_t>(from - base), static_cast<std::uint16_t>(to - from)};
  }

  /// Behind the line; null when it is not of the usual kind, or not all there with a few bytes
  /// of what follows.
  [[gnu::always_inline]] static const char* request_line(const char* base, const char* end,
                                                         const ParserLimits& limits,
                                                         RequestHead& head) {
    constexpr std::ptrdiff_t behind_path = 11 + 9;  // " HTTP/1.1" CRLF, "Host: a" CRLF
    const MethodWord found = method(base);
    const char* const path = base + found.size + 1;
    if (found.size == 0 || *path != '/') return nullptr;
    const char* const path_end = scan::find<scan::no_plain_path_bytes>(path + 1, end);
    const char* at = path_end;
    if (end - at < behind_path) return nullptr;
    RequestHead::Slice query = slice(base, at, at);
    if (*at == '?') {
      const char* const begin = ++at;
      while (at != end && (characters::is(*at, characters::target) || *at == '?')) ++at;
      if (end - at < behind_path) return nullptr;
      query = slice(base, begin, at);
    }
    if (*at != ' ' || words::load64(at + 1) != words::load64("HTTP/1.1") || !is_line_end(at + 9) ||
        at + 11 - base > limits.line_max) {
      return nullptr;
    }
    head.method_ = found.method;
    head.method_text_ = {0, found.size};
    head.target_ = slice(base, path, at);
    head.path_ = slice(base, path, path_end);
    head.query_ = query;
    return at + 11;
  }

  /// Behind "Host: name" or "Host: name:port", when that is the first header and at least two more
  /// bytes are there; else null. At least 9 bytes are there.
  [[gnu::always_inline]] static const char* host(const char* base, const char* name,
                                                 const char* end, const ParserLimits& limits,
                                                 RequestHead& head) {
    constexpr std::uint32_t fold = 0x20202020u;  // only a capital becomes its small letter
    if ((words::load32(name) | fold) != words::load32("host") ||
        words::load16(name + 4) != words::load16(": ") || limits.headers_max == 0) {
      return nullptr;
    }
    const char* const value = name + 6;
    const char* at = scan::find<scan::no_plain_host_bytes>(value, end);
    if (at == value || end - at < 4) return nullptr;
    if (*at == ':') {
      const unsigned rest = scan::bits_before<scan::no_digits>(at + 1, end);
      const int digits = std::countr_zero(rest | 1u << 5);
      at += 1 + digits;
      // Five digits may be too large a number.
      if (digits == 0 || digits > 4 || end - at < 4) return nullptr;
    }
    if (!is_line_end(at) || at + 2 - name > limits.header_max) return nullptr;
    head.host_seen_ = true;
    head.host_ = slice(base, value, at);
    head.slots_[0] = {static_cast<std::uint16_t>(name - base), 4, head.host_.at, head.host_.size};
    head.count_ = 1;
    return at + 2;
  }
};

}  // namespace paceline
