#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tailrace under each fault that the service model knows (local/fault.h), one after the other on one
# table each, several at once: a feed writes, a shard splits and a worker reads while the fault
# strikes; then it is taken away. Whatever it was, the log says what happened, the exit codes are
# the usual ones, each write that was acknowledged to the feed is in the processor's file, and the
# first deliveries of each item are in order.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

# The log of the feed(s) against the processor's file: prints what is wrong.
verdict() {
    awk '
        function after(mark,  at) {
            at = index($0, mark)
            return at ? substr($0, at + length(mark)) : ""
        }
        FILENAME == ARGV[1] { written[$1, $2]; writes++; next }
        {
            removal = index($0, "\"eventName\":\"REMOVE\"") > 0
            pk = after("\"Keys\":{\"pk\":{\"S\":\"")
            n = after("\"n\":{\"N\":\"")
            sub(/".*/, "", pk)
            sub(/".*/, "", n)
            n += removal # the number of a removal is one above that of the item it removed
            if ((pk, n) in seen) { next }
            seen[pk, n]
            if (n != last[pk] + 1 && n != 1) { print pk ": " n " after " last[pk] + 0; bad++ }
            last[pk] = n
        }
        END {
            for (key in written) {
                if (!(key in seen)) { split(key, part, SUBSEP); print "lost: " part[1], part[2]; bad++ }
            }
            if (writes == 0) { print "nothing was written"; bad++ }
            exit bad > 0
        }' "$1" "$2"
}

# set_fault RULE: members of SetFault; the rule's id goes to $rules.
set_fault() {
    id=$(call TailraceLocal_1.SetFault "{$1}" | sed -n 's/.*"FaultId":\([0-9]*\).*/\1/p')
    [ -n "$id" ] || fail "SetFault {$1}"
    rules="$rules $id"
}
clear_faults() {
    for id in $rules; do
        call TailraceLocal_1.ClearFaults "{\"FaultId\":$id}" >"$dir/cleared.$name"
    done
    rules=
}

lines() { [ -e "$1" ] && wc -l <"$1" || echo 0; }
has_lines() { [ "$(lines "$1")" -ge "$2" ]; }
seen() { grep -q -e "$1" "$dir/$name.log" "$dir/$name.feed.log"; }

feed() { # COUNT
    "$TAILRACE" feed "$table" --create --keys 20 --count "$1" --log "$dir/$name.written" \
        2>>"$dir/$name.feed.log" || fail "$name: feed ended with $?"
}
once() { # EXIT CODE
    "$TAILRACE" run --once "$dir/$app.yaml" 2>>"$dir/$name.log"
    got=$?
    [ "$got" -eq "$1" ] || fail "$name: run --once ended with $got, not $1"
}

# fault NAME SAYS RULE...: the day of one table. SAYS is what must stand in the worker's log or the
# feed's report, "" for nothing but silence: no line above info. In rules T is the table, L the
# lease table.
fault() {
    name=$1 says=$2 rules=
    shift 2
    table=T$name app=a$name
    config "$app" "$table" "$dir/$name.jsonl"
    feed 150
    once 0
    for rule in "$@"; do
        rule=${rule//@T/\"TableName\":\"$table\"}
        set_fault "\"Fault\":\"${name%%-*}\"${rule:+,}${rule//@L/\"TableName\":\"$app\"}"
    done
    "$TAILRACE" run "$dir/$app.yaml" 2>>"$dir/$name.log" &
    worker=$!
    feed 150
    call TailraceLocal_1.SplitShard "{\"TableName\":\"$table\"}" | grep -q '200 OK' ||
        fail "$name: split"
    feed 100
    if [ -n "$says" ]; then
        wait_for 120 seen "$says"
    fi
    clear_faults
    # A child that was left out is found by the next full listing: minutes later, or by --once.
    [ "$name" = PartialListing ] || wait_for 120 has_lines "$dir/$name.jsonl" 400
    kill -TERM "$worker"
    wait "$worker" || fail "$name: SIGTERM ended the run with $?"
    worker=
    once 0
    verdict "$dir/$name.written" "$dir/$name.jsonl" >"$dir/$name.verdict" ||
        fail "$name: $(head -n 5 "$dir/$name.verdict")"
    if [ -z "$says" ] && grep '"level":"\(warn\|error\)"' "$dir/$name.log"; then
        fail "$name: more is said than needs be"
    fi
    grep -q 'records are missing' "$dir/$name.log" && fail "$name: a gap where there was none"
    echo "$name: ok"
}

start_local --seed 11
jobs_out=
# at_once COMMAND...: in a process of its own; join waits for all.
at_once() {
    (
        worker=
        trap '[ -z "$worker" ] || kill -9 "$worker" 2>/dev/null' EXIT
        "$@"
    ) &
    jobs_out="$jobs_out $!"
}
join() {
    for job in $jobs_out; do
        wait "$job" || exit 1
    done
    jobs_out=
}

some='"Probability":0.1'
at_once fault Throttle 'throttled' "@T,$some" "@L,$some"
at_once fault InternalError 'InternalServerError' "@T,$some" "@L,$some"
at_once fault Html500 '500 Internal Server Error' "@T,$some" "@L,$some"
at_once fault ResourceNotFound 'ResourceNotFound' '@T,"Operation":"GetRecords","Count":3' \
    '@T,"Operation":"DescribeStream","Count":2' '@T,"Operation":"GetShardIterator","Count":2'
at_once fault ExpiredIterator 'iterator expired' '@T,"Count":3'
at_once fault ResetBefore 'call failed' "@T,$some" "@L,$some"
join
at_once fault ResetAfter 'lease write without an answer' "@T,$some" "@L,$some"
at_once fault HalfAnswer 'lease write without an answer' "@T,$some" "@L,$some"
at_once fault Hang 'lease write without an answer' \
    '@T,"Operation":"GetRecords","Count":1' '@L,"Operation":"UpdateItem","Count":2'
at_once fault Delay 'lease write without an answer' "@T,$some,\"DelayMs\":300" \
    '@L,"Operation":"UpdateItem","DelayMs":600,"Count":2'
at_once fault StaleListing 'the listing shows no shard yet' '@T'
at_once fault PartialListing '' '@T'
join
at_once fault EmptyPage '' "@T,\"Probability\":0.5"
at_once fault StaleRead '' '@L'
at_once fault NoAllOld '' '@L'
at_once fault Unprocessed '' '@T' '@L'

# EarlyTrim takes records away for good: what is missing is told with bounds, the rest is delivered;
# with on_gap: stop the run says so and ends with 1, and again until somebody decides.
name=EarlyTrim table=Trimmed
trimmed() { # EXIT CODE, ON_GAP: a run that has read something finds the rest of it trimmed
    app=trimmed-$2 written=$(lines "$dir/Trimmed.written")
    config "$app" "$table" "$dir/$app.jsonl"
    sed -i "s/table: $table}/table: $table, on_gap: $2}/" "$dir/$app.yaml"
    feed 50
    once 0
    feed 50
    rules=
    set_fault "\"Fault\":\"EarlyTrim\",\"TableName\":\"$table\",\"Operation\":\"GetRecords\",\"Count\":1"
    : >"$dir/$name.log"
    once "$1"
}
trimmed 0 continue
grep -q '"level":"error","msg":"records are missing".*"bounds":"after [0-9]*, before [0-9]* (written [-0-9T:.]*Z)"' \
    "$dir/$name.log" || fail "EarlyTrim: no bounds"
[ "$(lines "$dir/trimmed-continue.jsonl")" -eq 51 ] || fail "EarlyTrim: not the newest record alone"
once 0
trimmed 1 stop
grep -q "shard not read on.*records are missing and on_gap is 'stop'" "$dir/$name.log" ||
    fail "EarlyTrim: on_gap: stop does not say why"
once 1
echo "EarlyTrim: ok"

# Limits of reading: other readers are in the way; all get everything, later.
limited() { # NAME
    name=$1 table=T$1 app=a$1 rules=
    config "$app" "$table" "$dir/$name.jsonl"
    feed 300
    set_fault "\"Fault\":\"$name\",\"TableName\":\"$table\""
    readers=
    for reader in 1 2 3; do
        "$TAILRACE" tail "$table" >"$dir/$name.tail$reader" 2>>"$dir/$name.log" &
        readers="$readers $!"
        pids="$pids $!"
    done
    once 0
    for reader in $readers; do
        wait "$reader" || fail "$name: tail ended with $?"
    done
    for reader in 1 2 3; do
        verdict "$dir/$name.written" "$dir/$name.tail$reader" || fail "$name: tail"
    done
    verdict "$dir/$name.written" "$dir/$name.jsonl" || fail "$name"
    seen 'LimitExceeded\|hrottl' || fail "$name: nobody was in the way"
    echo "$name: ok"
}
at_once limited TwoReaders
at_once limited ShardLimits
join

# The table of this script is the model's.
for name in $(sed -n 's/^    X([A-Z_0-9]*, "\([A-Za-z0-9]*\)", TR_FAULT_ON.*/\1/p' \
    "$TR_SOURCE_DIR/local/fault.h"); do
    grep -q "^at_once fault $name \|$name" "$0" || fail "no test of $name"
done
