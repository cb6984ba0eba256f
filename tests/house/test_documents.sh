#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the documents point at is there: relative links, the scripts and tests that they name, and
# every decision in the list of decisions. The lease's states and moves are those of the code.
. "$(dirname "$0")/lib.sh"

cd "$TR_SOURCE_DIR" || exit 1
sources '*.md' >"$work/documents"
[ -s "$work/documents" ] || violation "no document to look at"

while IFS= read -r document; do
    folder=$(dirname "$document")
    grep -noE '\]\([^)# ]+' "$document" | sed 's/](//' | while IFS=: read -r line target; do
        case $target in
        http* | mailto*) continue ;;
        esac
        [ -e "$folder/$target" ] || violation "$document:$line: links to '$target', which is not there"
    done
    grep -noE '(^|[^/A-Za-z0-9._-])(scripts|tests/house|tests/newcomer|docs/decisions)/[A-Za-z0-9_.-]*[A-Za-z0-9_]' \
        "$document" | sed 's/:[^:a-z]*/:/' | while IFS=: read -r line target; do
        [ -e "$target" ] || violation "$document:$line: names '$target', which is not there"
    done
done <"$work/documents"

for page in docs/decisions/[0-9]*.md; do
    grep -qF "(${page##*/})" docs/decisions/README.md ||
        violation "docs/decisions/README.md: does not list ${page##*/}"
    head -n 1 "$page" | grep -q "^# $(basename "$page" | cut -c 1-4): " ||
        violation "$page:1: its title does not begin with its number"
    for part in Context Decision Consequences; do
        grep -q "^## $part\$" "$page" || violation "$page: has no part '$part'"
    done
done
# Lines "FROM TO", of the code's table and of the page's.
sed -n 's/^    \[LEASE_\([A-Z]*\)\] = \(.*\),$/\1 \2/p' lease/lease_known_core.c |
    while read -r from moves; do
        echo "$moves" | grep -oE 'TO\([A-Z]+' | sed "s/TO(/$from /"
    done | sort >"$work/moves"
sed -n '/^## States$/,/^## Costs$/s/^| \([A-Z]*\) | [^|]* | \(.*\) |$/\1 \2/p' docs/leases.md |
    while read -r from moves; do
        echo "$moves" | grep -oE '\<[A-Z]{4,}\>' | grep -vE '^(SHARD|END|'"$from"')$' | sort -u |
            grep -xE 'ABSENT|MAKING|DELETING|ASKING|FOREIGN|TAKING|ADOPTING|HELD|LAPSED|RELEASING' |
            sed "s/^/$from /"
    done | sort >"$work/told"
[ -s "$work/moves" ] || violation "lease/lease_known_core.c: the table of moves is not found"
comm -23 "$work/moves" "$work/told" | violations_of "a move of a lease that docs/leases.md lacks"
comm -13 "$work/moves" "$work/told" | violations_of "a move of a lease that the code does not know"
# The states of a shard, with what they are.
sed -n 's/^    X(\([A-Z]*\), "\(.*\)").*$/\1 \2/p' stream/shard_graph.h | sort >"$work/states"
sed -n '/^## States$/,/^## Where/s/^| \([A-Z]*\) | \([^|]*\) | [^|]* |$/\1 \2/p' docs/shards.md |
    sort >"$work/shown"
[ -s "$work/states" ] || violation "stream/shard_graph.h: the table of states is not found"
comm -23 "$work/states" "$work/shown" | violations_of "a state of a shard that docs/shards.md lacks"
comm -13 "$work/states" "$work/shown" | violations_of "a state of a shard that the code lacks"
# Tests that a page names are there.
sources '*.c' | xargs grep -hoE '^static void test_[a-z0-9_]+' | sed 's/^static void //' | sort -u >"$work/tests"
grep -hoE '\<test_[a-z0-9]+(_[a-z0-9]+)*__[a-z0-9_]+' docs/*.md docs/decisions/*.md | sort -u >"$work/named"
comm -13 "$work/tests" "$work/named" | violations_of "a test that a page names and that is not there"
# Log lines of the on-call guide's sequences are lines that there are.
awk '/^```/ { on = !on; next } on' docs/operations.md | sed -n 's/^\([a-z][a-z ]*[a-z]\)  .*/\1/p' |
    sort -u >"$work/lines"
[ -s "$work/lines" ] || violation "docs/operations.md: no sequence of log lines is found"
while IFS= read -r line; do
    grep -q "^| $line |" docs/logs.md ||
        violation "docs/operations.md: shows '$line', which docs/logs.md lacks"
done <"$work/lines"
finish "$(wc -l <"$work/documents") documents"
