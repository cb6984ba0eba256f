#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `tailrace local` as its page describes it: the first line tells the port, the page's examples run,
# a signal ends it with 0. The Python example runs where boto3 is to be had.
set -eu
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT

fail() {
    echo "$*" >&2
    exit 1
}

# start OPTION...: the server's id is in $server, its port in $PORT.
start() {
    mkfifo "$work/out"
    "$TAILRACE" local --port 0 "$@" >"$work/out" 2>"$work/err" &
    server=$!
    read -r line <"$work/out" || fail "no first line: $(cat "$work/err")"
    rm "$work/out"
    case $line in
    "listening on http://127.0.0.1:"[0-9]*) PORT=${line##*:} ;;
    *) fail "the first line is '$line'" ;;
    esac
    export PORT
}

# stop SIGNAL: it ends with 0.
stop() {
    kill -s "$1" "$server"
    status=0
    wait "$server" || status=$?
    server=
    [ "$status" = 0 ] || fail "ended with $status after SIG$1"
}

# example LANGUAGE: the page's blocks of it.
example() {
    awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ { on = 0 } on' \
        "$TR_SOURCE_DIR/docs/local.md" >"$work/example.$1"
    [ -s "$work/example.$1" ] || fail "docs/local.md has no example in $1"
}

start
curl -sSf "http://127.0.0.1:$PORT/" | grep -q '^healthy: dynamodb' || fail "it is not healthy"
example sh
sh -e "$work/example.sh" >"$work/said" || fail "the example in sh failed: $(cat "$work/said")"
grep -q '"Now"' "$work/said" || fail "AdvanceClock said nothing: $(cat "$work/said")"
example python
if python3 -c 'import boto3' 2>/dev/null; then
    python3 "$work/example.python" || fail "the example in python failed"
else
    echo "the example in python was not run: there is no boto3"
fi
stop TERM

start --shards 4 --seed 7 --region eu-west-1 --account 123456789012 --clock-rate 60
curl -sSf "http://127.0.0.1:$PORT/" | grep -q 'eu-west-1' || fail "the region was not taken"
stop INT

for bad in "--port 65536" "--shards 0" "--clock-rate fast" "--account 12" "--region -" \
    "--tls-cert x" "--check-signatures nocolon" "--nothing"; do
    status=0
    # shellcheck disable=SC2086 # options are words
    "$TAILRACE" local $bad >"$work/said" 2>&1 || status=$?
    [ "$status" = 2 ] || fail "local $bad: ended with $status, expected 2: $(cat "$work/said")"
done
