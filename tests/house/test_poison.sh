#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A use of a poisoned call does not compile, and the poison is forced into every file of ours.
. "$(dirname "$0")/lib.sh"

poison=$TR_SOURCE_DIR/base/poison.h
compile() {
    "${TR_CC:-gcc}" -std=c11 -D_GNU_SOURCE -include "$poison" -fsyntax-only "$1" 2>"$work/said"
}

sed -n 's/^#pragma GCC poison //p' "$poison" | tr ' ' '\n' | grep . >"$work/names"
for name in strcpy sprintf atoi strtok gmtime system; do
    grep -qx "$name" "$work/names" || violation "base/poison.h: does not name $name"
done

echo 'int fine(void); int fine(void) { return (int)strlen("snprintf"); }' >"$work/fine.c"
compile "$work/fine.c" || violation "a harmless file does not compile: $(cat "$work/said")"
while IFS= read -r name; do
    printf 'int use(void);\nint use(void)\n{\n    return %s(0);\n}\n' "$name" >"$work/use.c"
    if compile "$work/use.c"; then
        violation "base/poison.h: a use of $name compiles"
    elif ! grep -q "poisoned \"*$name\|poisoned identifier" "$work/said"; then
        violation "base/poison.h: a use of $name fails for another reason: $(cat "$work/said")"
    fi
done <"$work/names"

commands=$TR_BUILD_DIR/compile_commands.json
grep '"command":' "$commands" | grep -v -e "-include [^ ]*base/poison.h" |
    sed 's/.* -c //' | violations_of "compiled without base/poison.h"
grep -q '"command":' "$commands" || violation "$commands: shows no command"

finish "$(wc -l <"$work/names") poisoned calls"
