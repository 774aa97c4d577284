# Writes OUTPUT: a definition of paceline::dashboard_files() with FILES, copied to BUILD/site; an
# empty one if WHY says why there are none, or their packages are missing. The text has a hash of
# each file, so that a compiler cache that does not know #embed sees every change.
set(types html "text/html" css "text/css" js "text/javascript" svg "image/svg+xml"
  txt "text/plain")
set(data "")
set(rows "")
set(number 0)
if(NOT WHY AND NOT EXISTS ${BUILD}/node_modules/uplot)
  set(WHY "its packages could not be fetched")
endif()
if(WHY)
  set(FILES "")
endif()
foreach(entry ${FILES})
  string(REGEX MATCH "^([^=]*)=?(.*)$" all "${entry}")
  set(name ${CMAKE_MATCH_1})
  set(path ${SOURCE}/${name})
  if(CMAKE_MATCH_2)
    set(path ${BUILD}/node_modules/${CMAKE_MATCH_2})
  endif()
  configure_file(${path} ${BUILD}/site/${name} COPYONLY)
  file(SHA256 ${path} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  string(REGEX MATCH "[a-z]*$" ending ${name})
  list(FIND types ${ending} at)
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  set(target "/assets/${name}")
  if(name STREQUAL "index.html")
    set(target "/")
  endif()
  string(APPEND data "constexpr unsigned char kFile${number}[] = {\n"
    "#embed \"site/${name}\"\n};\n")
  string(APPEND rows "      {\"${target}\", \"${type}; charset=utf-8\",\n"
    "       text(kFile${number}), R\"(\"${hash}\")\"},\n")
  math(EXPR number "${number} + 1")
endforeach()
set(body "return {};  // ${WHY}")
set(inside "")
if(NOT WHY)
  set(body "static const std::array<DashboardFile, ${number}> files = {{\n${rows}  }};
  return files;")
  set(inside "namespace {

${data}
template <std::size_t N>
std::string_view text(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}

}  // namespace

")
endif()
set(text "// Generated from dashboard/ by cmake/dashboard_embed.cmake.
#include \"paceline/monitor/dashboard.h\"

#include <array>
#include <cstddef>

#pragma clang diagnostic ignored \"-Wc23-extensions\"  // #embed

namespace paceline {
${inside}
std::span<const DashboardFile> dashboard_files() {
  ${body}
}

}  // namespace paceline
")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "${text}" @ONLY)
