# SPDX-License-Identifier: Apache-2.0
# What the house tests share. A test reports every violation with its place, then ends with 1 if
# there was one. TR_SOURCE_DIR is the tree to look at, TR_BUILD_DIR what was built of it (without
# ctest: this tree and build/dev); $work is a folder of the test's own.
set -u
export LC_ALL=C.UTF-8
: "${TR_SOURCE_DIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${TR_BUILD_DIR:=$TR_SOURCE_DIR/build/dev}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT PIPE TERM

# A file counts them, since a loop behind a pipe cannot.
violation() {
    echo "$*" | tee -a "$work/violations"
}

# Report each line of stdin as a violation, with a reason behind it.
violations_of() {
    while IFS= read -r line; do
        violation "$line: $*"
    done
}

finish() {
    if [ -s "$work/violations" ]; then
        echo "FAILED: see above"
        exit 1
    fi
    echo "held: $*"
    exit 0
}

skip() {
    echo "skipped: $*"
    exit 77
}

# Files of the tree whose names end as one of the arguments says, without what was built:
# sources '*.c' '*.h'. Paths are relative to the tree.
sources() {
    set -- "$@" --
    while [ "$1" != -- ]; do
        set -- "$@" -o -name "$1"
        shift
    done
    shift 2
    (cd "$TR_SOURCE_DIR" &&
        find . \( -path ./.git -o -path './build*' -o -path ./.cache -o -path ./tests/fuzz/corpus \) \
            -prune -o -type f \( "$@" \) -print) | sed 's|^\./||' | sort
}

# The rooms and what each may know: lines "room knows..." out of cmake/House.cmake, the one place
# that says so.
rooms() {
    sed -n 's/^tr_room(\([a-z]*\))$/\1/p
        s/^tr_room(\([a-z]*\) \(.*\))$/\1 \2/p' "$TR_SOURCE_DIR/cmake/House.cmake" |
        sed 's/ LIBS .*//; s/ ROOMS / /'
}
