#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Three workers under a steady writer, ten rounds of SIGKILL, SIGSTOP and SIGTERM at random: opt-in,
see scripts/accept-fleet. Prints how soon each shard was taken over, the bounds, and the verdict."""

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
    with f.failing(folder), f.running(fleet, writer):
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
    held = f.print_bounds(fleet.takeovers, args.failover)
    with f.failing(folder):
        f.verdict(seen, writer)
    if not held:
        raise SystemExit("FAIL: a takeover took longer than its bound")


def main():
    parser = f.arguments()
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    if args.rounds < len(KINDS) or args.failover < 1:
        parser.error("at least 3 rounds, and a failover of at least 1 s")
    f.run_on_service("accept-fleet", args, 4, run)


if __name__ == "__main__":
    main()
