#include "paceline/http/problem.h"

#include "paceline/core.h"
#include "paceline/http/status.h"

namespace paceline {

namespace {

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(",\"").append(name).append("\":");
  append_json_string(out, value);
}

}  // namespace

void append_problem(std::string& out, const Problem& problem) {
  out.append("{\"type\":");
  append_json_string(out, problem.type.empty() ? "about:blank" : problem.type);
  append_member(out, "title",
                problem.title.empty() ? reason_phrase(problem.status) : problem.title);
  out.append(",\"status\":").append(std::to_string(problem.status));
  append_member(out, "detail", problem.detail);
  append_member(out, "code", problem.code);
  append_member(out, "request_id", problem.request_id);
  out.push_back('}');
}

std::string problem_body(unsigned status, std::string_view detail, std::string_view request_id) {
  std::string out;
  append_problem(out, {.status = status, .detail = detail, .request_id = request_id});
  return out;
}

}  // namespace paceline
