# SPDX-License-Identifier: Apache-2.0
# For end-to-end tests: a folder, a service model, cleaning up, and what they say often. TAILRACE is
# the program. Nothing sleeps for luck: wait_for polls with a deadline.
set -u

dir=$(mktemp -d)
pids=
unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_DYNAMODB AWS_ENDPOINT_URL_DYNAMODB_STREAMS AWS_PROFILE \
    AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
export HOME=$dir

cleanup() {
    for pid in $pids; do
        kill -9 "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

fail() {
    echo "FAIL: $*" >&2
    for log in "$dir"/*.log; do
        [ -s "$log" ] && { echo "--- $log" >&2; tail -n 30 "$log" >&2; }
    done
    exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    limit=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$limit" ] || fail "timed out waiting for: $*"
        sleep 0.05
    done
}

# expect CODE COMMAND...: run it; its stdout goes to $dir/out, its stderr to $dir/err.log.
expect() {
    want=$1
    shift
    "$@" >"$dir/out" 2>"$dir/err.log"
    got=$?
    [ "$got" -eq "$want" ] || fail "exit $got, not $want: $*"
}

says() {
    grep -q -e "$1" "$dir/err.log" || fail "stderr does not say '$1'"
}

# start_local [FLAGS]: sets endpoint and local_pid.
start_local() {
    "$TAILRACE" local --port 0 "$@" >"$dir/local.out" 2>"$dir/local.log" &
    local_pid=$!
    pids="$pids $local_pid"
    wait_for 10 grep -q '^listening on ' "$dir/local.out"
    endpoint=$(sed -n 's/^listening on //p' "$dir/local.out")
    export AWS_ENDPOINT_URL=$endpoint
}

# config NAME TABLE PATH [MORE PROCESSOR SETTINGS]: writes $dir/NAME.yaml.
config() {
    cat >"$dir/$1.yaml" <<YAML
aws: {region: us-east-1}
consumers:
  $1:
    stream: {table: $2}
    lease: {failover: 2s}
    checkpoint: {interval: 200ms}
    processor: {file: {path: '$3'${4:+, $4}}}
YAML
}

# call TARGET BODY: a request to the service model, answer on stdout.
call() {
    body=$2
    port=${endpoint##*:}
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'POST / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nX-Amz-Target: %s\r\nContent-Type: application/x-amz-json-1.0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00\r\nX-Amz-Date: 20261121T000000Z\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
        "$port" "$1" "${#body}" "$body" >&9
    cat <&9
    exec 9>&-
}
