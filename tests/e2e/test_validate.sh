#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a user sees of the configuration at the command line: messages, streams, exit codes. The
# program is $TAILRACE. No network, no credentials.
set -u
: "${TAILRACE:?the path of the program}"
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset AWS_REGION AWS_DEFAULT_REGION DYNAMODB_ENDPOINT TAILRACE_PROFILE TAILRACE_WORKER_ID MISSING
failures=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    echo "  stdout: $(head -c 2000 out 2>/dev/null)"
    echo "  stderr: $(head -c 2000 err 2>/dev/null)"
}

# expect CODE ARGUMENT...: runs the program, keeps out and err.
expect() {
    want=$1
    shift
    "$TAILRACE" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" = "$want" ] || fail "tailrace $*: exit $got, want $want"
}

# says FILE TEXT: the file holds the text.
says() {
    grep -qF -- "$2" "$1" || fail "$1 does not hold: $2"
}

# bad MESSAGE: the YAML on stdin is refused with the message, on stderr alone.
bad() {
    cat >bad.yaml
    expect 2 validate bad.yaml
    [ ! -s out ] || fail "something on stdout for: $1"
    says err "$1"
}

cat >good.yaml <<'YAML'
consumers:
  orders-indexer:
    stream: {table: Orders}
    processor:
      file: {path: orders.jsonl}
YAML

# Examples load; the summary is on stdout and stderr stays quiet.
for example in "$here"/config/examples/*.yaml; do
    expect 0 validate "$example"
    says out "$example: ok ("
    [ ! -s err ] || fail "something on stderr for $example"
done
expect 0 validate good.yaml
says out "good.yaml: ok (1 consumer: orders-indexer)"

# Bad files.
bad 'bad.yaml: empty; required: consumers.NAME with stream.table (or stream.arn) and processor' </dev/null
printf 'consumers:\n  a: [1\n' | bad 'bad.yaml:3:1: not valid YAML: did not find expected'
printf 'consumers: {a: "x' | bad 'not valid YAML: found unexpected end of stream'
printf 'a: \377\n' | bad 'bad.yaml:1:4: byte 0xff is not UTF-8'
printf 'a: b\000\n' | bad 'bad.yaml:1:5: byte 0x00 is a control character'
head -c 1048577 /dev/zero | tr '\000' '#' | bad 'bad.yaml: larger than 1024KiB'
head -c 10000 /dev/zero | tr '\000' '[' | bad 'bad.yaml:1:33: nested too deep (limit 32)'
{ cat good.yaml; echo '    batch: {records: 0}'; } |
    bad 'bad.yaml:6:22: consumers.orders-indexer.batch.records: 0 is not in 1..10000'
{ cat good.yaml; echo '    bacth: {records: 1}'; } |
    bad "bad.yaml:6:5: consumers.orders-indexer.bacth: unknown key (did you mean 'batch'?)"
{ cat good.yaml; echo '    stream: {table: Other}'; } |
    bad "bad.yaml:6:5: consumers.orders-indexer: key 'stream' is repeated (first at 3:5)"
{ cat good.yaml; echo 'worker: {threads: four}'; } |
    bad "bad.yaml:6:19: worker.threads: 'four' is not a whole number"
{ cat good.yaml; echo 'worker: {memory: 64MB}'; } |
    bad "bad.yaml:6:18: worker.memory: '64MB' is not a size (did you mean '64MiB'?)"
{ cat good.yaml; echo 'log: *base'; } | bad "bad.yaml:6:6: log: aliases ('base') are not supported"
{ cat good.yaml; echo 'log: {<<: {level: info}}'; } | bad "merge keys ('<<') are not supported"
{ cat good.yaml; echo '---'; cat good.yaml; } | bad 'bad.yaml:6:1: a second document'
{ cat good.yaml; echo '    on_error: {attempts: 5}'; } |
    bad 'bad.yaml:6:5: consumers.orders-indexer.on_error: not available yet'
# shellcheck disable=SC2016 # tailrace replaces the variable, not the shell
{ cat good.yaml; echo 'aws: {region: "${MISSING}"}'; } |
    bad "bad.yaml:6:15: aws.region: environment variable 'MISSING' is not set"
sed 's/table: Orders/tabel: Orders/' good.yaml |
    bad "bad.yaml:3:5: consumers.orders-indexer.stream: required: 'table' or 'arn'"

# All errors at once, in the order of places.
printf 'wroker: {}\nlog: {level: loud}\nadmin: {listen: a}\nconsumers: {}\n' >bad.yaml
expect 2 validate bad.yaml
[ "$(cut -d: -f1-3 err | tr '\n' ' ')" = "bad.yaml:1:1 bad.yaml:2:14 bad.yaml:3:17 bad.yaml:4:1 " ] ||
    fail "not all errors in order"

# Files that cannot be read.
expect 2 validate nowhere.yaml good.yaml
says err 'nowhere.yaml: cannot be read: No such file or directory (ENOENT)'
expect 2 validate "$work"
says err 'cannot be read: Is a directory (EISDIR)'
if [ "$(id -u)" != 0 ]; then
    cp good.yaml secret.yaml
    chmod 000 secret.yaml
    expect 2 validate secret.yaml
    says err 'secret.yaml: cannot be read: Permission denied (EACCES)'
fi
# A pipe is a file like others.
cat good.yaml | "$TAILRACE" validate /dev/stdin >out 2>err || fail "a pipe is not read"

# Several files are one configuration.
printf 'aws: {region: eu-west-1}\n' >aws.yaml
expect 0 validate aws.yaml good.yaml
says out 'aws.yaml, good.yaml: ok (1 consumer: orders-indexer)'
expect 2 validate good.yaml aws.yaml good.yaml
says err 'good.yaml:2:3: consumers.orders-indexer: the consumer is defined twice (first at good.yaml:2:3)'

# Effective settings: values, origins, no secrets.
AWS_REGION=eu-north-1 "$TAILRACE" config good.yaml >out 2>err || fail "config"
says out 'region: eu-north-1                        # environment variable AWS_REGION'
says out 'table: Orders                         # good.yaml:3:21'
says out 'failover: 10s                         # default'
expect 0 config --endpoint=http://me:secret@127.0.0.1:8000 --region us-east-2 good.yaml
says out '***@127.0.0.1:8000'
says out 'region: us-east-2                         # flag --region'
! grep -q secret out || fail "a secret is printed"
expect 2 config --region 'us east' good.yaml
says err "--region: 'us east' is not made of letters, digits and '-'"
expect 0 config good.yaml
cp out printed.yaml
expect 0 validate printed.yaml
expect 0 config --schema
says out '"https://json-schema.org/draft/2020-12/schema"'

# Help and usage.
for help in --help -h help; do
    expect 0 $help
    says out 'usage: tailrace COMMAND'
    says out 'validate '
done
expect 0 help config
cp out help_config
expect 0 config --help
cmp -s out help_config || fail "two helps differ"
says out '--schema'
expect 0 version
says out 'tailrace '
cp out version
expect 0 --version
cmp -s out version || fail "two versions differ"
expect 2
says err 'usage: tailrace COMMAND'
expect 2 valdate good.yaml
says err "tailrace: unknown command 'valdate' (did you mean 'validate'?)"
expect 2 validate
says err 'tailrace validate: expected FILE...'
expect 2 config
expect 2 config --schema good.yaml
says err 'tailrace config: expected either FILE... or --schema'
expect 2 version now
says err "unexpected argument 'now'"
expect 2 config --shcema
says err "unknown flag '--shcema' (did you mean '--schema'?)"
expect 2 config good.yaml --region
says err "'--region' needs a value"
expect 2 --region x config good.yaml
expect 2 help nonsense

# A stdout that is full or closed is a failure; one that nobody reads is not.
for command in 'config --schema' 'validate good.yaml' 'help' 'version'; do
    # shellcheck disable=SC2086 # words
    {
        if [ -w /dev/full ]; then
            "$TAILRACE" $command >/dev/full 2>err
            [ $? = 1 ] || fail "$command: full"
            says err 'stdout: No space left on device (ENOSPC)'
        fi
        "$TAILRACE" $command >&- 2>err
        [ $? = 1 ] || fail "$command: closed"
        says err 'stdout: Bad file descriptor (EBADF)'
    }
done
{
    "$TAILRACE" config --schema 2>err
    echo $? >code
} | true
[ "$(cat code)" = 0 ] && [ ! -s err ] || fail "a pipe that nobody reads is not quiet"

[ "$failures" = 0 ] && echo "all good"
[ "$failures" = 0 ]
