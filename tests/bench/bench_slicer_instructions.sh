#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions a record of the slicer and of cJSON (parse and free) over the same pages, counted by
# callgrind: the same number in every run, whatever else the machine does. One round slices 4,000
# records and parses 2,000.
set -eu
command -v valgrind >/dev/null || { echo "bench: no valgrind, so no instructions" >&2; exit 0; }
bench=$TR_BUILD_DIR/tests/bench_slicer
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# collected FUNCTION...: instructions inside these functions in one round.
collected() {
    toggles=
    for function in "$@"; do
        toggles="$toggles --toggle-collect=$function"
    done
    # shellcheck disable=SC2086
    valgrind --tool=callgrind --callgrind-out-file=/dev/null $toggles "$bench" 1 2>"$out" >/dev/null
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out"
}

slicer=$(collected tr_page_slice)
cjson=$(collected cJSON_ParseWithLengthOpts cJSON_Delete)
tab=$(printf '\t')
echo "slicer${tab}$((slicer / 4000))${tab}instr/record${tab}"
echo "cJSON parse + free${tab}$((cjson / 2000))${tab}instr/record${tab}"
echo "cJSON parse + free ÷ slicer${tab}$((cjson * 2 / slicer))${tab}times${tab}>= 6"
