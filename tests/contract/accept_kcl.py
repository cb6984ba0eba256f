#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Java worker of KCL's 1.x line and two of tailrace on the same lease tables, ten kills: opt-in, see
scripts/accept-kcl. Prints who took what from whom, and the verdict."""

import json
import os
import subprocess
import time

import fleet as f


def java_delivery(line):
    entry = json.loads(line)
    return None if "event" in entry else (entry["table"], entry["pk"], int(entry["n"]))


def java_event(line):
    entry = json.loads(line)
    if "event" not in entry:
        return None
    return entry["ms"] / 1000, (entry["application"], entry["shard"]), entry["event"]


class Java:
    """Starts tests/kcl/KclWorker.java: one KCL worker a table in one process. Its log goes to
    java.N.log, what it processed to java.N.jsonl."""

    def __init__(self, classpath, endpoint, folder, arns, failover):
        self.classpath, self.endpoint, self.folder = classpath, endpoint, folder
        self.arns, self.failover = arns, failover

    def start(self, name, number, seen):
        output = os.path.join(self.folder, f"{name}.{number}.jsonl")
        log = os.path.join(self.folder, f"{name}.{number}.log")
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                   self.classpath, "KclWorker", self.endpoint, f"{name}-{number}",
                   str(int(self.failover * 1000))]
        command += [f"{table}-app={arn}" for table, arn in self.arns.items()]
        with open(output, "wb") as out, open(log, "wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, cwd=self.folder)
        worker = f.Worker(name, process, log)
        seen.follow(output, java_delivery, output, java_event, worker)
        return worker


def is_java(worker):
    return worker.name == "java"


def count_moves(seen):
    """How many leases went from KCL to tailrace, the other way, and among tailrace's own."""
    to_tailrace = to_java = among = 0
    for shard in {e[1] for e in seen.events}:
        takers = [worker for _, worker in seen.taken(shard)]
        for before, after in zip(takers, takers[1:]):
            if before is not after:
                to_tailrace += is_java(before) and not is_java(after)
                to_java += is_java(after) and not is_java(before)
                among += not is_java(before) and not is_java(after)
    return to_tailrace, to_java, among


def wait_for_java(fleet, leases, seconds):
    """Until the KCL worker holds something: where a fleet has one lease a table, it gets one only
    when the others are gone, so this is no failure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not fleet.held_by(fleet.workers["java"]):
        fleet.check_alive()
        time.sleep(0.1)
    fleet.wait_held(leases, seconds)


def run(args, endpoint, folder):
    chance = f.chance_of(args.seed)
    service = f.Service(endpoint)
    arns = {f"Mixed{i}": service.make_table(f"Mixed{i}") for i in range(args.tables)}
    leases = args.tables * args.shards
    patience = 40 + 6 * args.failover
    seen = f.Seen()
    tailrace = f.Tailrace(args.tailrace, endpoint, folder, list(arns), args.failover)
    java = Java(args.classpath, endpoint, folder, arns, args.failover)
    fleet = f.Fleet({"java": java.start, "t0": tailrace.start, "t1": tailrace.start}, seen, chance,
                    args.failover)
    writer = f.Writer(endpoint, list(arns), args.rate)
    with f.failing(folder), f.running(fleet, writer):
        print(f"{args.tables} lease tables, {leases} leases, one KCL worker and two of tailrace, "
              f"failover {args.failover} s, {args.rate} items/s", flush=True)
        wait_for_java(fleet, leases, patience)
        kills = 0
        while kills < args.kills:
            # Both of tailrace at once leave all to KCL: a lone lease goes there no other way.
            holding = [n for n, w in fleet.workers.items() if fleet.held_by(w)]
            names = chance.choice([["java"], ["t0"], ["t1"], ["t0", "t1"]])
            if kills == 0 or not any(n in holding for n in names):
                names = ["t0", "t1"] if "java" not in holding else ["java"]
            found = fleet.end_and_restart("kill", names, patience)
            kills += len(names)
            times = ", ".join(f"{t.seconds:.1f} s by {t.taker.name}" for t in found)
            print(f"kill {kills:2}: {' and '.join(names)}: {len(found)} taken over: {times}",
                  flush=True)
            wait_for_java(fleet, leases, 3 * args.failover)
            fleet.wait_held(leases, patience)
        writer.stop()
        f.wait_for(patience, "everything written was delivered",
                   lambda: seen.has_all(writer.versions))
        holders = [w.name for w in seen.holders().values()]
    to_tailrace, to_java, among = count_moves(seen)
    print(f"leases moved: {to_tailrace} from KCL to tailrace, {to_java} from tailrace to KCL, {among} "
          f"within tailrace; at the end KCL holds {holders.count('java')} of {len(holders)}")
    by_java = seen.by.get("java", 0)
    print(f"delivered by KCL {by_java}, by tailrace {seen.count - by_java}")
    with f.failing(folder):
        f.verdict(seen, writer)
        if to_tailrace == 0 or to_java == 0:
            raise f.Failed("leases did not move both ways")


def main():
    parser = f.arguments()
    parser.add_argument("--classpath", required=True, help="of the Java worker")
    parser.add_argument("--kills", type=int, default=10)
    f.run_on_service("accept-kcl", parser.parse_args(), 3, run)


if __name__ == "__main__":
    main()
