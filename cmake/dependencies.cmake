# Every third-party library in one place, as a target `paceline_dep_NAME`. No header of a module
# includes one, so consumers of an installed Paceline link them and never compile against them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# paceline_linked(NAME PKG_CONFIG_MODULE): a library that consumers of the static libraries must
# link too. The exported name is PkgConfig::paceline_NAME; paceline-config.cmake finds it again.
macro(paceline_linked name module)
  pkg_check_modules(paceline_${name} REQUIRED IMPORTED_TARGET ${module})
  set_property(GLOBAL APPEND_STRING PROPERTY paceline_find_linked
    "pkg_check_modules(paceline_${name} REQUIRED QUIET IMPORTED_TARGET ${module})\n")
  add_library(paceline_dep_${name} ALIAS PkgConfig::paceline_${name})
endmacro()

# paceline_header_only(NAME PACKAGE TARGET): used inside .cpp files only; never exported.
macro(paceline_header_only name package target)
  find_package(${package} REQUIRED)
  add_library(paceline_dep_${name} INTERFACE)
  target_link_libraries(paceline_dep_${name} INTERFACE ${target})
  set_property(TARGET paceline_dep_${name} PROPERTY paceline_header_only ON)
endmacro()

paceline_linked(tomlplusplus tomlplusplus)
paceline_linked(libdw libdw)
paceline_linked(spdlog spdlog)
paceline_linked(fmt fmt)
paceline_linked(xxhash libxxhash)
paceline_linked(sqlite3 sqlite3)
paceline_linked(curl libcurl)
paceline_linked(zlib zlib)
paceline_linked(openssl openssl)
paceline_linked(ncurses ncursesw)
paceline_linked(luajit luajit)
paceline_header_only(cli11 CLI11 CLI11::CLI11)
paceline_header_only(nlohmann_json nlohmann_json nlohmann_json::nlohmann_json)

if(PACELINE_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
