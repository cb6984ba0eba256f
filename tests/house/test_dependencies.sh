#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A room includes only what cmake/House.cmake lets it know, public headers include public ones
# only, and nobody includes a source file.
. "$(dirname "$0")/lib.sh"

rooms >"$work/rooms"
[ "$(wc -l <"$work/rooms")" -ge 10 ] || violation "cmake/House.cmake: its tr_room lines were not understood"

sources '*.c' '*.h' >"$work/files"
[ -s "$work/files" ] || violation "no source to look at"
# "file:line:included" for every include in quotes, or of a room in angle brackets.
(cd "$TR_SOURCE_DIR" && xargs grep -HnE '^[[:space:]]*#[[:space:]]*include' /dev/null) \
    <"$work/files" | sed 's/[[:space:]]*#[[:space:]]*include[[:space:]]*//' >"$work/includes"

awk -v rooms="$work/rooms" '
    BEGIN {
        while ((getline line < rooms) > 0) {
            n = split(line, word, " ")
            is_room[word[1]] = 1
            for (i = 1; i <= n; i++) {
                knows[word[1], word[i]] = 1
            }
        }
    }
    function bad(why) { print file ":" number ": " why }
    {
        split($0, part, ":")
        file = part[1]
        number = part[2]
        text = substr($0, length(file) + length(number) + 3)
        quoted = substr(text, 1, 1) == "\""
        sub(/^["<]/, "", text)
        sub(/[">].*/, "", text)
        from = file
        sub(/\/.*/, "", from)
        to = text
        sub(/\/.*/, "", to)

        if (text ~ /\.c$/) {
            bad("includes the source file " text)
        } else if (from == "include") {
            if (quoted && to != "tailrace") {
                bad("a public header includes the private " text)
            } else if (!quoted && text ~ /\//) {
                bad("a public header includes <" text ">, which its user may lack")
            }
        } else if (to == "tailrace" || (from == "tests" && quoted && to == "tests")) {
            next
        } else if (quoted && text !~ /\//) {
            bad("includes \"" text "\", which does not name its room")
        } else if (!quoted && is_room[to] && text ~ /\//) {
            bad("includes a room in angle brackets: <" text ">")
        } else if (quoted && is_room[to] && is_room[from] && !knows[from, to]) {
            bad(from "/ may not know " to "/ (cmake/House.cmake)")
        } else if (quoted && is_room[from] && !is_room[to]) {
            bad("includes " text ", which is in no room")
        }
    }' "$work/includes" >"$work/bad"
while IFS= read -r line; do
    violation "$line"
done <"$work/bad"

# The table itself: knowledge points upwards in the list, and only cli/ knows worker/ and cli/.
seen=
while read -r room known; do
    for other in $known; do
        case " $seen " in
        *" $other "*) ;;
        *) violation "cmake/House.cmake: $room knows $other, which does not stand above it" ;;
        esac
        case $room:$other in
        cli:*) ;;
        *:worker | *:cli) violation "cmake/House.cmake: $room knows $other, only cli may" ;;
        esac
    done
    seen="$seen $room"
done <"$work/rooms"

finish "$(wc -l <"$work/includes") includes between $(wc -l <"$work/rooms") rooms"
