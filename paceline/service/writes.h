// Writes of a resource: a request becomes the keeper's command, its answer a response.
#pragma once

#include <cstdint>
#include <string_view>

#include "paceline/cache.h"
#include "paceline/core.h"
#include "paceline/http.h"
#include "paceline/service/endpoint.h"
#include "paceline/service/keeper_link.h"

namespace paceline {

enum class WriteKind : std::uint8_t { put, post, remove };

/// Code::invalid: a 400 with this message. A body that is too large for the link is
/// Code::exhausted.
Result<KeeperCommand> make_command(const Endpoint& endpoint, WriteKind kind, const Request& request,
                                   const Versions& versions);

/// The response to what the keeper (or the link) said. Errors that are the program's or the disk's
/// are logged with the request's id; the client sees none of their text.
Response write_response(const Endpoint& endpoint, WriteKind kind, Request& request,
                        Result<KeeperAnswer> answer, Log& log);

/// 503 with Retry-After for what passes, else 500; logged.
Response failure_response(const Error& error, Request& request, Log& log);

}  // namespace paceline
