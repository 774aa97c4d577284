# C++23 needs a compiler that sees std::expected in libstdc++ 12 and compiles coroutines right:
# GCC 12.2 miscompiles patterns we use, Clang below 19 lacks the concepts <expected> asks for.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Paceline needs Clang 19 or newer, this is ${CMAKE_CXX_COMPILER_ID} "
    "${CMAKE_CXX_COMPILER_VERSION}. On Debian 12: apt-get install clang-19 lld-19, then "
    "cmake --preset release (or ./dev build).")
endif()
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

option(PACELINE_WERROR "Treat warnings as errors (the presets do)" OFF)
option(PACELINE_TESTS "Build the tests" ON)
option(PACELINE_BENCH "Add the benchmark programs, target `benchmarks`" OFF)
option(PACELINE_METRICS "Off: measure nothing, to see what measuring costs (bench/metrics.py)" ON)
option(PACELINE_FUZZ "Build libFuzzer programs instead of corpus replays" OFF)
set(PACELINE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, e.g. address,undefined")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wnon-virtual-dtor -Wimplicit-fallthrough
  # For sanitizers and profilers. What runs in production needs none: a stall's stack is unwound by
  # the tables that exceptions need anyway.
  $<$<NOT:$<CONFIG:Release>>:-fno-omit-frame-pointer>
  # Options are aggregates with a default at each field: leaving some out is how they are used.
  -Wno-missing-designated-field-initializers)
if(PACELINE_WERROR)
  add_compile_options(-Werror)
endif()
if(NOT PACELINE_METRICS)
  add_compile_definitions(PACELINE_METRICS_OFF)
endif()
if(PACELINE_SANITIZE)
  add_compile_options(-fsanitize=${PACELINE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PACELINE_SANITIZE})
endif()
if(PACELINE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-fuse-ld=lld)

# Sources are named from the root of the tree in messages, logs and debug information, wherever
# the clone lies: builds are reproducible, and ccache shares objects between clones.
# ccache names them from the build folder; CMake's way there ends in a slash or not.
file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR})
string(REGEX REPLACE "/$" "" up "${up}")
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -ffile-prefix-map=${up}/=
  -fdebug-compilation-dir=.)

find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
