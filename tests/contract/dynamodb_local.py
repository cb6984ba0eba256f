#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tailrace against DynamoDB Local, written with boto3: opt-in, see scripts/accept-dynamodb-local.

Each check prints one line; the script ends with 1 at the first one that fails. What was written is
kept by this script, what was processed is read from the processor's file: nothing of tailrace judges
itself."""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config

VIEWS = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]


class Bench:
    def __init__(self, endpoint, program, folder):
        self.endpoint = endpoint
        self.program = program
        self.folder = folder
        options = dict(
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"max_attempts": 10, "mode": "standard"}),
        )
        self.db = boto3.client("dynamodb", **options)
        self.streams = boto3.client("dynamodbstreams", **options)

    def table(self, name, view):
        self.db.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )

    def config(self, table, output, failover="2s"):
        path = os.path.join(self.folder, f"{table}.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(
                f"aws: {{region: us-east-1, endpoint: '{self.endpoint}'}}\n"
                f"consumers:\n  {table}-app:\n    stream: {{table: {table}}}\n"
                f"    lease: {{failover: {failover}}}\n"
                f"    checkpoint: {{interval: 500ms}}\n"
                f"    processor: {{file: {{path: '{output}'}}}}\n"
            )
        return path

    def start(self, *args, **kwargs):
        log = open(os.path.join(self.folder, "worker.log"), "a", encoding="utf-8")
        return subprocess.Popen([self.program, *args], stderr=log, **kwargs)

    def run(self, *args, timeout=300):
        done = subprocess.run(
            [self.program, *args], capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"FAIL: {' '.join(args)}: exit {done.returncode}\n{done.stderr[-3000:]}")
        return done.stdout


def value(image):
    return {"S": lambda v: v, "N": int}[next(iter(image))](next(iter(image.values())))


class Written:
    """What was written: for each item the list of versions, deletions as None."""

    def __init__(self, bench, table):
        self.bench, self.table = bench, table
        self.changes = []  # (pk, event, n)
        self.next = {}

    def put(self, pk):
        event = "MODIFY" if self.next.get(pk) else "INSERT"
        n = self.next[pk] = (self.next.get(pk) or 0) + 1
        self.bench.db.put_item(
            TableName=self.table,
            Item={"pk": {"S": pk}, "n": {"N": str(n)}, "text": {"S": "zażółć \"gęślą\" \\ jaźń\n" * 8},
                  "m": {"M": {"l": {"L": [{"NULL": True}, {"BOOL": False}, {"B": b"\x00\xff"}]},
                              "ss": {"SS": ["a", "b"]}}}},
        )
        self.changes.append((pk, event, n))

    def delete(self, pk):
        self.bench.db.delete_item(TableName=self.table, Key={"pk": {"S": pk}})
        self.changes.append((pk, "REMOVE", None))
        self.next[pk] = 0


def read_lines(text):
    return [json.loads(line) for line in text.split("\n") if line]


def compare_exactly(records, written, view, what):
    got = {}
    for r in records:
        assert r["eventSourceARN"].startswith("arn:aws:dynamodb:"), r
        got.setdefault(value(r["dynamodb"]["Keys"]["pk"]), []).append(r)
    wanted = {}
    for pk, event, n in written.changes:
        wanted.setdefault(pk, []).append((event, n))
    for pk, changes in wanted.items():
        mine = got.get(pk, [])
        events = [r["eventName"] for r in mine]
        if events != [c[0] for c in changes]:
            raise SystemExit(f"FAIL: {what}: item {pk}: {events} for {changes}")
        for r, (event, n) in zip(mine, changes):
            new = "NewImage" in r["dynamodb"]
            old = "OldImage" in r["dynamodb"]
            if new != (event != "REMOVE" and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")) or old != (
                event != "INSERT" and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
            ):
                raise SystemExit(f"FAIL: {what}: images of {r}")
            if new and int(r["dynamodb"]["NewImage"]["n"]["N"]) != n:
                raise SystemExit(f"FAIL: {what}: version of {r}")
    if len(records) != len(written.changes):
        raise SystemExit(f"FAIL: {what}: {len(records)} records for {len(written.changes)} writes")
    print(f"ok: {what}: {len(records)} records, in order", flush=True)


def check_views(bench):
    for view in VIEWS:
        table = f"V-{view}"
        bench.table(table, view)
        written = Written(bench, table)
        for i in range(400):
            pk = f"item-{i % 37}"
            if i % 11 == 10 and written.next.get(pk):
                written.delete(pk)
            else:
                written.put(pk)
        output = os.path.join(bench.folder, f"{table}.jsonl")
        bench.run("run", "--once", bench.config(table, output))
        with open(output, encoding="utf-8") as f:
            compare_exactly(read_lines(f.read()), written, view, f"run --once, {view}")
        compare_exactly(
            read_lines(bench.run("tail", table, "--endpoint", bench.endpoint)), written, view,
            f"tail, {view}",
        )
        lines = read_lines(bench.run("tail", table, "--endpoint", bench.endpoint))
        after = lines[100]["dynamodb"]["SequenceNumber"]
        two = read_lines(bench.run("tail", table, "--endpoint", bench.endpoint, "--from",
                                   f"after:{after}", "--limit", "2"))
        if two != lines[101:103]:
            raise SystemExit(f"FAIL: tail --from after:{after} --limit 2 printed {two}")
        at = read_lines(bench.run("tail", table, "--endpoint", bench.endpoint, "--from",
                                  f"at:{after}", "--limit", "1"))
        if at != lines[100:101]:
            raise SystemExit(f"FAIL: tail --from at:{after} --limit 1 printed {at}")
        print(f"ok: tail --from after:SEQ --limit 2 and at:SEQ, {view}", flush=True)


def check_phones(bench):
    bench.db.create_table(
        TableName="Phones",
        KeySchema=[{"AttributeName": "Company", "KeyType": "HASH"},
                   {"AttributeName": "Model", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "Company", "AttributeType": "S"},
                              {"AttributeName": "Model", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    puts = [("Company A", "Model 1"), ("Company A", "Model 2"), ("Company B", "Model 1"),
            ("Company B", "Model 2")]
    for company, model in puts:
        bench.db.put_item(TableName="Phones", Item={
            "Company": {"S": company}, "Model": {"S": model}, "Price": {"N": "100"}})
    lines = read_lines(bench.run("tail", "Phones", "--endpoint", bench.endpoint))
    got = [(value(r["dynamodb"]["Keys"]["Company"]), value(r["dynamodb"]["Keys"]["Model"]))
           for r in lines]
    if got != puts:
        raise SystemExit(f"FAIL: Phones: {got}")
    print("ok: Phones: four records", flush=True)


def verdict(output, written, what):
    seen, delivered, twice, broken = {}, 0, 0, 0
    with open(output, encoding="utf-8") as f:
        for r in read_lines(f.read()):
            image = r["dynamodb"]["NewImage"]
            pk, n = value(image["pk"]), int(image["n"]["N"])
            delivered += 1
            last = seen.get(pk, 0)
            if n <= last:
                twice += 1
            else:
                broken += n != last + 1
                seen[pk] = n
    lost = sum(max(0, n - seen.get(pk, 0)) for pk, n in written.next.items())
    if lost or broken:
        raise SystemExit(f"FAIL: {what}: {lost} lost, order broken {broken} times")
    print(f"ok: {what}: {len(written.changes)} written, {delivered} delivered, 0 lost, "
          f"{twice} delivered twice, order kept", flush=True)


def writing(written, rate, stop):
    i = 0
    while not stop.is_set():
        written.put(f"item-{i % 50}")
        i += 1
        time.sleep(1 / rate)


def check_kills(bench, rounds, seed):
    table = "Kills"
    bench.table(table, "NEW_IMAGE")
    written = Written(bench, table)
    output = os.path.join(bench.folder, "kills.jsonl")
    config = bench.config(table, output)
    stop = threading.Event()
    writer = threading.Thread(target=writing, args=(written, 100, stop))
    writer.start()
    chance = random.Random(seed)
    for _ in range(rounds):
        worker = bench.start("run", config)
        time.sleep(chance.uniform(0.2, 4.5))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    stop.set()
    writer.join()
    bench.run("run", "--once", config)
    verdict(output, written, f"{rounds} times SIGKILL")


def check_rollovers(bench, rollovers, restart_every):
    table = "Rolls"
    bench.table(table, "NEW_IMAGE")
    written = Written(bench, table)
    output = os.path.join(bench.folder, "rolls.jsonl")
    config = bench.config(table, output)
    stop = threading.Event()
    writer = threading.Thread(target=writing, args=(written, 10, stop))
    writer.start()
    shards = set()
    arn = bench.db.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    started = time.monotonic()
    while len(shards) <= rollovers:
        if time.monotonic() - started > 60 * rollovers:
            raise SystemExit(f"FAIL: only {len(shards)} shards after {60 * rollovers} s")
        worker = bench.start("run", config)
        time.sleep(restart_every)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        listed = bench.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        shards |= {s["ShardId"] for s in listed}
    stop.set()
    writer.join()
    bench.run("run", "--once", config)
    verdict(output, written, f"{len(shards) - 1} rollovers, a SIGKILL every {restart_every} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--tailrace", required=True)
    parser.add_argument("--check", action="append", choices=["views", "phones", "kills", "rollovers"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args.endpoint, args.tailrace, folder)
        try:
            for check in args.check or ["views", "phones", "kills"]:
                if check == "views":
                    check_views(bench)
                elif check == "phones":
                    check_phones(bench)
                elif check == "kills":
                    check_kills(bench, args.rounds, args.seed)
                else:
                    check_rollovers(bench, args.rounds, 9)
        except SystemExit:
            log = os.path.join(folder, "worker.log")
            if os.path.exists(log):
                with open(log, encoding="utf-8") as f:
                    print(f.read()[-4000:], file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
