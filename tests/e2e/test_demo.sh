#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `demo`: the verdict on real processes, on a terminal and elsewhere, and that nobody outlives it.
. "$TR_SOURCE_DIR/tests/e2e/lib.sh" || exit 1

export TMPDIR=$dir/tmp
mkdir "$TMPDIR"
# children_of PID: "pid command line" of each.
children_of() {
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        # The name, in parentheses, may hold anything: state and parent come behind it.
        read -r _ parent _ <<<"${line##*) }"
        [ "$parent" = "$1" ] && echo "${line%% *} $(tr '\0' ' ' <"${stat%stat}cmdline")"
    done 2>/dev/null
    return 0
}
# Nothing in the folder, and nobody who works with it.
left() {
    [ -z "$(ls "$TMPDIR")" ] || fail "left behind: $(ls "$TMPDIR")"
    grep -slF "$TMPDIR/" /proc/[0-9]*/cmdline >"$dir/left" && fail "still running: $(cat "$dir/left")"
    return 0
}

# A hostile environment changes nothing.
export AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_PROFILE=none AWS_REGION=nowhere https_proxy=http://127.0.0.1:1

# The whole script; --keep leaves the files, and the verdict can be made again from them.
start=$(date +%s)
"$TAILRACE" demo --keep >"$dir/out" 2>"$dir/err.log" || fail "exit $?: $(cat "$dir/out" "$dir/err.log")"
took=$(($(date +%s) - start))
cat "$dir/out"
[ -n "${TR_SANITIZE:-}" ] || [ "$took" -lt 50 ] || fail "took $took s"
tail -n 1 "$dir/out" | grep -qE '^demo: [0-9]+ written, [0-9]+ processed, 0 lost, [0-9]+ delivered twice, order kept$' ||
    fail "no verdict: $(tail -n 1 "$dir/out")"
written=$(tail -n 1 "$dir/out" | cut -d' ' -f2)
processed=$(tail -n 1 "$dir/out" | cut -d' ' -f4)
[ "$written" -eq "$processed" ] || fail "written $written, processed $processed"
[ "$written" -ge 500 ] || fail "only $written written"
for words in 'worker 1 has [0-9]' 'shard splits' 'both halves are read after' \
    'SIGKILL to worker [0-9], which reads [1-9]' 'SIGSTOP to worker [0-9], which reads [1-9]' \
    'in balance after' 'SIGCONT to worker' 'SIGTERM to worker [0-9], which reads [1-9]' 'worker 5 is started' \
    'rolls over' 'all new shards are read after'; do
    grep -q "$words" "$dir/out" || fail "nothing says '$words'"
done
[ "$(grep -c 'others read the shards of worker [0-9] after [0-9.]* s$' "$dir/out")" -eq 3 ] ||
    fail "not three takeovers"
for words in 'a shard split  *2' 'worker [1-9] was killed  *[1-9]' 'worker [1-9] was paused  *[1-9]' \
    'worker [1-9] was stopped  *[1-9]' 'the stream rolled over  *[1-9]'; do
    grep -qE "^$words  *[0-9.]+ s  [a-z]" "$dir/out" || fail "the story lacks '$words'"
done
grep -v 'files are in' "$dir/err.log" && fail "stderr is not empty"
kept=$(sed -n 's/.*files are in //p' "$dir/err.log")
[ -s "$kept/acknowledged.txt" ] && [ -s "$kept/processed.jsonl" ] || fail "nothing kept in '$kept'"
[ "$(ls "$kept"/worker-*.log | wc -l)" -eq 5 ] || fail "not the logs of five workers"
grep -q "^demo: $(wc -l <"$kept/acknowledged.txt") written" "$dir/out" || fail "written"
# The one that was paused noticed, and the one that was stopped released.
grep -ql '"lease lapsed"\|"lease lost"' "$kept"/worker-*.log || fail "nobody lost a lease"
rm -r "$kept"
left

# A signal ends it, its children (one is paused) and its files.
"$TAILRACE" demo >"$dir/out" 2>"$dir/err.log" &
demo=$!
pids="$pids $demo"
wait_for 60 grep -q 'SIGSTOP to worker' "$dir/out"
children=$(children_of "$demo" | cut -d' ' -f1 | tr '\n' ' ')
[ "$(echo "$children" | wc -w)" -eq 5 ] || fail "children: $children"
kill -INT "$demo"
wait "$demo"
code=$?
[ "$code" -eq 1 ] || fail "exit $code after SIGINT"
says interrupted
for child in $children; do
    kill -0 "$child" 2>/dev/null && fail "child $child outlived the demo"
done
left

# When a child dies, it says which one, and leaves the logs.
"$TAILRACE" demo --seconds 60 >"$dir/out" 2>"$dir/err.log" &
demo=$!
pids="$pids $demo"
wait_for 30 grep -q 'workers read them' "$dir/out"
find_feed() {
    feed=$(children_of "$demo" | sed -n 's/ tailrace feed .*//p')
    [ -n "$feed" ]
}
wait_for 20 find_feed
kill -KILL "$feed"
wait "$demo" && fail "a dead feed did not end the demo with 1"
says 'the feed ended with signal 9'
kept=$(sed -n 's/.*files are in //p' "$dir/err.log")
[ -e "$kept/feed.log" ] || fail "no logs in '$kept'"
rm -r "$kept"
left

# A port that is taken; bad usage.
start_local
expect 1 "$TAILRACE" demo --port "${endpoint##*:}"
says 'the service model ended with exit code'
rm -r "$TMPDIR"/tailrace-demo-*
expect 2 "$TAILRACE" demo --seconds 4
expect 2 "$TAILRACE" demo extra
exit 0
