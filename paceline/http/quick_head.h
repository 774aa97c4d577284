// What nearly every request is, read in a few wide steps: a usual method, a path of usual bytes,
// Host, headers. Takes whole lines only; a line that is anything else is left to
// RequestHeadParser, which reads it with care and names what is wrong.
#pragma once

#include <algorithm>
#include <cstring>

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
    const char* const end = base + std::min(bytes.size(), head_max(limits));
    if (end - base < 16) return 0;  // "GET / HTTP/1.1" CRLF; and scan's steps have 16 bytes
    const char* at = request_line(base, end, limits, head);
    if (at == nullptr) return 0;
    if (const char* const behind = host(base, at, end, limits, head, 0)) {
      at = behind;
      if (words::load32(at - 2) == words::load32("\r\n\r\n")) [[likely]] {
        head.keep_alive_ = true;
        head.phase_ = RequestHead::Phase::finished;
        return static_cast<std::uint32_t>(at + 2 - base);
      }
    }
    head.phase_ = RequestHead::Phase::header_start;
    at = lines(bytes, at, limits, head);
    if (end - at < 2 || !is_line_end(at) || limits.header_max < 2 || !head.host_seen_) return 0;
    head.keep_alive_ = true;
    head.phase_ = RequestHead::Phase::finished;
    return static_cast<std::uint32_t>(at + 2 - base);
  }

  /// Takes whole header lines of the usual form from `at` on, up to the first that is another, or
  /// whose meaning can be wrong (framing). Behind the last one, where `head` goes on.
  [[gnu::noinline]] static const char* lines(std::string_view bytes, const char* at,
                                             const ParserLimits& limits, RequestHead& head) {
    const char* const base = bytes.data();
    const char* const end = base + std::min(bytes.size(), head_max(limits));
    const std::uint32_t headers_max =
        std::min<std::uint32_t>(limits.headers_max, RequestHead::headers_max);
    if (end - base >= 16) {
      while (head.count_ < headers_max) {
        const char* const next = header(base, at, end, limits, head);
        if (next == nullptr) break;
        at = next;
      }
    }
    head.at_ = head.line_ = static_cast<std::uint16_t>(at - base);
    return at;
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

  static std::size_t head_max(const ParserLimits& limits) {
    return std::min<std::size_t>(limits.head_max, 65535);
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

  /// Behind the header line at `name`; null when it is left.
  [[gnu::always_inline]] static const char* header(const char* base, const char* name,
                                                   const char* end, const ParserLimits& limits,
                                                   RequestHead& head) {
    const char* const colon = scan::find<scan::no_plain_name_bytes>(name, end);
    if (end - colon < 4 || *colon != ':' || colon == name) return nullptr;
    const auto name_size = static_cast<std::uint16_t>(colon - name);
    const char* const value = colon + (colon[1] == ' ' ? 2 : 1);
    const char* const value_end = scan::find_far<scan::no_value_bytes>(value, end);
    if (end - value_end < 2 || !is_line_end(value_end) ||
        value_end + 2 - name > limits.header_max) {
      return nullptr;
    }
    if (value != value_end && (is_blank(*value) || is_blank(value_end[-1]))) return nullptr;
    const auto value_size = static_cast<std::size_t>(value_end - value);
    switch (name_size) {
      case 4:
        if (!words::is_name(name, "host")) break;
        if (head.host_seen_ || head.absolute_) return nullptr;
        return end - name < 9 ? nullptr : host(base, name, end, limits, head, head.count_);
      case 6:
        if (words::is_name(name, "expect")) return nullptr;
        if (words::is_name(name, "accept")) note(head, KnownHeader::accept);
        break;
      case 8:
        if (words::is_name(name, "if-match")) note(head, KnownHeader::if_match);
        break;
      case 10:
        if (words::is_name(name, "connection")) {
          if (value_size != 10 || !words::is_name(value, "keep-alive")) return nullptr;
          head.asks_keep_alive_ = true;
        }
        break;
      case 12:
        if (words::is_name(name, "content-type")) note(head, KnownHeader::content_type);
        if (words::is_name(name, "x-request-id")) note(head, KnownHeader::request_id);
        break;
      case 13:
        if (words::is_name(name, "if-none-match")) note(head, KnownHeader::if_none_match);
        if (words::is_name(name, "cache-control")) note(head, KnownHeader::cache_control);
        break;
      case 14:
        if (words::is_name(name, "content-length")) return nullptr;
        break;
      case 17:
        if (words::is_name(name, "transfer-encoding")) return nullptr;
        break;
      default:
        break;
    }
    const RequestHead::Slice slot = slice(base, value, value_end);
    head.slots_[head.count_++] = {static_cast<std::uint16_t>(name - base), name_size, slot.at,
                                  slot.size};
    return value_end + 2;
  }

  static bool is_blank(char c) { return c == ' ' || c == '\t'; }

  static void note(RequestHead& head, KnownHeader kind) {
    std::uint8_t& place = head.known_[static_cast<std::size_t>(kind)];
    if (place == 0) place = static_cast<std::uint8_t>(head.count_ + 1);
  }

  /// Behind "Host: name" or "Host: name:port", the header number `index` and the first of its
  /// name, when at least two more bytes are there; else null. At least 9 bytes are there.
  [[gnu::always_inline]] static const char* host(const char* base, const char* name,
                                                 const char* end, const ParserLimits& limits,
                                                 RequestHead& head, std::uint8_t index) {
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
      if (digits == 0 || end - at < 4) return nullptr;
      // Of five digits the first that differs decides, as in the numbers; a sixth is no line end.
      if (digits == 5 && std::memcmp(at - 5, "65535", 5) > 0) return nullptr;
    }
    if (!is_line_end(at) || at + 2 - name > limits.header_max) return nullptr;
    head.host_seen_ = true;
    head.host_ = slice(base, value, at);
    head.slots_[index] = {static_cast<std::uint16_t>(name - base), 4, head.host_.at,
                          head.host_.size};
    head.count_ = static_cast<std::uint8_t>(index + 1);
    return at + 2;
  }
};

}  // namespace paceline
