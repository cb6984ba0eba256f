#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `leases list` beside a fleet at work.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

start_local
expect 0 "$TAILRACE" feed Orders --create --count 50 --seed 1
config orders Orders "$dir/orders.jsonl"
list() { "$TAILRACE" leases list "$@" "$dir/orders.yaml" >"$dir/out" 2>"$dir/err.log"; }
shows() { list && grep -q -e "$1" "$dir/out"; }

# No table yet: an error, by name.
expect 1 "$TAILRACE" leases list "$dir/orders.yaml"
says "consumer 'orders': lease table 'orders': "
expect 2 "$TAILRACE" leases list
says 'expected list FILE'
expect 2 "$TAILRACE" leases "$dir/orders.yaml"
says "is not one of: list"
expect 2 "$TAILRACE" leases list "$dir/nothing.yaml"

# A worker at work is not disturbed, and is seen; stdout holds the table only.
"$TAILRACE" run "$dir/orders.yaml" 2>"$dir/orders.log" &
worker=$!
pids="$pids $worker"
wait_for 20 grep -q 'checkpoint written\|lease taken' "$dir/orders.log"
wait_for 20 shows "^shardId-[^ ]* *owned *[^ ]*:$worker:"
[ "$(wc -l <"$dir/out")" -eq 2 ] || fail "not a heading and a row"
says "consumer 'orders', table 'orders': 1 row: 1 owned ([^ ]*:$worker:[0-9a-f]*: 1), 0 unowned"
call TailraceLocal_1.SplitShard '{"TableName":"Orders"}' | grep -q '200 OK' || fail "split"
wait_for 20 shows ' ended '
list --output wide && grep -q 'COUNTER .*FAILOVER .*RUN .*PARENTS' "$dir/out" || fail "columns"
list && [ "$(wc -L <"$dir/out")" -le 130 ] || fail "wider than 130 columns: $(cat "$dir/out")"
list --watch 2s || fail "watch"
grep -q ' owned *yes ' "$dir/out" || fail "no sign of life of a worker that lives"
list --output json || fail "json"
python3 - "$dir/out" "$worker" <<'PY' || fail "not the JSON that was promised"
import json, sys
told = json.load(open(sys.argv[1]))
assert len(told["leases"]) == 3 and told["consumers"][0]["rows"] == 3, told
assert all(row["consumer"] == row["table"] == "orders" for row in told["leases"])
states = sorted(row["state"] for row in told["leases"])
assert states == ["ended", "owned", "owned"], states
assert sum(len(row["parents"]) for row in told["leases"]) == 2
assert told["consumers"][0]["workers"][0]["leases"] == 2
assert ":%s:" % sys.argv[2] in told["consumers"][0]["workers"][0]["owner"]
PY
! grep -q 'lease lost\|lapsed' "$dir/orders.log" || fail "the worker was disturbed"

# A dead worker still owns by its rows; a second look tells.
kill -9 "$worker"
wait "$worker" 2>/dev/null
list --watch 2s || fail "watch"
grep -q ' owned *expired ' "$dir/out" || fail "a sign of life of a worker that is dead"
list --watch 500ms || fail "watch"
grep -q ' owned *1\.5s left ' "$dir/out" || fail "how long its lease lasts"

# A row that is not understood is shown with the reason.
call DynamoDB_20120810.PutItem '{"TableName":"orders","Item":{"leaseKey":{"S":"broken"},"leaseCounter":{"S":"x"}}}' |
    grep -q '200 OK' || fail "put"
list || fail "list"
grep -q "^broken .*not understood .*'leaseCounter' is" "$dir/out" || fail "a bad row is hidden"
says '1 not understood'

echo "leases: ok"
