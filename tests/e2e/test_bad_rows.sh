#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lease rows that are not what they should be: told once with attribute and value, left as they are,
# and the rest of the run goes on.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

start_local
expect 0 "$TAILRACE" feed Orders --create --count 20 --seed 1
shard=$("$TAILRACE" tail Orders --limit 1 >/dev/null; call DynamoDBStreams_20120810.DescribeStream \
    "{\"StreamArn\":\"$("$TAILRACE" tail Orders --limit 1 |
        sed 's/.*"eventSourceARN":"\([^"]*\)".*/\1/')\"}" |
    sed -n 's/.*"ShardId": *"\([^"]*\)".*/\1/p')
[ -n "$shard" ] || fail "no shard"

# row NAME ATTRIBUTES: a lease table with one row of the shard.
row() {
    call DynamoDB_20120810.CreateTable "{\"TableName\":\"$1\",\"KeySchema\":[{\"AttributeName\":\"leaseKey\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"leaseKey\",\"AttributeType\":\"S\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}" |
        grep -q '200 OK' || fail "create $1"
    call DynamoDB_20120810.PutItem "{\"TableName\":\"$1\",\"Item\":{\"leaseKey\":{\"S\":\"$shard\"},$2}}" |
        grep -q '200 OK' || fail "put $1"
}
rows() { call DynamoDB_20120810.Scan "{\"TableName\":\"$1\"}" | tail -n 1; }

# refused NAME ATTRIBUTES WHAT: run --once ends with 1, says it once, leaves the row.
refused() {
    row "$1" "$2"
    config "$1" Orders "$dir/$1.jsonl"
    before=$(rows "$1")
    expect 1 timeout 20 "$TAILRACE" run --once "$dir/$1.yaml"
    says "$3"
    says "shard '$shard': its lease row is not understood"
    [ "$(grep -c 'lease row not understood' "$dir/err.log")" -eq 1 ] || fail "$1: not told once"
    [ "$(rows "$1")" = "$before" ] || fail "$1: the row was changed"
}
good='"leaseCounter":{"N":"5"},"checkpoint":{"S":"TRIM_HORIZON"}'
refused counter-s '"leaseCounter":{"S":"5"},"checkpoint":{"S":"TRIM_HORIZON"}' \
    "'leaseCounter' is '{.*5.*}', not a number"
refused counter-missing '"checkpoint":{"S":"TRIM_HORIZON"}' "'leaseCounter' is missing"
refused counter-end '"leaseCounter":{"N":"9223372036854775807"},"checkpoint":{"S":"TRIM_HORIZON"}' \
    "'leaseCounter' is '9223372036854775807', which cannot be raised"
refused checkpoint-abc '"leaseCounter":{"N":"5"},"checkpoint":{"S":"abc"}' "'checkpoint' is '{.*abc"
refused checkpoint-45 \
    '"leaseCounter":{"N":"5"},"checkpoint":{"S":"123456789012345678901234567890123456789012345"}' \
    "'checkpoint' is '{.*12345"
refused owner-empty "$good"',"leaseOwner":{"S":""}' "'leaseOwner' is"

# A checkpoint that the service refuses: tried for some seconds, then the run ends with 1.
row checkpoint-1 '"leaseCounter":{"N":"5"},"checkpoint":{"S":"1"}'
config checkpoint-1 Orders "$dir/checkpoint-1.jsonl"
expect 1 timeout 40 "$TAILRACE" run --once "$dir/checkpoint-1.yaml"
says 'ValidationException'
rows checkpoint-1 | grep -q '"checkpoint": *{"S": *"1"}' || fail "the checkpoint was changed"

# Attributes of others survive taking, checkpointing and releasing.
row others "$good"',"theirs":{"M":{"a":{"L":[{"N":"1"},{"B":"AAEC"}]}}}'
config others Orders "$dir/others.jsonl"
expect 0 timeout 20 "$TAILRACE" run --once "$dir/others.yaml"
rows others | tr -d ' ' | grep -q '"theirs":{"M":{"a":{"L":\[{"N":"1"},{"B":"AAEC"}\]}}}' ||
    fail "an attribute of others did not survive"

# A row that is mended while a worker runs is taken then.
row mended '"leaseCounter":{"S":"5"},"checkpoint":{"S":"TRIM_HORIZON"}'
config mended Orders "$dir/mended.jsonl"
"$TAILRACE" run "$dir/mended.yaml" 2>"$dir/mended.log" &
worker=$!
pids="$pids $worker"
wait_for 10 grep -q 'lease row not understood' "$dir/mended.log"
call DynamoDB_20120810.UpdateItem "{\"TableName\":\"mended\",\"Key\":{\"leaseKey\":{\"S\":\"$shard\"}},\"UpdateExpression\":\"SET leaseCounter = :c\",\"ExpressionAttributeValues\":{\":c\":{\"N\":\"5\"}}}" >/dev/null
wait_for 15 grep -q 'lease taken' "$dir/mended.log"
kill -TERM "$worker"
wait "$worker" || fail "SIGTERM ended the run with $?"

echo "bad rows: ok"
