#include "paceline/service/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace paceline {
namespace {

/// Line and column of a byte, both from 1; columns are bytes.
std::string place_of(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(1 + std::ranges::count(before, '\n')) + ", column " +
         std::to_string(before.size() - start + 1);
}

/// "[json.exception…] parse error at line 1, column 2: syntax error while parsing value -
/// invalid literal; last read: '{x'; expected …" becomes "invalid literal (expected …)".
std::string reason_of(std::string_view what) {
  if (const std::size_t at = what.find(" - "); at != std::string_view::npos) {
    what.remove_prefix(at + 3);
  } else if (const std::size_t end = what.find("] "); end != std::string_view::npos) {
    what.remove_prefix(end + 2);
  }
  std::string reason(what.substr(0, what.find("; ")));
  if (const std::size_t expected = what.rfind("; expected "); expected != std::string_view::npos) {
    reason.append(", ").append(what.substr(expected + 2));
  }
  return printable(reason);
}

/// Receives the parser's events; keeps the depth and the first mistake.
class Checker : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Checker(std::size_t depth_max) : depth_max_(depth_max) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return deeper(); }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_object() override { return shallower(); }
  bool end_array() override { return shallower(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    position_ = position == 0 ? 0 : position - 1;
    reason_ = reason_of(error.what());
    return false;
  }
  bool too_deep() const { return depth_ > depth_max_; }
  std::size_t position() const { return position_; }
  const std::string& reason() const { return reason_; }

 private:
  bool deeper() { return ++depth_ <= depth_max_; }
  bool shallower() {
    --depth_;
    return true;
  }
  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::size_t position_ = 0;
  std::string reason_;
};

/// The bracket that was one too many; the text before it is valid.
std::size_t too_deep_at(std::string_view text, std::size_t depth_max) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if ((c == '{' || c == '[') && ++depth > depth_max) {
      return at;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return text.size();
}

}  // namespace

Result<void> check_json(std::string_view text, std::size_t depth_max) {
  if (text.starts_with("\xef\xbb\xbf")) {
    return fail(Code::invalid, "line 1, column 1: a byte order mark is not allowed");
  }
  // The parser would take it for the end of the input.
  if (const std::size_t at = text.find('\0'); at != std::string_view::npos) {
    return fail(Code::invalid, place_of(text, at) + ": a NUL byte is not allowed");
  }
  Checker checker(depth_max);
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &checker)) return {};
  if (checker.too_deep()) {
    return fail(Code::invalid, place_of(text, too_deep_at(text, depth_max)) +
                                   ": nested deeper than " + std::to_string(depth_max) + " levels");
  }
  return fail(Code::invalid, place_of(text, checker.position()) + ": " + checker.reason());
}

}  // namespace paceline
