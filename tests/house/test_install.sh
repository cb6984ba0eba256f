#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` lays down is enough for a program of somebody else's: it builds by
# pkg-config against the shared and against the static library, the example of docs/library.md runs,
# and the shared library shows exactly the public names.
. "$(dirname "$0")/lib.sh"

# Installed, then moved: the pkg-config file finds its tree by itself.
cmake --install "$TR_BUILD_DIR" --prefix "$work/first" >"$work/said" 2>&1 || {
    cat "$work/said"
    violation "cmake --install failed"
    finish
}
mv "$work/first" "$work/tree"
library=$(find "$work/tree" -name libtailrace.so)
[ -n "$library" ] || { violation "no libtailrace.so is installed"; finish; }
folder=${library%/*}
export PKG_CONFIG_PATH="$folder/pkgconfig"

cat >"$work/user.c" <<'END'
#include <stdio.h>
#include <tailrace/status.h>

int main(void)
{
    puts(tr_status_text(TR_ETIMEOUT));
    return tr_status_class(TR_ETIMEOUT) == TR_CLASS_RETRY ? 0 : 1;
}
END
instrumented=
[ -z "${TR_SANITIZE:-}" ] || instrumented="-fsanitize=$TR_SANITIZE"
[ "${TR_COVERAGE:-OFF}" = OFF ] || instrumented="$instrumented --coverage"

# build_and_run WHAT LINK-OPTION...
build_and_run() {
    what=$1
    shift
    # shellcheck disable=SC2086,SC2046 # options are words
    "${TR_CC:-gcc}" $instrumented $(pkg-config --cflags tailrace) -o "$work/user" "$work/user.c" \
        "$@" >"$work/said" 2>&1 || { violation "$what: does not build: $(cat "$work/said")"; return; }
    said=$(LD_LIBRARY_PATH=$folder "$work/user" 2>&1) || violation "$what: failed: $said"
    [ "$said" = "timed out" ] || violation "$what: says '$said', not 'timed out'"
}
pkg-config --exists tailrace || violation "pkg-config does not find tailrace"
[ -n "$(pkg-config --modversion tailrace)" ] || violation "tailrace.pc: has no version"
# shellcheck disable=SC2046
build_and_run "shared library" $(pkg-config --libs tailrace)
# All of the static library, so that a dependency missing from Libs.private shows.
# shellcheck disable=SC2046
build_and_run "static library" -Wl,--whole-archive "$folder/libtailrace.a" -Wl,--no-whole-archive \
    $(pkg-config --static --libs tailrace | sed 's/-ltailrace//')

readelf -d "$library" | grep -q 'SONAME.*\[libtailrace\.so\.[0-9]*\]' ||
    violation "libtailrace.so: has no soname with a number"
soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
[ -e "$folder/$soname" ] || violation "libtailrace.so: its soname $soname is not installed"

# What is exported is declared, what is declared is exported.
(cd "$work/tree/include/tailrace" && cat ./*.h) >"$work/public"
nm -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >"$work/exported"
[ "${TR_COVERAGE:-OFF}" = OFF ] || sed -i '/gcov\|mangle_path/d' "$work/exported"
[ -s "$work/exported" ] || violation "libtailrace.so: exports nothing"
while IFS= read -r name; do
    case $name in
    tr_*) grep -qE "\<$name\(" "$work/public" ||
        violation "libtailrace.so: exports $name, which no public header declares" ;;
    *) violation "libtailrace.so: exports $name, which does not begin with tr_" ;;
    esac
done <"$work/exported"
grep -vE '^(typedef|static|#)' "$work/public" |
    sed -n 's/^[A-Za-z].*\<\(tr_[a-z0-9_]*\)(.*/\1/p' | sort -u >"$work/declared"
[ -s "$work/declared" ] || violation "include/tailrace: declares nothing"
while IFS= read -r name; do
    grep -qx "$name" "$work/exported" ||
        violation "include/tailrace: declares $name, which libtailrace.so does not export"
done <"$work/declared"

# The page's example: without a file it is bad usage; with one it reads a table of the service model.
awk '$0 == "```c" { on = 1; next } /^```/ { on = 0 } on' "$TR_SOURCE_DIR/docs/library.md" \
    >"$work/archive.c"
# shellcheck disable=SC2086,SC2046
"${TR_CC:-gcc}" -Wall -Wextra -Werror $instrumented -o "$work/archive" "$work/archive.c" \
    $(pkg-config --cflags --libs tailrace) >"$work/said" 2>&1 ||
    violation "docs/library.md: its example does not build: $(cat "$work/said")"
LD_LIBRARY_PATH=$folder "$work/archive" >"$work/said" 2>&1
[ $? = 2 ] || violation "docs/library.md: without a file it does not end with 2: $(cat "$work/said")"
grep -q 'bad usage' "$work/said" || violation "docs/library.md: it does not say why it failed"

read_by_example() {
    export AWS_ENDPOINT_URL="$1"
    unset AWS_ENDPOINT_URL_DYNAMODB AWS_ENDPOINT_URL_DYNAMODB_STREAMS
    printf 'consumers:\n  archive:\n    stream: {table: Orders}\n    processor: {file: {path: "%s"}}\n' \
        "$work/lines" >"$work/archive.yaml"
    "$work/tree/bin/tailrace" feed Orders --create --count 50 >"$work/said" 2>&1 &&
        LD_LIBRARY_PATH=$folder "$work/archive" "$work/archive.yaml" >"$work/said" 2>&1 &&
        [ "$(wc -l <"$work/lines")" = 50 ] ||
        violation "docs/library.md: its example does not read 50 records: $(cat "$work/said")"
}

if [ -n "${TAILRACE:-}" ]; then
    mkfifo "$work/out"
    "$work/tree/bin/tailrace" local --port 0 >"$work/out" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
    read -r line <"$work/out"
    case $line in
    *http://*) read_by_example "http://${line#*http://}" ;;
    *) violation "the installed service model does not start: $line" ;;
    esac
    kill "$server"
    wait "$server"
    "$work/tree/bin/tailrace" version >"$work/said" 2>&1 ||
        violation "the installed program does not say its version: $(cat "$work/said")"
fi
finish "$(wc -l <"$work/exported") exported names, soname $soname"
