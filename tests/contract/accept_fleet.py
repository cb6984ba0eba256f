#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three workers under a steady writer, ten rounds of SIGKILL, SIGSTOP and SIGTERM at random: opt-in,
see scripts/accept-fleet. Prints how soon each shard was taken over, the bounds, and the verdict."""

import argparse
import sys
import tempfile
import time

import fleet as f

KINDS = ["kill", "pause", "stop"]


def choose(chance, fleet):
    """A place whose worker holds something, so that there is something to take over."""
    names = sorted(name for name, worker in fleet.workers.items() if fleet.held_by(worker))
    if not names:
        raise f.Failed("nobody holds a lease")
    return chance.choice(names)


def run(args, endpoint, folder):
    chance = f.chance_of(args.seed)
    service = f.Service(endpoint)
    tables = [f"Fleet{i}" for i in range(args.tables)]
    for table in tables:
        service.make_table(table)
    leases = args.tables * args.shards
    seen = f.Seen()
    tailrace = f.Tailrace(args.tailrace, endpoint, folder, tables, args.failover)
    fleet = f.Fleet({f"w{i}": tailrace.start for i in range(3)}, seen, chance, args.failover)
    writer = f.Writer(endpoint, tables, args.rate)
    seen.start()
    try:
        writer.start()
        for name in fleet.starters:
            fleet.start(name)
        print(f"{args.tables} tables, {leases} leases, 3 workers, failover {args.failover} s, "
              f"{args.rate} items/s", flush=True)
        fleet.wait_held(leases, 30 + 3 * args.failover)
        # Each kind once, the others by lot: a run without a clean stop would show half of it.
        kinds = KINDS + [chance.choice(KINDS) for _ in range(args.rounds - len(KINDS))]
        chance.shuffle(kinds)
        for number, kind in enumerate(kinds[:args.rounds], 1):
            name = choose(chance, fleet)
            patience = 20 + 3 * args.failover
            found = (fleet.pause(name, patience) if kind == "pause"
                     else fleet.end_and_restart(kind, [name], patience))
            times = ", ".join(f"{t.seconds:.2f} s by {t.taker.name}" for t in found)
            print(f"round {number:2}: {kind:5} {name}: {len(found)} taken over: {times}",
                  flush=True)
            fleet.wait_held(leases, 20 + 3 * args.failover)
            time.sleep(chance.uniform(0, args.failover))
            if args.local and number % 4 == 0:  # at most 8 leases
                service.call("TailraceLocal_1.SplitShard", {"TableName": tables[0]})
                leases += 1
        writer.stop()
        f.wait_for(30 + 3 * args.failover, "everything written was delivered",
                   lambda: seen.has_all(writer.versions))
    except f.Failed as e:
        writer.stopping.set()
        raise SystemExit(f"FAIL: {e}\n{f.say_logs(folder)}") from e
    finally:
        fleet.end()
        writer.stopping.set()
        seen.stop()
    held = f.print_bounds(fleet.takeovers, args.failover)
    try:
        f.verdict(seen, writer)
    except f.Failed as e:
        raise SystemExit(f"FAIL: {e}\n{f.say_logs(folder)}") from e
    if not held:
        raise SystemExit("FAIL: a takeover took longer than its bound")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tailrace", required=True, help="the program")
    parser.add_argument("--dynamodb-local", required=True, help="the command that runs it")
    parser.add_argument("--local", action="store_true", help="against `tailrace local` instead")
    parser.add_argument("--failover", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    if args.rounds < len(KINDS) or args.failover < 1:
        parser.error("at least 3 rounds, and a failover of at least 1 s")
    f.end_on_sigterm()
    with tempfile.TemporaryDirectory() as folder:
        command = [args.dynamodb_local]
        args.tables, args.shards = 4, 1  # a stream of DynamoDB Local has one open shard
        if args.local:
            args.tables, args.shards = 1, 6
            command = [args.tailrace, "local", "--shards", str(args.shards)]
        try:
            server = f.Server(folder, command)
        except f.Skipped as e:
            print(f"accept-fleet: skipped: {e}", file=sys.stderr)
            sys.exit(77)
        try:
            run(args, server.endpoint, folder)
        finally:
            server.end()


if __name__ == "__main__":
    main()
