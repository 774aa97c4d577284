#include "paceline/http/status.h"

#include <algorithm>
#include <array>

#include "paceline/core.h"

namespace paceline {

namespace {

constexpr unsigned first = 100;
constexpr unsigned last = 599;

struct Reason {
  unsigned status;
  std::string_view phrase;
};

constexpr Reason reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

consteval std::array<std::string_view, last - first + 1> make_phrases() {
  std::array<std::string_view, last - first + 1> phrases{};
  for (const Reason& reason : reasons) phrases[reason.status - first] = reason.phrase;
  return phrases;
}
constexpr auto phrases = make_phrases();

struct Line {
  std::array<char, 47> text{};  // the longest: 13 + 31 + 2
  unsigned char size = 0;

  constexpr void append(std::string_view part) {
    std::ranges::copy(part, text.begin() + size);
    size = static_cast<unsigned char>(size + part.size());
  }
};

consteval std::array<Line, last - first + 1> make_lines() {
  std::array<Line, last - first + 1> lines{};
  for (unsigned status = first; status <= last; ++status) {
    Line& line = lines[status - first];
    const char digits[] = {static_cast<char>('0' + status / 100),
                           static_cast<char>('0' + status / 10 % 10),
                           static_cast<char>('0' + status % 10), ' '};
    line.append("HTTP/1.1 ");
    line.append({digits, 4});
    line.append(phrases[status - first]);
    line.append("\r\n");
  }
  return lines;
}
constexpr auto lines = make_lines();

}  // namespace

std::string_view reason_phrase(unsigned status) {
  return status >= first && status <= last ? phrases[status - first] : std::string_view();
}

std::string_view status_line(unsigned status) {
  check(status >= first && status <= last, "a status code is from 100 to 599");
  const Line& line = lines[status - first];
  return {line.text.data(), line.size};
}

}  // namespace paceline
