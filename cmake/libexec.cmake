# SPDX-License-Identifier: BSD-3-Clause
#
# What the command launches: the programs of bench/, their suites, and the Python of `gemmule perf`. They are installed
# into <libexec>/gemmule. In the build tree links lie where the command looks, which is on the same way from it.
set(libexec ${CMAKE_INSTALL_LIBEXECDIR}/gemmule)
file(RELATIVE_PATH libexec_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBEXECDIR}/gemmule)
get_filename_component(built_libexec ${libexec_from_bin} ABSOLUTE BASE_DIR ${PROJECT_BINARY_DIR}/cli)

file(MAKE_DIRECTORY ${built_libexec})
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/bench/gemmule_perf ${built_libexec}/gemmule_perf SYMBOLIC)
install(DIRECTORY bench/gemmule_perf DESTINATION ${libexec} FILES_MATCHING PATTERN "*.py" PATTERN __pycache__ EXCLUDE)

if(GEMMULE_BUILD_BENCH)
  # gemmule_bench has the shared library exchanged under it; the others have all within.
  file(RELATIVE_PATH lib_from_libexec ${CMAKE_INSTALL_FULL_LIBEXECDIR}/gemmule ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(gemmule_bench PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_libexec}")
  foreach(program gemmule_bench gemmule_bench_gemm gemmule_bench_attention gemmule_bench_tuned)
    file(CREATE_LINK ${PROJECT_BINARY_DIR}/bench/${program} ${built_libexec}/${program} SYMBOLIC)
    install(TARGETS ${program} RUNTIME DESTINATION ${libexec})
  endforeach()
  if(TARGET gemmule_count) # with all of the library within, as the counts stored in the tree are of it
    file(CREATE_LINK ${PROJECT_BINARY_DIR}/bench/gemmule_count ${built_libexec}/gemmule_count SYMBOLIC)
  endif()
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/bench/suites ${built_libexec}/suites SYMBOLIC)
  install(DIRECTORY bench/suites DESTINATION ${libexec} FILES_MATCHING PATTERN "*.suite")
endif()
