#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `feed` as a user meets it: the table, the counts, the log, and that lost answers and faults change
# neither what is counted nor the order.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

# What stands in the log and what the stream shows are the same writes: "PK N KIND" of each record. A
# removal's number is one above that of the item it removed.
records() {
    "$TAILRACE" tail "$1" 2>"$dir/tail.log" | awk '
        function after(mark,  at) {
            at = index($0, mark)
            return at ? substr($0, at + length(mark)) : ""
        }
        {
            kind = tolower(substr(after("\"eventName\":\""), 1, 6))
            pk = after("\"Keys\":{\"pk\":{\"S\":\"")
            n = after("\"n\":{\"N\":\"")
            sub(/".*/, "", pk)
            sub(/".*/, "", n)
            print pk, kind == "remove" ? n + 1 : n, kind
        }'
}
same() {
    records "$1" >"$dir/records"
    sort "$dir/records" >"$dir/sorted"
    sort "$2" | cmp -s - "$dir/sorted" ||
        fail "the log and the stream differ: $(sort "$2" | diff - "$dir/sorted" | head -n 5)"
}
# The numbers of each item of these records, in the order of the stream, without a hole.
in_order() {
    awk '$2 != last[$1] + 1 { print $1 ": " $2 " after " last[$1]; bad = 1 }
        { last[$1] = $2 } END { exit bad }' "$dir/records" || fail "order"
}

start_local --shards 2

# The table must be there, or be asked for; then it is made with its stream.
expect 1 "$TAILRACE" feed Orders --count 1
says "table 'Orders' does not exist (--create makes it)"
expect 0 "$TAILRACE" feed Orders --create --keys 20 --count 500 --log "$dir/log"
says '^feed: 500 written in .* insert, .* modify, .* remove; 0 throttled, 0 retried$'
[ "$(wc -l <"$dir/log")" -eq 500 ] || fail "$(wc -l <"$dir/log") lines in the log, not 500"
same Orders "$dir/log"
in_order

# A second feed finds the items of the first and goes on from their numbers.
expect 0 "$TAILRACE" feed Orders --keys 20 --count 300 --log "$dir/log2"
says '300 written'
cut -d' ' -f1,2 "$dir/log" "$dir/log2" | sort | uniq -d | grep -v ' 1$' >"$dir/twice"
while read -r pk n; do
    # Only an item that was removed starts over.
    grep -q "^$pk [0-9]* remove" "$dir/log" "$dir/log2" || fail "$pk $n is counted twice"
done <"$dir/twice"

# The same seed writes the same activity.
expect 0 "$TAILRACE" feed First --create --seed 5 --count 100 --writers 1 --log "$dir/first"
expect 0 "$TAILRACE" feed Second --create --seed 5 --count 100 --writers 1 --log "$dir/second"
cmp -s "$dir/first" "$dir/second" || fail "one seed, two activities"

# The mix is kept as far as there are users.
expect 0 "$TAILRACE" feed Mixed --create --mix insert=1 --keys 1000 --count 200 --log "$dir/mixed"
[ "$(grep -c ' insert$' "$dir/mixed")" -eq 200 ] || fail "--mix insert=1"

# Answers that are lost, cut, wrong; throttles: each write happens once, is counted once, in order.
for fault in ResetAfter HalfAnswer ResetBefore Throttle InternalError Html500; do
    call TailraceLocal_1.SetFault "{\"Fault\":\"$fault\",\"TableName\":\"Faulty\",\"Probability\":0.05}" |
        grep -q '200 OK' || fail "SetFault $fault"
done
expect 0 "$TAILRACE" feed Faulty --create --keys 30 --count 600 --log "$dir/faulty"
says '600 written'
says ' [1-9][0-9]* throttled, [1-9][0-9]* retried'
call TailraceLocal_1.ClearFaults '{}' | grep -q '200 OK' || fail "ClearFaults"
[ "$(wc -l <"$dir/faulty")" -eq 600 ] || fail "$(wc -l <"$dir/faulty") lines in the log, not 600"
same Faulty "$dir/faulty"
in_order

# A rate is kept, a signal ends it with what was acknowledged.
"$TAILRACE" feed Paced --create --rate 50 --log "$dir/paced" 2>"$dir/paced.log" &
feeder=$!
pids="$pids $feeder"
wait_for 20 eval '[ "$(wc -l 2>/dev/null <"$dir/paced" || echo 0)" -ge 20 ]'
kill -TERM "$feeder"
wait "$feeder" || fail "SIGTERM ended feed with $?"
grep -q "^feed: $(wc -l <"$dir/paced") written" "$dir/paced.log" || fail "report after SIGTERM"
same Paced "$dir/paced"

# With a time to live the service removes items, which is no write of the feed's.
expect 0 "$TAILRACE" feed Expiring --create --ttl 60s --keys 10 --count 50 --log "$dir/expiring"
call TailraceLocal_1.AdvanceClock '{"Seconds":3600}' | grep -q '200 OK' || fail "AdvanceClock"
config expiring Expiring "$dir/expiring.jsonl"
expect 0 "$TAILRACE" run --once "$dir/expiring.yaml"
# Each item that was left is removed by the service, and its record says so as Lambda spells it.
left=$(awk '$3 == "remove" { delete there[$1]; next } { there[$1] } END { for (pk in there) n++; print n + 0 }' "$dir/expiring")
by_service=$(grep '"eventName":"REMOVE"' "$dir/expiring.jsonl" |
    grep -c '"userIdentity":{"principalId":"dynamodb.amazonaws.com","type":"Service"}')
[ "$left" -gt 0 ] && [ "$by_service" -eq "$left" ] || fail "$by_service of $left removed by their age"
expect 0 "$TAILRACE" feed Expiring --ttl 60s --keys 10 --count 50
# Ten days later the records are trimmed, and there is nothing that a run would wait for.
call TailraceLocal_1.AdvanceClock '{"Seconds":864000}' | grep -q '200 OK' || fail "AdvanceClock"
config later Expiring "$dir/later.jsonl"
expect 0 "$TAILRACE" run --once "$dir/later.yaml"
expect 0 "$TAILRACE" feed Expiring --ttl 60s --keys 10 --count 50

# What does not fit says so: view type, stream, key.
expect 1 "$TAILRACE" feed Orders --view-type KEYS_ONLY --count 1
says "has the view type 'NEW_AND_OLD_IMAGES', not 'KEYS_ONLY'"
expect 0 "$TAILRACE" feed Keys --create --view-type KEYS_ONLY --count 5
call DynamoDB_20120810.CreateTable '{"TableName":"Plain","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}' |
    grep -q '200 OK' || fail "CreateTable Plain"
expect 1 "$TAILRACE" feed Plain --create --count 1
says "table 'Plain' has no stream"
call DynamoDB_20120810.CreateTable '{"TableName":"Other","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"N"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}}' |
    grep -q '200 OK' || fail "CreateTable Other"
expect 1 "$TAILRACE" feed Other --count 1
says "table 'Other' has the key 'id' (N)"

# Bad usage.
expect 2 "$TAILRACE" feed
expect 2 "$TAILRACE" feed Orders --mix insert=0
says "leaves nothing to write"
expect 2 "$TAILRACE" feed Orders --keys 0
expect 2 "$TAILRACE" feed Orders --view-type ALL
expect 2 "$TAILRACE" feed Orders --log "$dir/none/log"
says "$dir/none/log: No such file or directory"
expect 1 "$TAILRACE" feed Orders --count 100 --log /dev/full
says "/dev/full"
exit 0
