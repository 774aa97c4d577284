# The dashboard: `npm ci` of its one library into the build tree, then a generated source with all
# its files in paceline_monitor (paceline/monitor/dashboard.h). Without node 18 and npm, or when
# npm cannot fetch, the program is built without it and says so at "/".
set(PACELINE_DASHBOARD AUTO CACHE STRING
  "The dashboard in the program: AUTO (where node and npm are), ON (fail without them), OFF")
set_property(CACHE PACELINE_DASHBOARD PROPERTY STRINGS AUTO ON OFF)

set(dashboard ${PROJECT_SOURCE_DIR}/dashboard)
set(dashboard_build ${PROJECT_BINARY_DIR}/dashboard)
set(dashboard_source ${dashboard_build}/dashboard_files.cpp)
# In the order in which the page asks for them; NAME or NAME=FILE of a package.
set(dashboard_files index.html style.css uplot.css=uplot/dist/uPlot.min.css
  uplot.js=uplot/dist/uPlot.iife.min.js app.js charts.js dom.js feed.js format.js history.js
  keys.js panels.js plot.js stalls.js workers.js icon.svg uplot-license.txt=uplot/LICENSE)

find_program(NODE node)
find_program(NPM npm)
mark_as_advanced(NODE NPM)
set(dashboard_why "")
if(NOT PACELINE_DASHBOARD)
  set(dashboard_why "PACELINE_DASHBOARD is OFF")
elseif(NOT NODE OR NOT NPM)
  set(dashboard_why "node or npm is missing")
else()
  execute_process(COMMAND ${NODE} --version OUTPUT_VARIABLE version ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REGEX REPLACE "^v" "" version "${version}")
  if(version VERSION_LESS 18)
    set(dashboard_why "${NODE} is ${version}, and 18 is needed")
  endif()
endif()
if(dashboard_why AND NOT PACELINE_DASHBOARD STREQUAL "OFF")
  if(PACELINE_DASHBOARD STREQUAL "AUTO")
    message(STATUS "The dashboard is left out: ${dashboard_why}")
  else()
    message(FATAL_ERROR "No dashboard: ${dashboard_why}")
  endif()
endif()

set(dashboard_inputs ${CMAKE_CURRENT_LIST_DIR}/dashboard_embed.cmake)
if(NOT dashboard_why)
  # Rewritten by npm itself when it succeeds; while it is missing, each build tries again.
  set(packages ${dashboard_build}/node_modules/.package-lock.json)
  set(omit $<IF:$<BOOL:${PACELINE_TESTS}>,,dev>)
  add_custom_command(OUTPUT ${packages}
    COMMAND ${CMAKE_COMMAND} -D NPM=${NPM} -D SOURCE=${dashboard} -D BUILD=${dashboard_build}
      -D OMIT=${omit} -D MODE=${PACELINE_DASHBOARD}
      -P ${CMAKE_CURRENT_LIST_DIR}/dashboard_packages.cmake
    DEPENDS ${dashboard}/package.json ${dashboard}/package-lock.json ${dashboard}/.npmrc
      ${CMAKE_CURRENT_LIST_DIR}/dashboard_packages.cmake
    COMMENT "Packages of the dashboard" VERBATIM)
  list(APPEND dashboard_inputs ${packages})
  foreach(file ${dashboard_files})
    if(NOT file MATCHES "=")
      list(APPEND dashboard_inputs ${dashboard}/${file})
    endif()
  endforeach()
endif()
add_custom_command(OUTPUT ${dashboard_source}
  COMMAND ${CMAKE_COMMAND} -D SOURCE=${dashboard} -D BUILD=${dashboard_build}
    "-D FILES=${dashboard_files}" "-D WHY=${dashboard_why}" -D OUTPUT=${dashboard_source}
    -P ${CMAKE_CURRENT_LIST_DIR}/dashboard_embed.cmake
  DEPENDS ${dashboard_inputs} COMMENT "Files of the dashboard" VERBATIM)
add_custom_target(dashboard DEPENDS ${dashboard_source})
target_sources(paceline_monitor PRIVATE ${dashboard_source})
