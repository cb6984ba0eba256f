#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The pages made from the code's tables are the committed ones; the man pages render without a
# warning where groff is to be had.
set -u
status=0
for page in configuration commands logs metrics; do
    if ! "$TR_BUILD_DIR/tests/make_docs" "$page" | cmp -s - "$TR_SOURCE_DIR/docs/$page.md"; then
        echo "docs/$page.md is not what the tables say: run scripts/docs" >&2
        status=1
    fi
done
for name in $("$TR_BUILD_DIR/tests/make_docs" man); do
    page=docs/man/tailrace-$name.1
    [ "$name" != tailrace ] || page=docs/man/tailrace.1
    if ! "$TR_BUILD_DIR/tests/make_docs" man "$name" | cmp -s - "$TR_SOURCE_DIR/$page"; then
        echo "$page is not what the tables say: run scripts/docs" >&2
        status=1
    fi
    if command -v groff >/dev/null; then
        warnings=$(groff -man -ww -Tutf8 "$TR_SOURCE_DIR/$page" 2>&1 >/dev/null)
        [ -z "$warnings" ] || { echo "$page: $warnings" >&2; status=1; }
    fi
done
exit $status
