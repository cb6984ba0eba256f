#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One worker with a thousand idle leases against the service model, polls every 2 s: what it holds in
# memory and the CPU it takes in a second, over HTTP and over TLS. LEASES and SECONDS change the size.
set -eu

leases=${LEASES:-1000}
seconds=${SECONDS_MEASURED:-20}
dir=$(mktemp -d)
pids=
cleanup() {
    for pid in $pids; do
        kill -9 "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

die() {
    echo "bench_fleet_idle: $*" >&2
    tail -n 5 "$dir"/*.log >&2
    exit 1
}
row() { # WHAT NUMBER UNIT LIMIT
    printf '%s\t%s\t%s\t%s\n' "$@"
}
until_true() { # SECONDS WHAT COMMAND...
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || die "timed out: $what"
        sleep 0.2
    done
}
# Clock ticks of a process so far, user and system; its resident KB.
ticks() { sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 12,13 | tr ' ' +; }
rss_kb() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
has_leases() { [ "$(grep -c '"msg":"lease taken"' "$dir/worker.log")" -ge "$leases" ]; }

measure() { # NAME RSS-LIMIT MODEL-FLAGS...
    local name=$1 rss_max=$2 before after hz
    shift 2
    "$TAILRACE" local --port 0 --shards "$leases" "$@" >"$dir/local.out" 2>"$dir/local.log" &
    local model=$!
    pids="$pids $model"
    until_true 10 "the model listens" grep -q '^listening on ' "$dir/local.out"
    AWS_ENDPOINT_URL=$(sed -n 's/^listening on //p' "$dir/local.out")
    export AWS_ENDPOINT_URL
    "$TAILRACE" feed Items --create --keys 1 --count 1 2>"$dir/feed.log" || die "feed"
    cat >"$dir/idle.yaml" <<YAML
aws: {region: us-east-1}
consumers:
  idle:
    stream: {table: Items, poll: {min: 2s, max: 2s}}
    processor: {file: {path: /dev/null}}
YAML
    "$TAILRACE" run "$dir/idle.yaml" 2>"$dir/worker.log" &
    local worker=$!
    pids="$pids $worker"
    until_true 120 "$leases leases are held" has_leases
    sleep 10 # the first round of polls and renewals is over
    before=$(($(ticks "$worker")))
    sleep "$seconds"
    after=$(($(ticks "$worker")))
    hz=$(getconf CLK_TCK)
    row "$leases idle leases, $name: RSS" \
        "$(awk -v kb="$(rss_kb "$worker")" 'BEGIN { printf "%.1f", kb / 1024 }')" MB "<= $rss_max"
    row "$leases idle leases, $name: CPU" \
        "$(awk -v t=$((after - before)) -v hz="$hz" -v s="$seconds" \
            'BEGIN { printf "%.1f", t * 1000 / hz / s }')" ms/s "<= 30"
    kill -TERM "$worker"
    wait "$worker" || die "the worker ended with $?"
    kill -TERM "$model"
    wait "$model" || true
}

unset AWS_ENDPOINT_URL_DYNAMODB AWS_ENDPOINT_URL_DYNAMODB_STREAMS AWS_PROFILE AWS_SESSION_TOKEN
export HOME=$dir AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1
measure HTTP 20
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$dir/key.pem" -out "$dir/cert.pem" \
        2>"$dir/openssl.log" || die "no certificate"
    export AWS_CA_BUNDLE=$dir/cert.pem
    measure TLS 25 --tls-cert "$dir/cert.pem" --tls-key "$dir/key.pem"
else
    echo "bench_fleet_idle: TLS left out: no openssl" >&2
fi
