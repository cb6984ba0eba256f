#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The admin port of a worker at work: probes, and numbers that agree with what happened.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

# get PATH: an answer of the admin port on stdout, to $dir/out too.
get() {
    exec 8<>"/dev/tcp/127.0.0.1/$admin" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$1" >&8
    tr -d '\r' <&8 | tee "$dir/out"
    exec 8>&-
}
is() { get "$1" | head -n 1 | grep -q " $2 "; }
# number SERIES VALUE: whether the series, braces and all, has the value now.
number() { get /metrics | grep -qFx "$1 $2"; }

# worker NAME [ENDPOINT]: starts it in the background, learns the admin port.
worker() {
    printf 'admin: {listen: "127.0.0.1:0"}\n' >>"$dir/$1.yaml"
    AWS_ENDPOINT_URL=${2:-$AWS_ENDPOINT_URL} "$TAILRACE" run "$dir/$1.yaml" 2>"$dir/$1.log" &
    pid=$!
    pids="$pids $pid"
    wait_for 20 grep -qs '"admin port open"' "$dir/$1.log"
    admin=$(sed -n 's/.*"admin port open".*127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$dir/$1.log")
}

start_local
expect 0 "$TAILRACE" feed Orders --create --count 500 --seed 1

# Nobody answers: the process lives and is not ready, with the reason.
config nobody Orders "$dir/nobody.jsonl"
worker nobody http://127.0.0.1:1
is /livez 200 || fail "not alive without a service"
is /readyz 503 || fail "ready without a service"
grep -qx "consumer 'nobody': its stream is not found yet" "$dir/out" || fail "no reason"
wait_for 20 number 'tailrace_calls_total{consumer="nobody",service="dynamodb",operation="DescribeTable",outcome="unanswered"}' 1
kill -TERM "$pid"
wait "$pid" || fail "SIGTERM ended with $?"

# At work: ready, and the numbers are those of what happened.
config orders Orders "$dir/orders.jsonl"
worker orders
wait_for 20 is /readyz 200
is /livez 200 || fail "not alive"
wait_for 20 number 'tailrace_records_processed_total{consumer="orders"}' 500
number 'tailrace_records_fetched_total{consumer="orders"}' 500 || fail "records fetched"
number 'tailrace_leases_held{consumer="orders"}' 1 || fail "leases held"
number 'tailrace_leases_taken_total{consumer="orders"}' 1 || fail "leases taken"
number 'tailrace_gaps_total{consumer="orders"}' 0 || fail "gaps"
wait_for 20 number 'tailrace_lag_seconds{consumer="orders"}' 0.000
number 'tailrace_lag_unknown_shards{consumer="orders"}' 0 || fail "lag unknown"
is /nothing 404 || fail "a path that is none"
get /metrics >"$dir/metrics.txt"
python3 "$TR_SOURCE_DIR/tests/support/check_metrics.py" "$dir/metrics.txt" || fail "not Prometheus's"

# Somebody else takes the lease: it is lost, for a reason that is named.
key=$(call DynamoDB_20120810.Scan '{"TableName":"orders"}' |
    sed -n 's/.*"leaseKey":{"S":"\([^"]*\)"}.*/\1/p')
call DynamoDB_20120810.UpdateItem '{"TableName":"orders","Key":{"leaseKey":{"S":"'"$key"'"}},"UpdateExpression":"SET leaseOwner = :o, leaseCounter = leaseCounter + :n","ExpressionAttributeValues":{":o":{"S":"thief"},":n":{"N":"7"}}}' |
    grep -q '200 OK' || fail "steal"
wait_for 20 number 'tailrace_leases_lost_total{consumer="orders",reason="other_worker"}' 1
wait_for 20 number 'tailrace_leases_taken_total{consumer="orders"}' 2

# The port that is taken: the next one with the same says so and ends with 1.
config second Orders "$dir/second.jsonl"
printf 'admin: {listen: "127.0.0.1:%s"}\n' "$admin" >>"$dir/second.yaml"
expect 1 "$TAILRACE" run "$dir/second.yaml"
says "admin.listen: cannot listen on '127.0.0.1:$admin': Address already in use"

kill -TERM "$pid"
wait "$pid" || fail "SIGTERM ended with $?"

# While a worker waits for a batch in hand before it stops, it lives and is not ready. The batch
# hangs in a pipe that nobody reads.
mkfifo "$dir/pipe"
exec 7<>"$dir/pipe"
config stopping Orders "$dir/pipe"
printf 'worker: {shutdown_timeout: 2s}\n' >>"$dir/stopping.yaml"
worker stopping
wait_for 20 number 'tailrace_leases_held{consumer="stopping"}' 1
wait_for 20 is /readyz 200
wait_for 20 number 'tailrace_records_fetched_total{consumer="stopping"}' 500
kill -TERM "$pid"
wait_for 2 is /readyz 503
grep -qx "consumer 'stopping': it stops" "$dir/out" || fail "no reason: $(cat "$dir/out")"
is /livez 200 || fail "not alive while it stops"
wait "$pid"
[ $? -eq 1 ] || fail "a batch that hangs ended with $?"
exec 7>&-
echo "admin: ok"
