#include "paceline/http/target.h"

#include <cstdint>

#include "paceline/http/characters.h"

namespace paceline {

namespace {

/// Decoded bytes of a text, one at a time. A broken escape ends it.
class Decoder {
 public:
  enum class Plus : std::uint8_t { literal, space };

  Decoder(std::string_view raw, Plus plus) : rest_(raw), plus_(plus) {}

  bool done() const { return rest_.empty(); }
  bool broken() const { return broken_; }

  /// Call only while not done(). A broken escape gives 0 and done().
  unsigned char next() {
    const char c = rest_.front();
    if (c == '%') return escape();
    rest_.remove_prefix(1);
    if (c == '+' && plus_ == Plus::space) return ' ';
    return static_cast<unsigned char>(c);
  }

 private:
  unsigned char escape() {
    using characters::hex_value;
    const bool whole = rest_.size() >= 3 && characters::is(rest_[1], characters::hex) &&
                       characters::is(rest_[2], characters::hex);
    if (!whole) {
      broken_ = true;
      rest_ = {};
      return 0;
    }
    const unsigned byte = hex_value(rest_[1]) * 16 + hex_value(rest_[2]);
    rest_.remove_prefix(3);
    return static_cast<unsigned char>(byte);
  }

  std::string_view rest_;
  Plus plus_;
  bool broken_ = false;
};

/// Valid UTF-8 (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF), byte by byte.
class Utf8 {
 public:
  /// False as soon as no continuation can make the text valid.
  bool take(unsigned char byte) {
    if (pending_ != 0) {
      if (byte < low_ || byte > high_) return false;
      low_ = 0x80;
      high_ = 0xbf;
      --pending_;
      return true;
    }
    if (byte < 0x80) return true;
    return lead(byte);
  }
  bool whole() const { return pending_ == 0; }

 private:
  bool lead(unsigned char byte) {
    if (byte < 0xc2 || byte > 0xf4) return false;
    low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    pending_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    return true;
  }

  unsigned pending_ = 0;
  unsigned char low_ = 0x80;
  unsigned char high_ = 0xbf;
};

/// Appends the decoded text; the reason when it must be refused.
Result<void> decode(std::string_view raw, Decoder::Plus plus, std::string& out) {
  Decoder decoder(raw, plus);
  Utf8 utf8;
  while (!decoder.done()) {
    const unsigned char byte = decoder.next();
    if (decoder.broken()) return fail(Code::invalid, "a '%' is not followed by two hex digits");
    if (byte == 0) return fail(Code::invalid, "an encoded NUL is not accepted");
    if (!utf8.take(byte)) return fail(Code::invalid, "the decoded text is not UTF-8");
    out.push_back(static_cast<char>(byte));
  }
  if (!utf8.whole()) return fail(Code::invalid, "the decoded text is not UTF-8");
  return {};
}

bool equals_decoded(std::string_view raw, Decoder::Plus plus, std::string_view text) {
  Decoder decoder(raw, plus);
  for (const char c : text) {
    if (decoder.done()) return false;
    const unsigned char byte = decoder.next();
    if (decoder.broken() || byte != static_cast<unsigned char>(c)) return false;
  }
  return decoder.done();
}

}  // namespace

bool is_safe_path(std::string_view raw) {
  Decoder decoder(raw, Decoder::Plus::literal);
  Utf8 utf8;
  std::size_t dots = 0;    // of the current segment
  bool only_dots = false;  // the current segment has nothing else
  const auto is_dot_segment = [&] { return only_dots && (dots == 1 || dots == 2); };
  while (!decoder.done()) {
    const unsigned char byte = decoder.next();
    if (byte < 0x20 || byte == 0x7f || !utf8.take(byte)) return false;  // broken() gives 0
    if (byte == '/' || byte == '\\') {
      if (is_dot_segment()) return false;
      dots = 0;
      only_dots = true;
    } else if (byte == '.') {
      ++dots;
    } else {
      only_dots = false;
    }
  }
  return utf8.whole() && !is_dot_segment();
}

Result<std::string_view> decode_segment(std::string_view raw, std::string& scratch) {
  if (raw.find('%') == std::string_view::npos) return raw;
  scratch.clear();
  PACELINE_TRY(decode(raw, Decoder::Plus::literal, scratch));
  return std::string_view(scratch);
}

Result<std::optional<std::string_view>> query_value(std::string_view query, std::string_view name,
                                                    std::string& scratch) {
  std::optional<std::string_view> found;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (!equals_decoded(pair.substr(0, equals), Decoder::Plus::space, name)) continue;
    if (found) {
      return fail(Code::invalid, "the query parameter '" + std::string(name) + "' is given twice");
    }
    found = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  }
  if (!found || found->find_first_of("%+") == std::string_view::npos) return found;
  scratch.clear();
  PACELINE_TRY(decode(*found, Decoder::Plus::space, scratch));
  return std::optional<std::string_view>(scratch);
}

bool decodes_to(std::string_view raw, std::string_view text) {
  return equals_decoded(raw, Decoder::Plus::literal, text);
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (characters::is(c, characters::unreserved)) {
      out.push_back(c);
      continue;
    }
    const unsigned byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(digits[byte / 16]);
    out.push_back(digits[byte % 16]);
  }
}

}  // namespace paceline
