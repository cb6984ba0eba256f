#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The notes that the simulator does not expect because the shell writes them are just those that no
# core names: one that a core begins to say must be reached from then on.
. "${0%/*}/lib.sh"
cd "$TR_SOURCE_DIR" || exit 1

sed -n 's/^    X(\([A-Z_]*\), .*/\1/p' base/note.h | sort -u >"$work/notes"
find . -path ./build -prune -o -name '*_core.c' -print | xargs cat |
    grep -o 'TR_NOTE_[A-Z_]*' | sed 's/^TR_NOTE_//' | sort -u >"$work/cores"
grep -o '\[TR_NOTE_[A-Z_]*\] = SHELL' tests/sim/coverage.c |
    sed 's/^.TR_NOTE_\([A-Z_]*\).*/\1/' | sort -u >"$work/shell"
[ "$(wc -l <"$work/notes")" -gt 30 ] || violation "base/note.h: its table was not found"
comm -23 "$work/notes" "$work/cores" | comm -3 - "$work/shell" |
    violations_of "said by a core or by the shell, and tests/sim/coverage.c tells otherwise"
finish "$(wc -l <"$work/shell") notes are the shell's"
