#include "paceline/service/writes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "paceline/service/contains.h"
#include "paceline/service/etag.h"
#include "paceline/service/json.h"
#include "paceline/service/render.h"

namespace paceline {
namespace {

/// What a frame holds beside the body.
constexpr std::size_t kCommandRoom = std::size_t{256} << 10;

const ResourceStatement& statement_of(const Resource& resource, WriteKind kind) {
  switch (kind) {
    case WriteKind::put:
      return resource.write;
    case WriteKind::post:
      return resource.create;
    case WriteKind::remove:
      return resource.remove;
  }
  return resource.write;
}

Result<void> check_body(std::string_view body) {
  if (body.empty()) return fail(Code::invalid, "the body is empty; expected JSON");
  if (body.size() > frame_bytes_max - kCommandRoom) {
    return fail(Code::exhausted,
                "the body is larger than " + format_bytes(frame_bytes_max - kCommandRoom));
  }
  if (Result<void> json = check_json(body); !json) {
    return fail(Code::invalid, "the body is not JSON: " + json.error().message);
  }
  return {};
}

std::optional<WriteGuard> make_guard(const Endpoint& endpoint, WriteKind kind,
                                     const Request& request) {
  if (kind == WriteKind::post) return std::nullopt;
  WriteGuard guard{.sql = endpoint.resource.read.sql,
                   .parameters = path_parameters(endpoint, request),
                   .json = endpoint.facts.json,
                   .hashes = {}};
  for (const QueryParameter& parameter : endpoint.resource.query) {
    guard.parameters.push_back({.name = parameter.name, .value = parameter.fallback});
  }
  if (const auto wanted = request.header(KnownHeader::if_match)) {
    MatchDemand demand = parse_if_match(*wanted);
    guard.demand = demand.any ? GuardDemand::exists : GuardDemand::one_of;
    guard.hashes = std::move(demand.hashes);
  } else if (const auto unwanted = request.header(KnownHeader::if_none_match)) {
    MatchDemand demand = parse_if_match(*unwanted);
    guard.demand = demand.any ? GuardDemand::absent : GuardDemand::none_of;
    guard.hashes = std::move(demand.hashes);
  } else if (!endpoint.cached()) {
    return std::nullopt;
  }
  return guard;
}

/// The keys of the rows that the statement returns, beside the one that the request names: a row
/// may have a second spelling, or a key that only the database knows.
void add_derived(KeeperCommand& command, const Endpoint& endpoint, WriteKind kind,
                 std::string_view row_key) {
  if (kind != WriteKind::post) {
    if (!endpoint.cached()) return;
    command.derived.push_back(
        {.prefix = endpoint.key_prefix, .columns = endpoint.resource.parameters});
  } else if (endpoint.item != nullptr && endpoint.item->cached()) {
    DerivedKey derived{.prefix = endpoint.item->key_prefix, .columns = {}};
    derived.prefix += row_key.substr(endpoint.key_prefix.size());
    derived.columns.push_back(endpoint.item->resource.parameters.back());
    command.derived.push_back(std::move(derived));
  }
}

/// Constraints of STRICT tables and of rowids; other invalid statements are the program's fault.
bool is_wrong_type(std::string_view message) {
  return message.starts_with("cannot store ") || message.starts_with("datatype mismatch");
}

/// "cannot store TEXT value in INTEGER column t.id": the last word names the parameter.
std::string wrong_type_detail(const Endpoint& endpoint, std::string_view message) {
  std::string_view column = message.substr(message.rfind(' ') + 1);
  column = column.substr(column.rfind('.') + 1);
  const bool path = contains(endpoint.resource.parameters, column);
  return std::string(path ? column : "body") + ": has the wrong type for where it is stored";
}

Response retry_later(unsigned status, std::string_view detail, std::string_view code) {
  Response response = Response::problem(status, detail, code);
  response.header("Retry-After", "1");
  return response;
}

std::string text_of(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  return {};
}

void add_location(Response& response, const Endpoint& endpoint, const Request& request,
                  const SqlResult& result) {
  if (endpoint.item == nullptr) return;
  const std::string& name = endpoint.item->resource.parameters.back();
  const auto column = std::ranges::find(result.columns, name, &SqlColumn::name);
  if (column == result.columns.end()) return;
  const std::string id =
      text_of(result.row(0)[static_cast<std::size_t>(column - result.columns.begin())]);
  if (id.empty()) return;
  std::string location(request.path());
  location += '/';
  append_encoded(location, id);
  response.header("Location", location);
}

/// An entity tag only where a read of the same row would render the same bytes.
void add_etag(Response& response, const Endpoint& endpoint, WriteKind kind, const SqlResult& result,
              std::string_view body) {
  const Endpoint* reads = kind == WriteKind::post ? endpoint.item : &endpoint;
  if (reads == nullptr) return;
  if (!std::ranges::equal(reads->facts.read_columns, result.columns, {}, &SqlColumn::name,
                          &SqlColumn::name)) {
    return;
  }
  response.header("ETag", format_etag(body_hash(body)));
}

Response success_response(const Endpoint& endpoint, WriteKind kind, const Request& request,
                          const SqlResult& result) {
  const bool changed = result.changes > 0 || result.rows() > 0;
  if (kind != WriteKind::post && !changed) return Response::problem(404, "there is no such row");
  if (kind == WriteKind::remove) return Response(204);
  if (result.rows() == 0) return Response(kind == WriteKind::post ? 201 : 204);
  std::string body = render_one(result, endpoint.facts.json);
  Response response = Response::json({}, kind == WriteKind::post ? 201 : 200);
  if (kind == WriteKind::post) add_location(response, endpoint, request, result);
  add_etag(response, endpoint, kind, result, body);
  response.body(std::move(body));
  return response;
}

void log_failure(const Error& error, Request& request, Log& log) {
  log.write(LogLevel::error, "statement_failed",
            {{"request_id", request.id()},
             {"route", request.route()},
             {"code", to_string(error.code)},
             {"reason", error.message}});
}

}  // namespace

Result<KeeperCommand> make_command(const Endpoint& endpoint, WriteKind kind, const Request& request,
                                   const Versions& versions) {
  KeyBuffer row_key;
  PACELINE_TRY(append_row_key(row_key, endpoint, request));
  if (kind != WriteKind::remove) PACELINE_TRY(check_body(request.body()));
  KeeperCommand command;
  command.sql = statement_of(endpoint.resource, kind).sql;
  command.parameters = path_parameters(endpoint, request);
  if (kind != WriteKind::remove) {
    command.parameters.push_back({.name = "body", .value = std::string(request.body())});
  }
  command.raises = endpoint.raises;
  command.raises.push_back(versions.hash(row_key.view()).value);
  if (kind != WriteKind::remove) command.raises.push_back(endpoint.created_tag.value);
  if (kind == WriteKind::post && endpoint.item != nullptr) {
    command.raises.push_back(endpoint.item->created_tag.value);
  }
  add_derived(command, endpoint, kind, row_key.view());
  if (endpoint.resource.read) command.guard = make_guard(endpoint, kind, request);
  return command;
}

Response failure_response(const Error& error, Request& request, Log& log) {
  const bool read = request.method() == Method::get || request.method() == Method::head;
  const auto later = [read](std::string_view what, std::string_view code) {
    return retry_later(503, std::string(what).append(read ? "" : "; nothing was written"), code);
  };
  switch (error.code) {
    case Code::unavailable:
    case Code::closed:
    case Code::cancelled:
      return later("the database cannot be reached now", "unavailable");
    case Code::timeout:
      return later("the database took too long", "timeout");
    case Code::exhausted:  // a queue, or the disk
      log_failure(error, request, log);
      return later("the database takes no more now", "exhausted");
    case Code::io:
    case Code::not_found:  // the file, not a row
      log_failure(error, request, log);
      return later("the database cannot be reached now", "unavailable");
    default:
      log_failure(error, request, log);
      return Response::problem(500, "the statement failed; the log has the reason");
  }
}

Response write_response(const Endpoint& endpoint, WriteKind kind, Request& request,
                        Result<KeeperAnswer> answer, Log& log) {
  if (answer && answer->kind == AnswerKind::done) {
    return success_response(endpoint, kind, request, answer->result);
  }
  if (answer && answer->kind == AnswerKind::refused) {
    return Response::problem(412, request.header(KnownHeader::if_match)
                                      ? "If-Match: the row has another entity tag, or is not there"
                                      : "If-None-Match: there is such a row");
  }
  Error error{.code = Code::internal, .where = std::source_location::current(), .message = {}};
  if (answer) {
    error.code = answer->code;
    error.message = std::move(answer->message);
  } else {
    error = std::move(answer).error();
  }
  if (error.code == Code::conflict) {
    return Response::problem(409, "a constraint of the database forbids it", "conflict");
  }
  if (error.code == Code::invalid && is_wrong_type(error.message)) {
    return Response::problem(400, wrong_type_detail(endpoint, error.message));
  }
  if (error.code == Code::outcome_unknown) {
    // No Retry-After: who repeats it blindly may write twice.
    return Response::problem(503, "the write may or may not have happened; read before repeating",
                             "outcome_unknown");
  }
  return failure_response(error, request, log);
}

}  // namespace paceline
