# SPDX-License-Identifier: Apache-2.0
"""Fleets of real processes for accept_fleet.py and accept_kcl.py: a service on loopback, a writer,
workers that are killed, paused and stopped, and the verdict. What was written is kept by the writer,
what was processed is read from the workers' files while they grow, and who held which shard when
from their logs: nothing of tailrace judges itself. Only Python's own library is used, and only
processes that were started here are ended."""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import urlsplit

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=00"
)
TICK = 0.01  # seconds between two looks at the files that grow


class Failed(Exception):
    """The fleet did what it must not do; the text says what."""


class Skipped(Exception):
    """Something that is needed cannot be had here."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """The service as a process on loopback: DynamoDB Local, or the model of `tailrace local`."""

    def __init__(self, folder, arguments):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        log = os.path.join(folder, "service.log")
        with open(log, "wb") as out:
            self.process = subprocess.Popen([*arguments, "--port", str(self.port)], stdout=out,
                                            stderr=out)
        end = time.monotonic() + 120  # the first time it is fetched
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.end()
                with open(log, encoding="utf-8", errors="replace") as f:
                    text = f.read()[-2000:]
                if self.process.returncode == 77:
                    raise Skipped(text)
                raise Failed(f"the service did not start: {text}")
            time.sleep(0.1)

    def answers(self):
        try:
            Service(self.endpoint).db("ListTables")
            return True
        except (OSError, http.client.HTTPException):
            return False

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


class Service:
    """A DynamoDB endpoint that does not check signatures. One connection; not for several threads."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.host = urlsplit(endpoint).netloc
        self.connection = None

    def call(self, target, body):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, timeout=20)
        try:
            self.connection.request("POST", "/", json.dumps(body), {
                "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0",
                "Authorization": AUTHORIZATION, "X-Amz-Date": "20261121T000000Z"})
            answer = self.connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise
        if answer.status != 200:
            raise OSError(f"{target}: {answer.status} {text[:300]}")
        return json.loads(text) if text else {}

    def db(self, operation, **body):
        return self.call(f"DynamoDB_20120810.{operation}", body)

    def make_table(self, name):
        """A table with a stream; returns the stream's ARN."""
        self.db("CreateTable", TableName=name,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
        return wait_for(20, f"table {name} is active", lambda: self.stream_of(name))

    def stream_of(self, name):
        table = self.db("DescribeTable", TableName=name)["Table"]
        return table["TableStatus"] == "ACTIVE" and table["LatestStreamArn"]


def wait_for(seconds, what, condition):
    """The condition's first true value; polled, with a deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"after {seconds:.0f} s it is still not so: {what}")
        time.sleep(0.02)


class Writer(threading.Thread):
    """Versions 1, 2, 3... of a few items in each table, so many a second in all, until it is told
    to stop. A write without an answer is sent again: the same item twice makes one record."""

    def __init__(self, endpoint, tables, rate, keys=10):
        super().__init__(daemon=True)
        self.service, self.tables, self.rate, self.keys = Service(endpoint), tables, rate, keys
        self.versions = {}  # (table, pk): the last one
        self.count = 0
        self.problem = None
        self.stopping = threading.Event()

    def put(self, table, pk):
        n = self.versions.get((table, pk), 0) + 1
        item = {"pk": {"S": pk}, "n": {"N": str(n)}, "table": {"S": table},
                "text": {"S": "zażółć \"gęślą\" \\ jaźń\n" * 4}}
        for attempt in range(10):
            try:
                self.service.db("PutItem", TableName=table, Item=item)
                break
            except OSError:
                if attempt == 9:
                    raise
                time.sleep(0.2)
        self.versions[table, pk] = n
        self.count += 1

    def run(self):
        started, i = time.monotonic(), 0
        try:
            while not self.stopping.is_set():
                table = self.tables[i % len(self.tables)]
                self.put(table, f"item-{i // len(self.tables) % self.keys}")
                i += 1
                time.sleep(max(0.0, started + i / self.rate - time.monotonic()))
        except OSError as e:
            self.problem = e

    def stop(self):
        self.stopping.set()
        self.join()
        if self.problem is not None:
            raise Failed(f"the writer: {self.problem}")


class Growing:
    """A file of lines that a process writes: gives each whole line once."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def lines(self):
        try:
            with open(self.path, "rb") as f:
                f.seek(self.offset)
                data = f.read()
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self.offset += end
        return data[:end].decode("utf-8", "replace").splitlines()


class Seen(threading.Thread):
    """Follows the workers' outputs and logs. An output gives (table, pk, version) of a line, a log
    gives (time, shard, what) or None. A look at all files is a tick: of two deliveries in one file
    the order is known, of two in different files only when they lie more than a tick apart."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.outputs, self.logs = [], []  # (Growing, parse), (Growing, parse, worker)
        self.deliveries = {}  # (table, pk, version): [(tick, file, index)]
        self.events = []  # (time, shard, what, worker)
        self.by = {}  # worker: how many deliveries
        self.tick = 0
        self.count = 0
        self.problem = None
        self.stopping = threading.Event()

    def follow(self, output, parse, log, parse_log, worker):
        with self.lock:
            if all(known.path != output for known, _, _ in self.outputs):
                self.outputs.append((Growing(output), parse, worker))
            self.logs.append((Growing(log), parse_log, worker))

    def look(self):
        with self.lock:
            self.tick += 1
            for number, (file, parse, worker) in enumerate(self.outputs):
                for line in file.lines():
                    key = parse(line)
                    if key is not None:
                        self.count += 1
                        self.by[worker.name] = self.by.get(worker.name, 0) + 1
                        place = (self.tick, number, self.count)
                        self.deliveries.setdefault(key, []).append(place)
            for file, parse, worker in self.logs:
                for line in file.lines():
                    event = parse(line)
                    if event is not None:
                        self.events.append((*event, worker))

    def run(self):
        try:
            while not self.stopping.is_set():
                self.look()
                time.sleep(TICK)
            self.look()
        except Exception as e:  # whatever it is, the verdict must know
            self.problem = e

    def stop(self):
        self.stopping.set()
        self.join()
        if self.problem is not None:
            raise Failed(f"an output or a log is not understood: {self.problem!r}")

    def holders(self):
        """{shard: worker} of the newest `taken` that was not followed by its worker's own end."""
        with self.lock:
            events = sorted(self.events, key=lambda e: e[0])
        held = {}
        for _, shard, what, worker in events:
            if what == "taken":
                held[shard] = worker
            elif what in ("released", "ended", "lost") and held.get(shard) is worker:
                del held[shard]
        return held

    def taken(self, shard):
        """[(time, worker)] of each time that the shard was taken."""
        with self.lock:
            times = [(e[0], e[3]) for e in self.events if e[1] == shard and e[2] == "taken"]
        return sorted(times, key=lambda t: t[0])

    def first_taken(self, shard, after, but):
        for at, worker in self.taken(shard):
            if at >= after and worker not in but:
                return at, worker
        return None

    def has_all(self, versions):
        with self.lock:
            return all((*key, n) in self.deliveries for key, n in versions.items())


def is_in_order(before, places):
    """Whether a delivery among `before` can have come before the first one of `places`."""
    first = min(places)
    return any(place[2] < first[2] if place[1] == first[1] else place[0] <= first[0] + 1
               for place in before)


def verdict(seen, writer):
    lost, broken = [], []
    for (table, pk), newest in writer.versions.items():
        before = None
        for n in range(1, newest + 1):
            places = seen.deliveries.get((table, pk, n))
            if places is None:
                lost.append((table, pk, n))
            elif before is not None and not is_in_order(before, places):
                broken.append((table, pk, n))
            before = places if places is not None else before
    alien = [k for k in seen.deliveries if writer.versions.get(k[:2], 0) < k[2]]
    if lost or broken or alien:
        raise Failed(f"{len(lost)} lost {lost[:5]}, order broken {len(broken)} times {broken[:5]}, "
                     f"{len(alien)} never written {alien[:5]}")
    print(f"{writer.count} written, {seen.count} delivered, {seen.count - len(seen.deliveries)} "
          "of them again\n0 lost, order kept", flush=True)


class Worker:
    """One incarnation of a process: name says the place in the fleet, which restarts share."""

    def __init__(self, name, process, log):
        self.name, self.process, self.log = name, process, log
        self.paused = False

    def signal(self, number):
        """Returns the wall clock's time immediately before the signal."""
        now = time.time()
        self.process.send_signal(number)
        return now

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def tailrace_delivery(line):
    record = json.loads(line)
    if record["eventName"] == "REMOVE":
        return None
    image = record["dynamodb"]["NewImage"]
    return image["table"]["S"], image["pk"]["S"], int(image["n"]["N"])


LOG_EVENTS = {"lease taken": "taken", "lease released": "released", "lease lost": "lost",
              "shard ended": "ended"}


def tailrace_event(line):
    if not line.startswith("{"):
        return None
    entry = json.loads(line)
    what = LOG_EVENTS.get(entry["msg"])
    if what is None:
        return None
    at = datetime.datetime.fromisoformat(entry["ts"].replace("Z", "+00:00")).timestamp()
    return at, (entry["consumer"], entry["shard"]), what


class Tailrace:
    """Starts `tailrace run` with one output file a place; a consumer a table, whose lease table is
    named like it."""

    def __init__(self, program, endpoint, folder, tables, failover):
        self.program, self.endpoint, self.folder = program, endpoint, folder
        self.tables, self.failover = tables, failover

    def start(self, name, number, seen):
        output = os.path.join(self.folder, f"{name}.jsonl")
        config = os.path.join(self.folder, f"{name}.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"aws: {{region: us-east-1, endpoint: '{self.endpoint}'}}\nconsumers:\n")
            for table in self.tables:
                f.write(f"  {table}-app:\n    stream: {{table: {table}}}\n"
                        f"    lease: {{failover: {int(self.failover * 1000)}ms}}\n"
                        f"    processor: {{file: {{path: '{output}'}}}}\n")
        log = os.path.join(self.folder, f"{name}.{number}.log")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        environment.update(AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local",
                           HOME=self.folder)
        with open(log, "wb") as stderr:
            process = subprocess.Popen([self.program, "run", config], stderr=stderr,
                                       stdout=subprocess.DEVNULL, env=environment)
        worker = Worker(name, process, log)
        seen.follow(output, tailrace_delivery, log, tailrace_event, worker)
        return worker


class Takeover:
    def __init__(self, kind, seconds, taker):
        self.kind, self.seconds, self.taker = kind, seconds, taker


class Fleet:
    """Places with a worker each, and what is done to them. `starters` says, place by place, what
    starts a worker there: start(name, number, seen) -> Worker."""

    def __init__(self, starters, seen, chance, failover):
        self.starters, self.seen, self.chance, self.failover = starters, seen, chance, failover
        self.workers = {}
        self.number = 0
        self.takeovers = []

    def start(self, name):
        self.number += 1
        self.workers[name] = self.starters[name](name, self.number, self.seen)

    def end(self):
        for worker in self.workers.values():
            worker.end()

    def check_alive(self):
        for worker in self.workers.values():
            if worker.process.poll() is not None:
                raise Failed(f"{worker.name} ended by itself with {worker.process.returncode}")

    def wait_held(self, leases, seconds):
        """Until so many shards are held, each by a worker that lives."""
        def held():
            self.check_alive()
            alive = set(self.workers.values())
            return sum(1 for w in self.seen.holders().values() if w in alive) >= leases
        wait_for(seconds, f"{leases} leases are held", held)

    def held_by(self, worker):
        return [shard for shard, holder in self.seen.holders().items() if holder is worker]

    def wait_taken(self, kind, shards, since, victims, seconds):
        found = []
        for shard in shards:
            at, taker = wait_for(seconds, f"somebody took {shard[1]} of {shard[0]} after {kind}",
                                 lambda s=shard: self.seen.first_taken(s, since, victims))
            found.append(Takeover(kind, at - since, taker))
        self.takeovers += found
        return found

    def pause(self, name, patience):
        """SIGSTOP for longer than failover and until all that it held is taken over, then SIGCONT.
        Returns the takeovers."""
        victim = self.workers[name]
        shards = self.held_by(victim)
        since = victim.signal(signal.SIGSTOP)
        try:
            found = self.wait_taken("pause", shards, since, {victim}, patience)
            rest = since + self.failover * self.chance.uniform(1.1, 1.6) - time.time()
            time.sleep(max(0.0, rest))
        finally:
            victim.signal(signal.SIGCONT)
        return found

    def end_and_restart(self, kind, names, patience):
        """SIGKILL ("kill") or SIGTERM ("stop") to the workers at those places at once; others are
        there in their stead when this returns. Returns the takeovers of what they held."""
        victims = [self.workers[name] for name in names]
        shards = [shard for victim in victims for shard in self.held_by(victim)]
        times = [victim.signal(signal.SIGKILL if kind == "kill" else signal.SIGTERM)
                 for victim in victims]
        for victim in victims:
            try:
                code = victim.process.wait(timeout=30)
            except subprocess.TimeoutExpired as e:
                raise Failed(f"{victim.name} did not stop within 30 s") from e
            if kind == "stop" and code != 0:
                raise Failed(f"{victim.name} ended with {code} after SIGTERM")
        # They come back after the takeovers: a newcomer's first scan would find free leases sooner.
        found = self.wait_taken(kind, shards, min(times), set(victims), patience)
        for name in names:
            self.start(name)
        return found


def print_bounds(takeovers, failover):
    """Crash and pause: 1.1 failover times (up to 8 leases and 3 workers). Clean stop: the median 0.6
    s, the worst 1.2 s. Returns whether all was held."""
    rows = []
    for kind, what in (("kill", "crash"), ("pause", "pause"), ("stop", "clean stop")):
        times = [t.seconds for t in takeovers if t.kind == kind]
        if not times:
            continue
        if kind == "stop":
            rows.append((f"{what} to takeover, median", len(times), statistics.median(times), 0.6))
            rows.append((f"{what} to takeover, worst", len(times), max(times), 1.2))
        else:
            rows.append((f"{what} to takeover, median", len(times), statistics.median(times), None))
            rows.append((f"{what} to takeover, worst", len(times), max(times), 1.1 * failover))
    print(f"{'':32} {'shards':>6} {'seconds':>8} {'bound':>8}")
    for what, count, value, bound in rows:
        limit = f"{bound:8.2f} {'held' if value <= bound else 'MISSED'}" if bound else ""
        print(f"{what:32} {count:6} {value:8.2f} {limit}")
    return all(bound is None or value <= bound for _, _, value, bound in rows)


def arguments():
    """The parser of what every such program takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tailrace", required=True, help="the program")
    parser.add_argument("--dynamodb-local", required=True, help="the command that runs it")
    parser.add_argument("--local", action="store_true", help="against `tailrace local` instead")
    parser.add_argument("--failover", type=float, default=5)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seed", type=int)
    return parser


def run_on_service(name, args, tables, run):
    """run(args, endpoint, folder) while the service is up: DynamoDB Local with so many tables, a
    stream of which has one open shard; or the model with one table of six. Exit status 77 where it
    cannot be had."""
    # So that `finally` ends what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.tables, args.shards = (1, 6) if args.local else (tables, 1)
    command = ([args.tailrace, "local", "--shards", str(args.shards)] if args.local
               else [args.dynamodb_local])
    with tempfile.TemporaryDirectory() as folder:
        try:
            server = Server(folder, command)
        except Skipped as e:
            print(f"{name}: skipped: {e}", file=sys.stderr)
            sys.exit(77)
        try:
            run(args, server.endpoint, folder)
        finally:
            server.end()


@contextlib.contextmanager
def failing(folder):
    """What fails in the block ends the program, with the logs."""
    try:
        yield
    except Failed as e:
        raise SystemExit(f"FAIL: {e}\n{say_logs(folder)}") from e


@contextlib.contextmanager
def running(fleet, writer):
    """All places started, under the writer; all is ended with the block."""
    fleet.seen.start()
    try:
        writer.start()
        for name in fleet.starters:
            fleet.start(name)
        yield
    finally:
        fleet.end()
        writer.stopping.set()
        fleet.seen.stop()


def chance_of(seed):
    seed = seed if seed is not None else random.SystemRandom().randrange(1, 1 << 31)
    print(f"seed {seed}", flush=True)
    return random.Random(seed)


def say_logs(folder):
    """The last lines of each log, for whoever has to find out."""
    text = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".log"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                text.append(f"--- {name}\n" + "".join(f.readlines()[-25:]))
    return "\n".join(text)
