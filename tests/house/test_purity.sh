#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file named *_core.c computes and nothing else: its object needs only what pure_symbols.txt
# allows and what other pure objects define, and holds no data that changes.
. "$(dirname "$0")/lib.sh"

[ -z "${TR_SANITIZE:-}" ] || skip "sanitizers add symbols of their own"
[ "${TR_COVERAGE:-OFF}" = OFF ] || skip "coverage adds counters"

allowed_file=$(dirname "$0")/pure_symbols.txt

# "source object" of every file that must be pure; a source without its object is a violation, so
# that the test cannot pass by finding nothing.
{
    sources '*_core.c' | grep -v '^tests/'
    sed -n 's/^pure //p' "$allowed_file"
} >"$work/sources"
: >"$work/objects"
while IFS= read -r source; do
    room=${source%%/*}
    object=$TR_BUILD_DIR/CMakeFiles/tr_$room.dir/$source.o
    if [ -f "$object" ]; then
        echo "$source $object" >>"$work/objects"
    else
        violation "$source: has no object $object"
    fi
done <"$work/sources"
[ -s "$work/objects" ] || violation "no object to look at"

grep -E '^[A-Za-z_][A-Za-z_0-9]*$' "$allowed_file" >"$work/allowed"
while read -r source object; do
    nm --defined-only -g "$object" | awk '{ print $NF }' >>"$work/allowed"
done <"$work/objects"

needed=0
while read -r source object; do
    if ! readelf -SW "$object" >"$work/sections" 2>/dev/null; then
        violation "$source: its object is not ELF (link-time optimization hides what it needs)"
        continue
    fi
    if grep -q '\.gnu\.lto_' "$work/sections"; then
        violation "$source: built with link-time optimization, which hides what it needs"
        continue
    fi
    for symbol in $(nm -u "$object" | awk '{ print $NF }'); do
        needed=$((needed + 1))
        grep -qx "$symbol" "$work/allowed" ||
            violation "$source: needs '$symbol', which is not in pure_symbols.txt"
    done
    # Flags "WA": writable at run time. Relocated constants are not.
    sed 's/^ *\[ *[0-9]*\] *//' "$work/sections" |
        awk '$7 ~ /W/ && $7 ~ /A/ && $1 !~ /^\.data\.rel\.ro/ && $5 !~ /^0+$/ { print $1 }' |
        sort -u >"$work/writable"
    while read -r section; do
        violation "$source: has data that changes, in section $section"
    done <"$work/writable"
done <"$work/objects"
# base/buf.c needs a handful by itself: fewer mean that nm shows nothing.
[ "$needed" -gt 3 ] || violation "nm shows next to no needed symbol: what was built cannot be judged"

finish "$(wc -l <"$work/objects") pure objects, $needed symbols needed"
