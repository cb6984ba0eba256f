#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A seed replays byte for byte: its trace is the same each time, whatever ran before.
set -eu
simulate=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for seed in 1 2 3; do
    "$simulate" --replay $seed >"$work/first"
    "$simulate" --replay $seed >"$work/second"
    cmp "$work/first" "$work/second"
    [ "$(wc -l <"$work/first")" -gt 1000 ]
done
