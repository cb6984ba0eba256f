#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A fleet of real processes: a newcomer gets its share by hand-over, a shard splits, a worker stops,
# one has another's id, one is killed. The numbers of the admin ports move with it, nothing is lost.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

# get WORKER PATH: the answer of its admin port, which goes to $dir/WORKER.http too.
get() {
    exec 8<>"/dev/tcp/127.0.0.1/${admin[$1]}" || return 1
    printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$2" >&8
    tee "$dir/$1.http" <&8
    exec 8>&-
}
# value WORKER SERIES: a number of its metrics; labels other than `consumer` as written.
value() {
    get "$1" /metrics | sed -n "s/^tailrace_$2 \([0-9.]*\)\r*$/\1/p"
}
counter() { value "$1" "$2{consumer=\"orders\"${3:+,$3}}"; }

# worker ID [NAME]: start it; NAME tells its files apart.
declare -A admin pid_of
worker() {
    name=${2:-$1}
    {
        cat "$dir/orders.yaml"
        printf 'worker: {id: %s}\nadmin: {listen: "127.0.0.1:0"}\n' "$1"
    } >"$dir/$name.yaml"
    "$TAILRACE" run "$dir/$name.yaml" 2>"$dir/$name.log" &
    pid_of[$name]=$!
    pids="$pids $!"
    wait_for 20 grep -qs '"admin port open"' "$dir/$name.log"
    admin[$name]=$(sed -n 's/.*"admin port open".*127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$dir/$name.log")
}
# shares: "w1:3 w2:3 free:0", in order, by the lease table.
shares() {
    "$TAILRACE" leases list --output json "$dir/orders.yaml" 2>/dev/null >"$dir/leases.json" &&
        python3 - "$dir/leases.json" <<'PY'
import json, sys
rows = [r for r in json.load(open(sys.argv[1]))["leases"] if r["state"] != "ended"]
held = sorted({r["owner"] for r in rows if "owner" in r})
print(*["%s:%d" % (w, sum(r.get("owner") == w for r in rows)) for w in held],
      "free:%d" % sum("owner" not in r for r in rows))
PY
}
share_is() { shares | grep -qxE "$1"; }
# settles LIMIT_MS PATTERN WHAT: how long it took; the limit is for a machine with time to spare.
settles() {
    from=$(date +%s%3N)
    wait_for 30 share_is "$2"
    took=$(($(date +%s%3N) - from))
    echo "$3: $took ms ($(shares))"
    [ -n "${TR_SANITIZE:-}" ] || [ "$took" -lt "$1" ] || fail "$3 took $took ms"
}

start_local
expect 0 "$TAILRACE" feed Orders --create --count 1 --log "$dir/written"
for _ in 1 2 3 4 5; do
    call TailraceLocal_1.SplitShard '{"TableName":"Orders"}' | grep -q '200 OK' || fail "split"
done
"$TAILRACE" feed Orders --rate 200 --keys 200 --log "$dir/written" 2>"$dir/feed.log" &
feed=$!
pids="$pids $feed"
config orders Orders "$dir/out.jsonl"

# Two workers share evenly; a third one gets its share from both, without a lease being lost.
worker w1
worker w2
settles 8000 'w1:3 w2:3 free:0' 'two workers share six shards'
get w1 /readyz | head -n 1 | grep -q ' 200 ' || fail "not ready at work"
for name in w1 w2; do
    get "$name" /metrics >"$dir/$name.before"
done
worker w3
settles 8000 'w1:2 w2:2 w3:2 free:0' 'a third one has its share'
[ "$(counter w1 leases_handed_over_total)" -ge 1 ] || fail "w1 handed nothing over"
[ "$(counter w2 leases_handed_over_total)" -ge 1 ] || fail "w2 handed nothing over"
[ "$(counter w3 leases_taken_total)" -ge 2 ] || fail "w3 took nothing"
for name in w1 w2 w3; do
    [ "$(counter "$name" leases_held)" -eq 2 ] || fail "$name holds $(counter "$name" leases_held)"
    taken=$(counter "$name" leases_taken_total)
    released=$(counter "$name" leases_released_total)
    [ $((taken - released)) -eq 2 ] || fail "$name took $taken and released $released"
done
grep -l '"lease lost"\|"lease lapsed"' "$dir"/w?.log && fail "a lease was lost on the way"

# A split: the parent is released at its end, both halves are read.
call TailraceLocal_1.SplitShard '{"TableName":"Orders"}' | grep -q '200 OK' || fail "split"
settles 8000 'w1:[23] w2:[23] w3:[23] free:0' 'both halves of a shard are read'
[ "$(grep -ho '"shard ended"' "$dir"/w?.log | wc -l)" -ge 1 ] || fail "no shard ended"

# A clean stop: others read on at once.
get w3 /metrics >"$dir/w3.last"
kill -TERM "${pid_of[w3]}"
settles 4000 'w1:[34] w2:[34] free:0' 'others read on after a clean stop'
wait "${pid_of[w3]}" || fail "w3 ended with $?"

# Somebody starts with the id of w2, and is told so; w2 goes on.
worker w2 twin
wait_for 20 grep -q "row under this worker's id that it did not write" "$dir/twin.log"
kill -KILL "${pid_of[twin]}"
wait "${pid_of[twin]}" 2>/dev/null
grep -q '"lease lost"\|"lease lapsed"' "$dir/w2.log" && fail "w2 lost a lease to its twin"

# A kill: its leases expire, the other one takes them, none of its own is lost.
kill -KILL "${pid_of[w2]}"
wait "${pid_of[w2]}" 2>/dev/null
settles 12000 'w1:7 free:0' 'the last one reads all after a kill'
wait_for 5 eval '[ "$(counter w1 leases_held)" -eq 7 ]'
[ "$(counter w1 leases_lost_total 'reason="other_worker"')" -eq 0 ] || fail "w1 lost a lease"

# Nothing is lost, and the records that were counted are those that were processed.
kill -TERM "$feed"
wait "$feed" || fail "feed"
all_there() {
    python3 "$TR_SOURCE_DIR/tests/support/check_output.py" "$dir/written" "$dir/out.jsonl" \
        >"$dir/verdict" 2>"$dir/verdict.log"
}
wait_for 20 all_there
cat "$dir/verdict"
get w1 /metrics >"$dir/w1.last"
done_of() { sed -n 's/^tailrace_records_processed_total{consumer="orders"} \([0-9]*\)\r*$/\1/p' "$1"; }
[ "$(done_of "$dir/w1.last")" -gt "$(done_of "$dir/w1.before")" ] || fail "records are not counted"
for name in w1 w3; do
    set -- "$dir/$name.before" "$dir/$name.last"
    [ -e "$1" ] || shift
    python3 "$TR_SOURCE_DIR/tests/support/check_metrics.py" "$@" || fail "metrics of $name"
done
kill -TERM "${pid_of[w1]}"
wait "${pid_of[w1]}" || fail "w1 ended with $?"
exit 0
