# SPDX-License-Identifier: Apache-2.0
# Warnings, hardening, sanitizers and the poisoned calls, for every target of ours (tr_flags).
add_library(tr_flags INTERFACE)
target_compile_definitions(tr_flags INTERFACE _GNU_SOURCE TR_VERSION="${PROJECT_VERSION}")
target_include_directories(tr_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_options(tr_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings -Werror
  $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> # cutting a long message is what snprintf is here for
  -fno-common -fstack-protector-strong
  "SHELL:-include ${PROJECT_SOURCE_DIR}/base/poison.h")
target_link_libraries(tr_flags INTERFACE Threads::Threads)

if(TR_SANITIZE)
  target_compile_options(tr_flags INTERFACE -fsanitize=${TR_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(tr_flags INTERFACE -fsanitize=${TR_SANITIZE})
else()
  target_compile_definitions(tr_flags INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>)
  target_compile_options(tr_flags INTERFACE $<$<CONFIG:Release>:-fstack-clash-protection>)
endif()
if(TR_FUZZ)
  target_compile_options(tr_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TR_COVERAGE)
  target_compile_options(tr_flags INTERFACE --coverage)
  target_link_options(tr_flags INTERFACE --coverage)
endif()
target_link_options(tr_flags INTERFACE -Wl,-z,relro,-z,now)
