#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The form of the sources that a formatter does not hold: licence lines, columns, include guards,
# documented headers, functions of a length that can be read, names.
. "$(dirname "$0")/lib.sh"

function_lines_max=120
cd "$TR_SOURCE_DIR" || exit 1
sources '*.c' '*.h' >"$work/c"
sources '*.sh' '*.cmake' CMakeLists.txt >"$work/other"
find scripts .ci tests/newcomer -type f >>"$work/other" 2>/dev/null
sort -u "$work/c" "$work/other" >"$work/all"
[ -s "$work/c" ] || violation "no source to look at"

# Every source says its licence on its first line, or behind the #! line.
while IFS= read -r file; do
    head -n 2 "$file" | grep -qE '^(/\*|#|//) SPDX-License-Identifier: Apache-2\.0( \*/)?$' ||
        violation "$file:1: has no SPDX line"
done <"$work/all"

# shellcheck disable=SC2046 # names without blanks
{
    mark='TO''DO|FIX''ME|X''XX'
    grep -nHwE "$mark" $(cat "$work/all") | violations_of "unfinished; say it in an issue"
    grep -nHE '^.{101,}' $(cat "$work/c") | cut -c 1-60 | violations_of "over 100 columns"
    grep -nHE "$(printf '\t')" $(cat "$work/c") | violations_of "a tab"
    grep -nHE '[[:space:]]+$' $(cat "$work/all") | violations_of "white space at the end"
    grep -nHE '^typedef (struct|enum|union)\>' $(cat "$work/c") | grep -v '(\*' | violations_of "a typedef of a struct"
    awk 'FNR == 1 && NR > 1 && last != "" { print place ": no newline at its end" }
        { place = FILENAME; last = "" }' $(cat "$work/c") | violations_of "style"
}

# room/name.h is guarded by TR_ROOM_NAME_H, include/tailrace/name.h by TAILRACE_NAME_H.
grep '\.h$' "$work/c" >"$work/headers"
while IFS= read -r header; do
    case $header in
    include/*) path=${header#include/} ;;
    *) path=tr/$header ;;
    esac
    want=$(echo "$path" | tr 'a-z/.-' 'A-Z___')
    grep -q "^#ifndef $want\$" "$header" && grep -q "^#define $want\$" "$header" ||
        violation "$header:1: its include guard is not $want"
done <"$work/headers"

# Functions that a header declares stand in a group under a comment, or have one on their line.
# What deinit and free do is the same everywhere.
while IFS= read -r header; do
    awk -v file="$header" '
        /^#(if|endif|include)/ { said = 0 }
        /\\$/ || /^#/ || macro { macro = /\\$/; next }
        /^[[:space:]]*$/ { said = 0; next }
        /\/\*/ { said = 1 }
        /^(TR_API )?[a-z_].*[a-z0-9_]+\(/ && !/^(static|typedef|extern "C")/ &&
            !/_(deinit|free)\(/ && !said { print file ":" FNR ": " $0 }' "$header"
done <"$work/headers" | violations_of "declared without a comment before its group"

# A function begins and ends with a brace in column one.
# shellcheck disable=SC2046
awk -v max="$function_lines_max" '
    FNR == 1 { start = 0 }
    /^[a-zA-Z].*\(/ { head = $0 }
    /^\{/ { start = FNR }
    /^\}/ && start {
        if (FNR - start - 1 > max) {
            print FILENAME ":" start ": " FNR - start - 1 " lines: " head
        }
        start = 0
    }' $(cat "$work/c") | violations_of "a function over $function_lines_max lines"

finish "$(wc -l <"$work/all") files"
