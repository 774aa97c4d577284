// http: a strict HTTP/1.1 server on the loop. Routes in, one Server per worker; the codec's parts
// (parser, chunked coding, router) are usable alone.
#pragma once

#include "paceline/http/chunked.h"   // IWYU pragma: export
#include "paceline/http/config.h"    // IWYU pragma: export
#include "paceline/http/message.h"   // IWYU pragma: export
#include "paceline/http/metrics.h"   // IWYU pragma: export
#include "paceline/http/parser.h"    // IWYU pragma: export
#include "paceline/http/problem.h"   // IWYU pragma: export
#include "paceline/http/reply.h"     // IWYU pragma: export
#include "paceline/http/request.h"   // IWYU pragma: export
#include "paceline/http/response.h"  // IWYU pragma: export
#include "paceline/http/router.h"    // IWYU pragma: export
#include "paceline/http/routes.h"    // IWYU pragma: export
#include "paceline/http/server.h"    // IWYU pragma: export
#include "paceline/http/status.h"    // IWYU pragma: export
#include "paceline/http/target.h"    // IWYU pragma: export
