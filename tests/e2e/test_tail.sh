#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `tail` as a user meets it.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

start_local
expect 0 "$TAILRACE" feed Orders --create --count 100 --keys 10 --seed 1
expect 0 "$TAILRACE" tail Orders
[ "$(wc -l <"$dir/out")" -eq 100 ] || fail "$(wc -l <"$dir/out") lines, not 100"
cp "$dir/out" "$dir/all"
number() { sed -n "$1s/.*\"SequenceNumber\": *\"\([0-9]*\)\".*/\1/p" "$dir/all"; }

# From a sequence number, with and without the record itself.
expect 0 "$TAILRACE" tail Orders --from "after:$(number 40)" --limit 2
sed -n 41,42p "$dir/all" | cmp -s - "$dir/out" || fail "after:SEQ --limit 2"
expect 0 "$TAILRACE" tail Orders --from "at:$(number 40)" --limit 1
sed -n 40p "$dir/all" | cmp -s - "$dir/out" || fail "at:SEQ --limit 1"

# A number that no record has is no place to begin at.
expect 1 "$TAILRACE" tail Orders --from "at:$(number 40)9"
says 'no shard of the stream holds'

# Parents before children, through a split and a rollover.
call TailraceLocal_1.SplitShard '{"TableName":"Orders"}' | grep -q '200 OK' || fail "split"
expect 0 "$TAILRACE" feed Orders --count 100 --keys 10 --seed 1
call TailraceLocal_1.Rollover '{"TableName":"Orders"}' | grep -q '200 OK' || fail "rollover"
expect 0 "$TAILRACE" feed Orders --count 100 --keys 10 --seed 1
expect 0 "$TAILRACE" tail Orders
[ "$(wc -l <"$dir/out")" -eq 300 ] || fail "$(wc -l <"$dir/out") lines, not 300"
head -n 100 "$dir/out" | cmp -s - "$dir/all" || fail "the parent did not come first"
# On from inside the parent to its descendants.
expect 0 "$TAILRACE" tail Orders --from "after:$(number 90)"
[ "$(wc -l <"$dir/out")" -eq 210 ] || fail "$(wc -l <"$dir/out") lines after the 90th"

# By ARN; one shard; pretty.
arn=$(sed -n '1s/.*"eventSourceARN":"\([^"]*\)".*/\1/p' "$dir/all")
expect 0 "$TAILRACE" tail "$arn" --limit 1
[ "$(wc -l <"$dir/out")" -eq 1 ] || fail "tail ARN --limit 1"
expect 0 "$TAILRACE" tail Orders --limit 1 --output pretty
[ "$(tr -d ' \n' <"$dir/out")" = "$(sed -n 1p "$dir/all" | tr -d ' ')" ] || fail "pretty changed it"
expect 1 "$TAILRACE" tail Orders --shard shardId-00000000000000000000-00000000
says 'no shard'

# A reader that leaves ends it quietly.
"$TAILRACE" tail Orders --follow 2>"$dir/err.log" | head -n 3 >"$dir/three"
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "a closed stdout did not end tail with 0"
[ -s "$dir/err.log" ] && fail "a closed stdout was not quiet"
[ "$(wc -l <"$dir/three")" -eq 3 ] || fail "head got other than three lines"

# Follow: what is written later, until a signal.
"$TAILRACE" tail Orders --from latest --follow >"$dir/follow" 2>"$dir/follow.log" &
follower=$!
pids="$pids $follower"
written_later() { # what is written before it has its place at the tip is not printed
    "$TAILRACE" feed Orders --count 5 --keys 10 2>>"$dir/feed.log" || fail "feed"
    [ -s "$dir/follow" ]
}
wait_for 60 written_later
kill -TERM "$follower"
wait "$follower" || fail "SIGTERM ended tail with $?"

# A signal during the first question, which nobody answers: it ends as well, and at once.
call TailraceLocal_1.SetFault '{"Fault":"Hang","Operation":"DescribeStream"}' | grep -q '200 OK' ||
    fail "SetFault"
ask() {
    "$TAILRACE" tail Orders >"$dir/hang" 2>"$dir/hang.log" &
    hanging=$!
    pids="$pids $hanging"
}
asked() {
    call TailraceLocal_1.ClearFaults '{}' | tail -n 1 >"$dir/struck"
    grep -q '"Struck": *0' "$dir/struck" || return 0
    call TailraceLocal_1.SetFault '{"Fault":"Hang","Operation":"DescribeStream"}' >/dev/null
    kill -0 "$hanging" 2>/dev/null || ask # asked between the two, it was answered
    return 1
}
ask
wait_for 60 asked
kill -TERM "$hanging"
wait "$hanging" || fail "SIGTERM during the first question ended tail with $?"
[ -s "$dir/hang.log" ] && fail "SIGTERM during the first question was not quiet"

# A service that answers with nonsense for good: an error with the place, in seconds.
call TailraceLocal_1.SetFault '{"Fault":"HalfAnswer","Operation":"GetRecords"}' | grep -q '200 OK' ||
    fail "SetFault"
expect 1 timeout 90 "$TAILRACE" tail Orders
says 'GetRecords at .*cut'
call TailraceLocal_1.ClearFaults '{}' | grep -q '200 OK' || fail "ClearFaults"

# Bad usage.
expect 2 "$TAILRACE" tail
expect 2 "$TAILRACE" tail Orders --from yesterday
says 'yesterday'
expect 2 "$TAILRACE" tail Orders --from at:12x
says '12x'
expect 2 "$TAILRACE" tail Orders --limit 0
expect 2 "$TAILRACE" tail Orders --output xml
expect 1 "$TAILRACE" tail NoSuchTable
says 'NoSuchTable'

echo "tail: ok"
