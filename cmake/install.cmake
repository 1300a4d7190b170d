# SPDX-License-Identifier: BSD-3-Clause
#
# cmake --install: headers, libraries, and what find_package(Gemmule) and pkg-config read. cli/ adds the command.
include(CMakePackageConfigHelpers)

set(installed)
if(GEMMULE_SHARED)
  list(APPEND installed gemmule)
endif()
if(GEMMULE_STATIC)
  list(APPEND installed gemmule_static)
endif()
if(NOT installed)
  message(FATAL_ERROR "GEMMULE_SHARED and GEMMULE_STATIC are both off: there would be no library to install")
endif()
set(header_excluded)
if(GEMMULE_BUILD_BLAS)
  list(TRANSFORM installed REPLACE "^gemmule" gemmule_blas OUTPUT_VARIABLE blas_installed)
  list(APPEND installed ${blas_installed})
else()
  list(APPEND header_excluded PATTERN blas.h EXCLUDE)
endif()
if(TARGET gemmule_tune_package)
  list(APPEND installed gemmule_tune_package)
else()
  list(APPEND header_excluded PATTERN tune.h EXCLUDE)
endif()
install(TARGETS ${installed} EXPORT GemmuleTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/gemmule DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" ${header_excluded})
install(FILES LICENSE README.md CHANGELOG.md docs/arithmetic.md docs/blas.md docs/tuning.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Gemmule)
install(EXPORT GemmuleTargets NAMESPACE Gemmule:: DESTINATION ${package_dir})
configure_package_config_file(cmake/GemmuleConfig.cmake.in ${PROJECT_BINARY_DIR}/GemmuleConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may change the interface, and any may change bits.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/GemmuleConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/GemmuleConfig.cmake ${PROJECT_BINARY_DIR}/GemmuleConfigVersion.cmake
  DESTINATION ${package_dir})

# The prefix is found from the place of the .pc file, so that an installed tree may be moved.
list(TRANSFORM gemmule_needs PREPEND "-l" REGEX "^[^/]" OUTPUT_VARIABLE pc_needs)
list(JOIN pc_needs " " pc_needs)
file(RELATIVE_PATH pc_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/gemmule.pc.in ${PROJECT_BINARY_DIR}/gemmule.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/gemmule.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(GEMMULE_BUILD_BLAS)
  configure_file(cmake/gemmule-blas.pc.in ${PROJECT_BINARY_DIR}/gemmule-blas.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/gemmule-blas.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(TARGET gemmule_tune_package)
  configure_file(cmake/gemmule-tune.pc.in ${PROJECT_BINARY_DIR}/gemmule-tune.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/gemmule-tune.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
