#include "paceline/sqlite/parameters.h"

#include <utility>

namespace paceline {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_letter(c) || is_digit(c); }
/// What may stand inside a word: SQLite and Postgres take `$` and every byte above ASCII.
bool is_word(char c) { return is_name(c) || c == '$' || static_cast<unsigned char>(c) >= 0x80; }

/// A cursor over the text. Every skip_ function starts at its opening character and ends after
/// the closing one, or at the end of the text.
class Scanner {
 public:
  explicit Scanner(std::string_view sql) : sql_(sql) {}

  std::vector<SqlPlaceholder> run() {
    while (at_ < sql_.size()) step();
    return std::move(found_);
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }

  void step() {
    switch (peek()) {
      case '\'':
      case '"':
      case '`':
        return skip_quoted();
      case '[':
        return skip_past("]", 1);
      case '-':
        return peek(1) == '-' ? skip_past("\n", 2) : advance(1);
      case '/':
        return peek(1) == '*' ? skip_past("*/", 2) : advance(1);
      case '$':
        return skip_dollar();
      case ':':
        return take_colon();
      default:
        return is_word(peek()) ? skip_word() : advance(1);
    }
  }

  void advance(std::size_t count) { at_ += count; }

  void skip_past(std::string_view closing, std::size_t opening) {
    const std::size_t end = sql_.find(closing, at_ + opening);
    at_ = end == std::string_view::npos ? sql_.size() : end + closing.size();
  }

  /// A doubled quote stands for itself: '' inside '…'.
  void skip_quoted() {
    const char quote = peek();
    advance(1);
    while (at_ < sql_.size()) {
      if (peek() != quote) {
        advance(1);
      } else if (peek(1) == quote) {
        advance(2);
      } else {
        return advance(1);
      }
    }
  }

  /// E'it\'s': a backslash takes the next character with it.
  void skip_escaped() {
    advance(1);
    while (at_ < sql_.size() && peek() != '\'') advance(peek() == '\\' ? 2 : 1);
    advance(1);
  }

  void skip_word() {
    const std::size_t start = at_;
    while (at_ < sql_.size() && is_word(peek())) advance(1);
    const std::string_view word = sql_.substr(start, at_ - start);
    if ((word == "E" || word == "e") && peek() == '\'') skip_escaped();
  }

  /// $$ … $$ or $tag$ … $tag$; any other dollar is a character like others.
  void skip_dollar() {
    std::size_t end = at_ + 1;
    if (end < sql_.size() && is_digit(sql_[end])) return advance(1);
    while (end < sql_.size() && is_name(sql_[end])) ++end;
    if (end >= sql_.size() || sql_[end] != '$') return advance(1);
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    skip_past(tag, tag.size());
  }

  void take_colon() {
    if (peek(1) == ':') {  // a cast: x::text
      while (peek() == ':') advance(1);
      while (at_ < sql_.size() && is_word(peek())) advance(1);
      return;
    }
    const std::size_t colon = at_;
    advance(1);
    if (!is_letter(peek())) return;
    while (at_ < sql_.size() && is_name(peek())) advance(1);
    found_.push_back({.name = sql_.substr(colon + 1, at_ - colon - 1), .offset = colon});
  }

  std::string_view sql_;
  std::size_t at_ = 0;
  std::vector<SqlPlaceholder> found_;
};

}  // namespace

std::vector<SqlPlaceholder> scan_parameters(std::string_view sql) { return Scanner(sql).run(); }

}  // namespace paceline
