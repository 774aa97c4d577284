# cmake --install build/release --prefix DIR, then find_package(paceline) and paceline::app.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY paceline_modules)
install(TARGETS ${modules} EXPORT paceline ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY paceline DESTINATION include FILES_MATCHING PATTERN "*.h"
        PATTERN corpus EXCLUDE PATTERN "test_*.h" EXCLUDE)
if(TARGET paceline)
  install(TARGETS paceline RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/paceline)
get_property(paceline_find_linked GLOBAL PROPERTY paceline_find_linked)
configure_package_config_file(cmake/paceline-config.cmake.in paceline-config.cmake
  INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(paceline-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT paceline NAMESPACE paceline:: FILE paceline-targets.cmake
        DESTINATION ${config_folder})
install(FILES ${PROJECT_BINARY_DIR}/paceline-config.cmake
              ${PROJECT_BINARY_DIR}/paceline-config-version.cmake DESTINATION ${config_folder})
