#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The pages made from the code's tables are the committed ones.
set -u
status=0
for page in configuration commands logs; do
    if ! "$TR_BUILD_DIR/tests/make_docs" "$page" | cmp -s - "$TR_SOURCE_DIR/docs/$page.md"; then
        echo "docs/$page.md is not what the tables say: run scripts/docs" >&2
        status=1
    fi
done
exit $status
