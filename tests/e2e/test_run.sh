#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `run` as a user meets it: to the end, stopped, killed, told wrong things.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

lines() { [ -e "$1" ] && wc -l <"$1" || echo 0; }
has_lines() { [ "$(lines "$1")" -ge "$2" ]; }

start_local
expect 0 "$TAILRACE" feed Orders --create --count 500 --seed 1

# To the tip, and again: nothing twice.
config once Orders "$dir/once.jsonl"
expect 0 "$TAILRACE" run --once "$dir/once.yaml"
[ "$(lines "$dir/once.jsonl")" -eq 500 ] || fail "$(lines "$dir/once.jsonl") lines, not 500"
expect 0 "$TAILRACE" run --once "$dir/once.yaml"
[ "$(lines "$dir/once.jsonl")" -eq 500 ] || fail "delivered again after a clean end"

# stdout holds data only; the log is JSON lines on stderr.
config stdout Orders -
expect 0 "$TAILRACE" run --once "$dir/stdout.yaml"
[ "$(grep -c '^{.*"eventSourceARN":"arn:aws:dynamodb:[^"]*"}$' "$dir/out")" -eq 500 ] ||
    fail "stdout is not 500 records"
[ "$(grep -vc '^{"ts":.*}$' "$dir/err.log")" -eq 0 ] || fail "stderr is not JSON lines"

# A closed stdout, a full disk: an error, exit 1, and nothing counts as done.
config closed Orders -
"$TAILRACE" run --once "$dir/closed.yaml" 2>"$dir/err.log" | head -n 1 >/dev/null
[ "${PIPESTATUS[0]}" -eq 1 ] || fail "a closed stdout did not end the run with 1"
says 'closed\|EPIPE'
config full Orders /dev/full
expect 1 "$TAILRACE" run --once "$dir/full.yaml"
says 'ENOSPC\|[Nn]o space'

# SIGTERM: checkpointed and released; the next worker delivers nothing twice.
config term Orders "$dir/term.jsonl"
"$TAILRACE" run "$dir/term.yaml" 2>"$dir/term.log" &
worker=$!
pids="$pids $worker"
wait_for 20 has_lines "$dir/term.jsonl" 500
kill -TERM "$worker"
wait "$worker" || fail "SIGTERM ended the run with $?"
grep -q 'lease released' "$dir/term.log" || fail "no lease was released"
expect 0 "$TAILRACE" run --once "$dir/term.yaml"
[ "$(lines "$dir/term.jsonl")" -eq 500 ] || fail "delivered again after SIGTERM"

# SIGTERM while the lease table refuses all writes: soon over, told, 1, and nothing is lost.
config deaf Orders "$dir/deaf.jsonl"
"$TAILRACE" run "$dir/deaf.yaml" 2>"$dir/deaf.log" &
worker=$!
pids="$pids $worker"
wait_for 20 has_lines "$dir/deaf.jsonl" 500
call TailraceLocal_1.SetFault \
    '{"Fault":"InternalError","Operation":"UpdateItem","TableName":"deaf"}' | grep -q '200 OK' ||
    fail "SetFault"
kill -TERM "$worker"
wait "$worker"
got=$?
[ "$got" -eq 1 ] || fail "SIGTERM without a release ended the run with $got"
grep -q 'one lease could not be released' "$dir/deaf.log" || fail "it is not told"
call TailraceLocal_1.ClearFaults '{}' | grep -q '200 OK' || fail "ClearFaults"
expect 0 "$TAILRACE" run --once "$dir/deaf.yaml"
distinct=$(sed -n 's/.*"SequenceNumber": *"\([0-9]*\)".*/\1/p' "$dir/deaf.jsonl" | sort -u | wc -l)
[ "$distinct" -eq 500 ] || fail "$distinct distinct records, not 500"

# SIGKILL: everything is delivered, some of it perhaps twice; a torn line never stays.
config kill Orders "$dir/kill.jsonl"
for round in 1 2 3 4 5; do
    "$TAILRACE" feed Orders --count 200 --seed "$round" 2>>"$dir/feed.log" || fail "feed"
    "$TAILRACE" run "$dir/kill.yaml" 2>>"$dir/kill.log" &
    worker=$!
    pids="$pids $worker"
    wait_for 20 has_lines "$dir/kill.jsonl" $((round * 100))
    kill -9 "$worker"
    wait "$worker" 2>/dev/null
done
expect 0 "$TAILRACE" run --once "$dir/kill.yaml"
distinct=$(sed -n 's/.*"SequenceNumber": *"\([0-9]*\)".*/\1/p' "$dir/kill.jsonl" | sort -u | wc -l)
[ "$distinct" -eq 1500 ] || fail "$distinct distinct records, not 1500"
[ "$(grep -vc '^{.*}$' "$dir/kill.jsonl")" -eq 0 ] || fail "a torn line stayed"

# Two workers at once on several shards: each record once.
call TailraceLocal_1.SplitShard '{"TableName":"Orders"}' | grep -q '200 OK' || fail "split"
"$TAILRACE" feed Orders --count 300 --seed 9 2>>"$dir/feed.log" || fail "feed"
config two Orders "$dir/two.jsonl"
"$TAILRACE" run --once "$dir/two.yaml" 2>"$dir/two-a.log" &
first=$!
pids="$pids $first"
"$TAILRACE" run --once "$dir/two.yaml" 2>"$dir/two-b.log" || fail "the second worker"
wait "$first" || fail "the first worker"
expect 0 "$TAILRACE" run --once "$dir/two.yaml"
[ "$(lines "$dir/two.jsonl")" -eq 1800 ] || fail "$(lines "$dir/two.jsonl") lines by two workers"

# A start at the latest: nothing of before, and everything since, also what was written while
# nobody ran; a changed configuration changes nothing. A start in the future is refused.
call TailraceLocal_1.AdvanceClock '{"Seconds":60}' | grep -q '200 OK' || fail "advance the clock"
config latest Orders "$dir/latest.jsonl"
sed -i 's/table: Orders}/table: Orders, start: latest}/' "$dir/latest.yaml"
expect 0 "$TAILRACE" run --once "$dir/latest.yaml"
[ "$(lines "$dir/latest.jsonl")" -eq 0 ] || fail "start: latest delivered what was old"
"$TAILRACE" feed Orders --count 100 --seed 10 2>>"$dir/feed.log" || fail "feed"
call TailraceLocal_1.SplitShard '{"TableName":"Orders"}' | grep -q '200 OK' || fail "split"
"$TAILRACE" feed Orders --count 100 --seed 11 2>>"$dir/feed.log" || fail "feed"
expect 0 "$TAILRACE" run --once "$dir/latest.yaml"
[ "$(lines "$dir/latest.jsonl")" -eq 200 ] || fail "$(lines "$dir/latest.jsonl") lines, not 200"
sed -i 's/start: latest/start: {at_timestamp: 2962-11-21T08:00:00Z}/' "$dir/latest.yaml"
"$TAILRACE" feed Orders --count 100 --seed 12 2>>"$dir/feed.log" || fail "feed"
expect 0 "$TAILRACE" run --once "$dir/latest.yaml"
[ "$(lines "$dir/latest.jsonl")" -eq 300 ] || fail "$(lines "$dir/latest.jsonl") lines, not 300"
sed -i 's/lease: {/lease: {table: never, /' "$dir/latest.yaml"
expect 2 "$TAILRACE" run --once "$dir/latest.yaml"
says "'2962-11-21T08:00:00.000Z' lies in the future"

# Wrong tables.
config missing NoSuchTable "$dir/missing.jsonl"
expect 1 "$TAILRACE" run --once "$dir/missing.yaml"
says 'NoSuchTable\|ResourceNotFound'
call DynamoDB_20120810.CreateTable '{"TableName":"Plain","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}' |
    grep -q '200 OK' || fail "create"
config plain Plain "$dir/plain.jsonl"
expect 1 "$TAILRACE" run --once "$dir/plain.yaml"
says 'stream'
# A lease table that is none is a mistake in the configuration.
sed -i 's/failover: 2s/failover: 2s, table: Plain/' "$dir/once.yaml"
expect 2 "$TAILRACE" run --once "$dir/once.yaml"
says 'leaseKey'

# Nobody listens: asked again and again; SIGTERM still ends it at once.
config nobody Orders "$dir/nobody.jsonl"
AWS_ENDPOINT_URL=http://127.0.0.1:1 "$TAILRACE" run "$dir/nobody.yaml" 2>"$dir/nobody.log" &
worker=$!
pids="$pids $worker"
wait_for 20 grep -q 'not readable yet' "$dir/nobody.log"
kill -TERM "$worker"
wait "$worker" || fail "SIGTERM while nobody listens ended with $?"

echo "run: ok"
