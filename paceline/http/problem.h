// Errors for machines and people: application/problem+json (RFC 9457).
#pragma once

#include <string>
#include <string_view>

namespace paceline {

inline constexpr std::string_view problem_content_type = "application/problem+json";

/// Borrowed parts of one problem. An empty title is the status' reason phrase; an empty type is
/// "about:blank"; empty detail, code and request_id are left out.
struct Problem {
  unsigned status = 500;
  std::string_view title = {};
  std::string_view detail = {};  // for the person who sent the request; no secrets
  std::string_view code = {};    // one word for programs: "outcome_unknown"
  std::string_view request_id = {};
  std::string_view type = {};
};

/// {"type":"about:blank","title":"Not Found","status":404,"detail":"…","request_id":"…"}
void append_problem(std::string& out, const Problem& problem);
/// The usual one.
std::string problem_body(unsigned status, std::string_view detail, std::string_view request_id);

}  // namespace paceline
