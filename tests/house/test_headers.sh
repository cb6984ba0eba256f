#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, as strict C11 and as C++, with nothing but the public include
# folder; each private one compiles alone as the house compiles.
. "$(dirname "$0")/lib.sh"

strict='-Wall -Wextra -Wpedantic -Werror -fsyntax-only'

# try WHAT COMPILER OPTION...: the header's name is in $header.
try() {
    what=$1
    shift
    "$@" >"$work/said" 2>&1 || violation "$header: does not compile as $what: $(cat "$work/said")"
}

cxx=
for name in g++ clang++-14 c++; do
    [ -n "$cxx" ] || cxx=$(command -v "$name")
done
[ -n "$cxx" ] || echo "not tried as C++: there is no C++ compiler"

sources '*.h' >"$work/headers"
grep '^include/' "$work/headers" >"$work/public" || violation "no public header"
while IFS= read -r header; do
    printf '#include <%s>\nextern int not_empty;\n' "${header#include/}" >"$work/one.c"
    cp "$work/one.c" "$work/one.cc"
    # shellcheck disable=SC2086 # options are words
    {
        try "strict C11" "${TR_CC:-gcc}" -std=c11 -I "$TR_SOURCE_DIR/include" $strict "$work/one.c"
        [ -z "$cxx" ] || try "C++" "$cxx" -std=c++11 -I "$TR_SOURCE_DIR/include" $strict "$work/one.cc"
    }
done <"$work/public"

libraries=$(pkg-config --cflags libcurl libcrypto libcjson yaml-0.1 libmicrohttpd cmocka)
grep -v -e '^include/' -e '^base/poison\.h$' "$work/headers" | while IFS= read -r header; do
    printf '#include "%s"\nextern int not_empty;\n' "$header" >"$work/one.c"
    # shellcheck disable=SC2086
    try "a file of its own" "${TR_CC:-gcc}" -std=c11 -D_GNU_SOURCE -I "$TR_SOURCE_DIR" \
        -I "$TR_SOURCE_DIR/include" $libraries $strict "$work/one.c"
done

finish "$(wc -l <"$work/public") public of $(wc -l <"$work/headers") headers"
