# SPDX-License-Identifier: Apache-2.0
include(GNUInstallDirs)
install(TARGETS tailrace_static tailrace_shared)
if(TARGET tailrace)
  install(TARGETS tailrace)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tailrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# The prefix is found from the file's own place, so that an installed tree may be moved.
file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(${PROJECT_SOURCE_DIR}/cmake/tailrace.pc.in ${PROJECT_BINARY_DIR}/tailrace.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tailrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
  FILES_MATCHING PATTERN "*.1")
