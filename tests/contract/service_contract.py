#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The service model held to DynamoDB Local, call by call, with boto3: opt-in, see scripts/contract.

Every call goes to both servers. Answers are compared after volatile values (ids, times, ARNs,
sequence numbers, iterators) were replaced by their shape. Where DynamoDB Local is known to differ
from the service, a call names its reason from DOCUMENTED: such a call has to differ. The list is
also in docs/local.md."""

import argparse
import base64
import datetime
import http.client
import json
import re
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from differences import DOCUMENTED, OWN_WORDS, RULES, RULES_BY_HAND

# --- values ---------------------------------------------------------------------------------------


class Num(str):
    """A number told by its digits."""


def av(value):
    """A Python value as an AttributeValue; a dict with one of the service's type names is one."""
    if isinstance(value, Raw):
        return value.value
    if isinstance(value, Num):
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, (set, frozenset)):
        first = next(iter(value))
        if isinstance(first, bytes):
            return {"BS": sorted(value)}
        if isinstance(first, (int, Num)):
            return {"NS": [str(v) for v in sorted(value)]}
        return {"SS": sorted(value)}
    if isinstance(value, list):
        return {"L": [av(v) for v in value]}
    if isinstance(value, dict):
        return {"M": {k: av(v) for k, v in value.items()}}
    raise TypeError(type(value))


class Raw:
    """An AttributeValue as it stands, also a wrong one."""

    def __init__(self, value):
        self.value = value


def item(**attributes):
    return {name: av(value) for name, value in attributes.items()}


def key(pk, sk=None):
    return item(pk=pk) if sk is None else item(pk=pk, sk=sk)


# --- the two servers ------------------------------------------------------------------------------


class Server:

    def __init__(self, name, endpoint):
        self.name = name
        self.address = endpoint.split("//")[1]
        options = dict(endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="local",
                       aws_secret_access_key="local",
                       config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
        self.tables = boto3.client("dynamodb", **options)
        self.streams = boto3.client("dynamodbstreams", **options)
        self.seen = {}  # volatile values by kind, in the order in which they were met
        self.kept = {}  # what later calls refer to

    def shape(self, kind, value):
        known = self.seen.setdefault(kind, {})
        return f"<{kind} {known.setdefault(value, len(known) + 1)}>"

    def call(self, operation, arguments):
        client = self.streams if operation in STREAM_OPERATIONS else self.tables
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        try:
            answer = getattr(client, method)(**arguments)
        except ClientError as e:
            answer = e.response
        return answer

    def raw(self, target, body, headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        sent = {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Date": "20261121T080000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/"
            "aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
        }
        if target is not None:
            sent["X-Amz-Target"] = target
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        connection.request("POST", "/", body=body, headers=sent)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            found = json.loads(text)
        except ValueError:
            found = {"Body": text.decode("utf-8", "replace")}
        if answer.status != 200:
            code = str(found.get("__type", "")).rpartition("#")[2]
            message = found.get("message", found.get("Message", ""))
            found = {"Error": {"Code": code, "Message": message}}
        found["ResponseMetadata"] = {"HTTPStatusCode": answer.status}
        return found


STREAM_OPERATIONS = {"ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"}
VOLATILE = {
    "TableId": "id", "eventID": "event", "StreamLabel": "label", "LatestStreamLabel": "label",
    "ShardId": "shard", "ParentShardId": "shard", "LastEvaluatedShardId": "shard",
    "ShardIterator": "iterator", "NextShardIterator": "iterator"
}
ANY = {
    "awsRegion", "SequenceNumber", "StartingSequenceNumber", "EndingSequenceNumber",
    "LastDecreaseDateTime", "LastIncreaseDateTime"
}
UNNUMBERED = {"iterator", "event", "id"}


def normal(server, value, name=""):
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("SS", "NS", "BS"):
            kind, members = next(iter(value.items()))
            return {kind: sorted(members)} if isinstance(members, list) else value
        return {k: normal(server, v, k) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list):
        return [normal(server, v, name) for v in value]
    if isinstance(value, datetime.datetime):
        return "<time>"
    if name in ANY or (name.endswith("DateTime") and isinstance(value, (int, float))):
        return f"<{name}>"
    if isinstance(value, str) and name in VOLATILE:
        kind = VOLATILE[name]
        return f"<{kind}>" if kind in UNNUMBERED else server.shape(kind, value)
    if isinstance(value, str):
        value = re.sub(r"arn:aws:dynamodb:[a-z0-9-]+:\d{12}:table/([\w.-]+)(/stream/[\w:.-]+)?",
                       lambda m: f"<table {m[1]}>"
                       if not m[2] else server.shape("stream", m[0]), value)
    return value


def answer_of(server, answer, unordered):
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    if "Error" in answer:
        error = answer["Error"]
        found = {
            "status": status, "error": error.get("Code"),
            "message": normal(server,
                              error.get("Message") or "")
        }
        if "Item" in answer:
            found["Item"] = normal(server, answer["Item"])
        return found
    found = normal(server, answer)
    if unordered:
        for member in ("Items", "TableNames", "Streams"):
            if member in found:
                found[member] = sorted(found[member],
                                       key=lambda v: json.dumps(v, sort_keys=True, default=str))
        if "LastEvaluatedKey" in found:
            found["LastEvaluatedKey"] = "<key>"
        for name, rows in found.get("Responses", {}).items():
            found["Responses"][name] = sorted(
                rows, key=lambda v: json.dumps(v, sort_keys=True, default=str))
    found["status"] = status
    return found


class Contract:

    def __init__(self, model, oracle, verbose):
        self.model, self.oracle, self.verbose = model, oracle, verbose
        self.calls = self.compared = self.worded = self.differ = 0
        self.documented = {}
        self.name = None
        self.at = (0, 0, 0)

    def group(self, name):
        self.end()
        self.name, self.at = name, (self.calls, self.differ, sum(self.documented.values()))

    def end(self):
        if self.name:
            print(
                f"{self.name + ':':<34}{self.calls - self.at[0]:4} calls, "
                f"{self.differ - self.at[1]} differ, "
                f"{sum(self.documented.values()) - self.at[2]} documented", flush=True)

    def do(self, operation, differs=None, keep=None, unordered=False, **arguments):
        """Call both. keep: a function of (server, answer) that keeps what later calls need."""
        raw = {}
        for server in (self.model, self.oracle):
            made = {k: v(server) if callable(v) else v for k, v in arguments.items()}
            raw[server] = server.call(operation, made)
            if keep and "Error" not in raw[server]:
                keep(server, raw[server])
        self.compare(f"{operation} {short(arguments)}", raw, differs, unordered
                     or operation == "Scan")
        return raw[self.model]

    def raw(self, target, body, differs=None, headers=None):
        raw = {s: s.raw(target, body, headers) for s in (self.model, self.oracle)}
        self.compare(f"{target} {body[:80]!r}", raw, differs, False, by_hand=True)

    def compare(self, what, raw, differs, unordered, by_hand=False):
        self.calls += 1
        mine = answer_of(self.model, raw[self.model], unordered)
        theirs = answer_of(self.oracle, raw[self.oracle], unordered)
        if self.verbose:
            print(f"  {what}\n      {mine}")
        reason = differs
        if mine != theirs and worded_otherwise(mine, theirs):
            self.worded += 1
            theirs = dict(theirs, message=mine["message"])
        for name, rule in RULES.items():
            usable = by_hand or name not in RULES_BY_HAND
            if mine != theirs and not reason and usable and equal(*rule(mine, theirs)):
                reason, mine = name, theirs
        if reason:
            self.documented[reason] = self.documented.get(reason, 0) + 1
            if reason not in DOCUMENTED:
                raise SystemExit(f"no documented difference is called '{reason}'")
        else:
            self.compared += 1
        if differs and mine == theirs:
            what += f" (documented as {differs}, and does not differ)"
        if (mine != theirs) != bool(differs):
            self.differ += 1
            print(
                f"DIFFERS: {self.name}: {what}\n    model:          {mine}\n    DynamoDB Local: {theirs}"
            )


def worded_otherwise(mine, theirs):
    """Both refuse with one code, DynamoDB Local in words that are known for its own."""
    return ("error" in mine and dict(mine, message="") == dict(theirs, message="")
            and OWN_WORDS.fullmatch(theirs["message"]) is not None)


def equal(mine, theirs):
    return mine == theirs


def short(arguments):
    text = json.dumps(arguments, default=lambda v: "<kept>" if callable(v) else repr(v))
    return text if len(text) < 300 else text[:300] + "..."


# --- the contract ---------------------------------------------------------------------------------

HASH = [{"AttributeName": "pk", "KeyType": "HASH"}]
BOTH = HASH + [{"AttributeName": "sk", "KeyType": "RANGE"}]
PK = [{"AttributeName": "pk", "AttributeType": "S"}]
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}


def definitions(pk="S", sk=None):
    found = [{"AttributeName": "pk", "AttributeType": pk}]
    return found if sk is None else found + [{"AttributeName": "sk", "AttributeType": sk}]


def create(c, name, pk="S", sk=None, view=None, **more):
    arguments = dict(TableName=name, KeySchema=HASH if sk is None else BOTH,
                     AttributeDefinitions=definitions(pk, sk), **ON_DEMAND)
    if view:
        arguments["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    arguments.update(more)
    c.do("CreateTable", **{k: v
                           for k, v in arguments.items()
                           if v is not None}, differs=more.pop("differs", None))
    for server in (c.model, c.oracle):
        server.tables.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def tables(c):

    def bad(differs=None, drop=(), **change):
        arguments = dict(TableName="Bad", KeySchema=HASH, AttributeDefinitions=PK, **ON_DEMAND)
        arguments.update(change)
        c.do("CreateTable", differs=differs,
             **{k: v
                for k, v in arguments.items() if k not in drop})

    c.group("tables")
    c.do("ListTables")
    c.do("DescribeTable", TableName="Nowhere")
    c.do("DescribeTable", TableName="x")
    c.do("DescribeTable", TableName="bad name")
    c.do("DescribeTable")
    c.do("DeleteTable", TableName="Nowhere")
    c.do("DeleteTable")
    c.do("UpdateTable", TableName="Nowhere", BillingMode="PAY_PER_REQUEST")
    c.do("DescribeTimeToLive", TableName="Nowhere")
    c.do("UpdateTimeToLive", TableName="Nowhere",
         TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    bad(TableName="ab")
    bad(TableName="a" * 256)
    bad(TableName="no spaces")
    bad(drop=["TableName"])
    bad(drop=["KeySchema"])
    bad(drop=["AttributeDefinitions"])
    bad(drop=["BillingMode"])
    bad(BillingMode="FREE")
    bad(BillingMode="PROVISIONED")
    bad(BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 0, "WriteCapacityUnits": 1})
    bad(BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 1})
    bad(ProvisionedThroughput=UNITS, differs="lax-members")
    c.oracle.tables.delete_table(TableName="Bad")
    bad(KeySchema=[])
    bad(KeySchema=[{"AttributeName": "pk", "KeyType": "RANGE"}])
    bad(KeySchema=[{"AttributeName": "pk", "KeyType": "OTHER"}])
    bad(KeySchema=HASH + HASH)
    bad(KeySchema=HASH + [{"AttributeName": "sk", "KeyType": "HASH"}],
        AttributeDefinitions=definitions("S", "S"))
    bad(KeySchema=BOTH)
    bad(KeySchema=BOTH + BOTH)
    bad(KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}])
    bad(AttributeDefinitions=definitions("S", "S"))
    bad(AttributeDefinitions=PK + PK)
    bad(AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "M"}])
    bad(AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "BOOL"}])
    bad(AttributeDefinitions=[])
    bad(AttributeDefinitions=[{"AttributeName": "p" * 256, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "p" * 256, "KeyType": "HASH"}])
    bad(StreamSpecification={"StreamEnabled": True})
    bad(StreamSpecification={"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"})
    bad(StreamSpecification={"StreamEnabled": True, "StreamViewType": "ALL"})
    bad(StreamSpecification={"StreamViewType": "KEYS_ONLY"})
    create(c, "Hash")
    create(c, "Pair", sk="S")
    create(c, "Numbers", pk="N", sk="N")
    create(c, "Bytes", pk="B", sk="B")
    create(c, "Units", BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    c.do("CreateTable", TableName="Hash", KeySchema=HASH, AttributeDefinitions=PK, **ON_DEMAND)
    for name in ("Hash", "Pair", "Units"):
        c.do("DescribeTable", TableName=name)
    c.do("ListTables")
    c.do("ListTables", Limit=2)
    c.do("ListTables", Limit=2, ExclusiveStartTableName="Hash")
    c.do("ListTables", ExclusiveStartTableName="Hashe")
    c.do("ListTables", ExclusiveStartTableName="zzz")
    c.do("ListTables", Limit=0)
    c.do("ListTables", Limit=101)
    c.do("ListTables", ExclusiveStartTableName="x")
    c.do("UpdateTable", TableName="Units",
         ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 8})
    c.do("UpdateTable", TableName="Units",
         ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 8})
    c.do("UpdateTable", TableName="Units",
         ProvisionedThroughput={"ReadCapacityUnits": 0, "WriteCapacityUnits": 8})
    c.do("UpdateTable", TableName="Units", ProvisionedThroughput={"ReadCapacityUnits": 8})
    c.do("UpdateTable", TableName="Units")
    c.do("UpdateTable", TableName="Units", BillingMode="PAY_PER_REQUEST")
    c.do("UpdateTable", TableName="Units", BillingMode="PROVISIONED")
    c.do("DescribeTable", TableName="Units")
    c.do("DeleteTable", TableName="Units")
    c.do("DescribeTable", TableName="Units")


def items(c):
    c.group("items")
    c.do("GetItem", TableName="Hash", Key=key("none"))
    c.do("DeleteItem", TableName="Hash", Key=key("none"), differs="capacity-unasked")
    c.do("DeleteItem", TableName="Hash", Key=key("none"), ReturnValues="ALL_OLD",
         differs="capacity-unasked")
    full = item(pk="all", s="text", n=5, b=b"\x00\xff", t=True, f=False, nothing=None,
                ss={"b", "a"}, ns={3, 1, 2}, bs={b"x", b"y"}, l=[1, "two", [None, {}]],
                m={"a": {"b": [1]},
                   "": 1}, e="", eb=b"", el=[], em={}, u='zażółć \u2603 \U0001f600 " \\ \n')
    c.do("PutItem", TableName="Hash", Item=full)
    c.do("GetItem", TableName="Hash", Key=key("all"))
    c.do("GetItem", TableName="Hash", Key=key("all"), ConsistentRead=True,
         ReturnConsumedCapacity="TOTAL")
    c.do("GetItem", TableName="Hash", Key=key("all"), ReturnConsumedCapacity="INDEXES")
    c.do("PutItem", TableName="Hash", Item=full, ReturnValues="ALL_OLD")
    c.do("PutItem", TableName="Hash", Item=item(pk="small"), ReturnConsumedCapacity="TOTAL")
    c.do("PutItem", TableName="Hash", Item=item(pk="small", v=1), ReturnValues="ALL_OLD",
         ReturnItemCollectionMetrics="SIZE")
    c.do("PutItem", TableName="Hash", Item=item(pk="small", v=2), ReturnConsumedCapacity="INDEXES")
    for how in ("ALL_NEW", "UPDATED_OLD", "UPDATED_NEW", "SOMETHING"):
        c.do("PutItem", TableName="Hash", Item=item(pk="small"), ReturnValues=how)
        c.do("DeleteItem", TableName="Hash", Key=key("small"), ReturnValues=how)
    c.do("PutItem", TableName="Hash", Item=item(pk="small"), ReturnConsumedCapacity="SOME")
    c.do("PutItem", TableName="Hash", Item=item(pk="small"), ReturnItemCollectionMetrics="SOME",
         differs="lax-members")
    c.do("PutItem", TableName="Nowhere", Item=item(pk="small"))
    c.do("GetItem", TableName="Nowhere", Key=key("small"))
    c.do("UpdateItem", TableName="Nowhere", Key=key("small"))
    c.do("DeleteItem", TableName="Nowhere", Key=key("small"))
    c.do("PutItem", TableName="Hash")
    c.do("PutItem", Item=item(pk="small"))
    c.do("GetItem", TableName="Hash")
    c.do("PutItem", TableName="Hash", Item={})
    c.do("PutItem", TableName="Hash", Item=item(other="x"))
    c.do("PutItem", TableName="Hash", Item=item(pk=5))
    c.do("PutItem", TableName="Hash", Item=item(pk=""))
    c.do("PutItem", TableName="Hash", Item=item(pk=None))
    c.do("PutItem", TableName="Hash", Item=item(pk={"x"}))
    c.do("PutItem", TableName="Pair", Item=item(pk="a"))
    c.do("PutItem", TableName="Pair", Item=item(pk="a", sk=1))
    c.do("PutItem", TableName="Pair", Item=item(pk="a", sk=""))
    c.do("PutItem", TableName="Hash", Item=item(pk="x" * 2049))
    c.do("PutItem", TableName="Pair", Item=item(pk="a", sk="x" * 1025))
    c.do("PutItem", TableName="Hash", Item=item(pk="x" * 2048))
    c.do("PutItem", TableName="Pair", Item=item(pk="a", sk="x" * 1024))
    c.do("GetItem", TableName="Hash", Key=item(other="x"))
    c.do("GetItem", TableName="Hash", Key=item(pk="x", other="x"))
    c.do("GetItem", TableName="Hash", Key={})
    c.do("GetItem", TableName="Hash", Key=item(pk=5))
    c.do("GetItem", TableName="Hash", Key=item(pk=""))
    c.do("GetItem", TableName="Pair", Key=key("a"))
    c.do("DeleteItem", TableName="Pair", Key=key("a"))
    c.do("UpdateItem", TableName="Pair", Key=key("a"))
    c.do("DeleteItem", TableName="Hash", Key=item(pk=5))
    c.do("UpdateItem", TableName="Hash", Key=item(pk=5))
    c.do("PutItem", TableName="Numbers", Item=item(pk=Num("1.0"), sk=Num("-0"), v="zero"))
    c.do("GetItem", TableName="Numbers", Key=item(pk=1, sk=0))
    c.do("GetItem", TableName="Numbers", Key=item(pk=Num("1e0"), sk=Num("0.000")))
    c.do("PutItem", TableName="Bytes", Item=item(pk=b"\x01", sk=b"\xff\xfe"))
    c.do("GetItem", TableName="Bytes", Key=item(pk=b"\x01", sk=b"\xff\xfe"))
    c.do("PutItem", TableName="Bytes", Item=item(pk=b"", sk=b"x"))
    c.do("DescribeTable", TableName="Numbers")


def sizes(c):
    c.group("sizes and numbers")
    room = 400 * 1024 - len("pk") - len("k") - len("v")
    c.do("PutItem", TableName="Hash", Item=item(pk="k", v="x" * room),
         ReturnConsumedCapacity="TOTAL")
    c.do("PutItem", TableName="Hash", Item=item(pk="k", v="x" * (room + 1)))
    c.do("UpdateItem", TableName="Hash", Key=key("k"), UpdateExpression="SET w = :w",
         ExpressionAttributeValues={":w": av("x" * 10)})
    c.do("GetItem", TableName="Hash", Key=key("k"), ReturnConsumedCapacity="TOTAL",
         ProjectionExpression="pk")
    c.do("DeleteItem", TableName="Hash", Key=key("k"), ReturnConsumedCapacity="TOTAL")

    deep = "x"
    for _ in range(31):
        deep = [deep]
    c.do("PutItem", TableName="Hash", Item=item(pk="deep", v=deep))
    c.do("GetItem", TableName="Hash", Key=key("deep"))
    c.do("PutItem", TableName="Hash", Item=item(pk="deep", v=[[deep]]))
    numbers = [
        "0", "-0", "007", "1.50", "+3", "1e3", "1E-3", "0.00001",
        "123456789012345678901234567890.12345678", "12345678901234567890123456789012345678",
        "123456789012345678901234567890123456789", "0.1234567890123456789012345678901234567",
        "1e125", "9.9999999999999999999999999999999999999E+125", "1e126", "1e-130", "1e-131",
        "-1e125", "-1e126", "1000000000000000000000000000000000000000", "100e-2", "1e-20", "12e20",
        "-1.5e-7"
    ]
    for number in numbers:
        c.do("PutItem", TableName="Hash", Item=item(pk="n", n=Num(number)))
        c.do("GetItem", TableName="Hash", Key=key("n"))
    for number in ("", " ", "1 ", "abc", "1e", "--1", "0x10", "NaN", "Infinity", "1,5", ".5", "5."):
        c.do("PutItem", TableName="Hash", Item=item(pk="n", n=Num(number)))
    for a, b in (("0.1", "0.2"), ("1e37", "1"), ("1e38", "1"),
                 ("99999999999999999999999999999999999999",
                  "1"), ("5", "-5"), ("1e125", "9e125"), ("-1.25", "1e-10")):
        c.do("UpdateItem", TableName="Hash", Key=key("sum"), UpdateExpression="SET n = :a, d = :b",
             ExpressionAttributeValues={":a": {"N": a}, ":b": {"N": b}})
        c.do("UpdateItem", TableName="Hash", Key=key("sum"),
             UpdateExpression="SET n = n + d, d = n - d", ReturnValues="ALL_NEW")


def wrong_values(c):
    c.group("attribute values")

    def put(value, differs=None):
        c.do("PutItem", TableName="Hash", Item={"pk": {"S": "w"}, "v": value}, differs=differs)

    put({})
    put({"S": "a", "N": "1"})
    put({"SS": []})
    put({"NS": []})
    put({"BS": []})
    put({"SS": ["a", "a"]})
    put({"NS": ["1", "1.0"]})
    put({"NS": ["1", "x"]})
    put({"BS": [b"a", b"a"]})
    put({"SS": ["", "a"]})
    put({"BS": [b"", b"a"]})
    put({"NULL": False})
    put({"M": {"a": {}}})
    put({"L": [{}]})
    put({"L": [{"S": "a", "N": "1"}]})
    put({"M": {"k": {"SS": []}}})
    put({"M": {"": {"S": "empty name"}}})
    c.do("PutItem", TableName="Hash", Item={"pk": {"S": "w"}, "": {"S": "x"}})
    c.do("PutItem", TableName="Hash", Item={"pk": {"S": "w"}, "n" * 65536: {"S": "x"}})
    body = '{"TableName":"Hash","Item":{"pk":{"S":"w"},"v":%s}}'
    for value in ('{"S":5}', '{"N":5}', '{"BOOL":"x"}', '{"BOOL":"true"}', '{"NULL":"x"}',
                  '{"SS":"a"}', '{"SS":[1]}', '{"M":[]}', '{"L":{}}', '{"B":"%%%"}', '{"B":5}',
                  '"a"', "5", "[]", "null", '{"S":null}', '{"N":true}', '{"SS":[null]}',
                  '{"X":"a"}', "{}", '{"L":[null]}', '{"M":{"a":null}}', '{"S":"\\ud800"}'):
        c.raw("DynamoDB_20120810.PutItem", body % value)


def conditions(c):
    c.group("condition expressions")
    c.do(
        "PutItem", TableName="Hash",
        Item=item(pk="c", n=5, s="hello", b=b"\x01\x02", ss={"a", "b"}, ns={1, 2},
                  l=[1, "x", {"d": 4}], m={"a": 1, "b.c": 2, "d": [10,
                                                                   20]}, t=True, z=None, size=3))
    values = item(n=5, six=6, s="hello", h="he", b=b"\x01", a="a", x="x", t=True, one=1, two=2,
                  ss={"a", "b"}, S="S", N="N", SS="SS", wrong="Q", l=[1], zero=0)

    def put(expression, differs=None, names=None, more=None):
        used = set(re.findall(r":(\w+)", expression))
        given = {":" + name: value for name, value in values.items() if name in used}
        given.update(more or {})
        arguments = dict(TableName="Hash", Key=key("c"), ConditionExpression=expression,
                         UpdateExpression="SET checked = :true0",
                         ReturnValuesOnConditionCheckFailure="NONE")
        given[":true0"] = av(True)
        arguments["ExpressionAttributeValues"] = given
        if names:
            arguments["ExpressionAttributeNames"] = names
        c.do("UpdateItem", differs=differs, **arguments)

    for expression in (
            "n = :n",
            "n = :six",
            "n <> :six",
            "n < :six",
            "n <= :n",
            "n > :n",
            "n >= :n",
            "n = :s",
            "n < :s",
            "n <> :s",
            "s = :s",
            "s < :h",
            "missing = :n",
            "missing <> :n",
            "missing < :n",
            "n BETWEEN :one AND :six",
            "n BETWEEN :six AND :n",
            "n BETWEEN :one AND :s",
            "n IN (:one, :n)",
            "n IN (:one)",
            "n IN (:s, :n)",
            "missing IN (:n)",
            "attribute_exists(n)",
            "attribute_exists(missing)",
            "attribute_not_exists(missing)",
            "attribute_not_exists(m.a)",
            "attribute_exists(m.d[1])",
            "attribute_exists(m.d[2])",
            "attribute_exists(l[2].d)",
            "attribute_type(n, :N)",
            "attribute_type(n, :S)",
            "attribute_type(ss, :SS)",
            "attribute_type(missing, :S)",
            "attribute_type(n, :wrong)",
            "attribute_type(n, :n)",
            "begins_with(s, :h)",
            "begins_with(s, :x)",
            "begins_with(b, :b)",
            "begins_with(n, :h)",
            "begins_with(s, :n)",
            "begins_with(missing, :h)",
            "contains(s, :h)",
            "contains(ss, :a)",
            "contains(ss, :x)",
            "contains(ns, :one)",
            "contains(l, :x)",
            "contains(l, :one)",
            "contains(n, :one)",
            "contains(m, :a)",
            "contains(s, :n)",
            "contains(b, :b)",
            "contains(s, s)",
            "contains(s, :s)",
            "contains(ss, :ss)",
            "size(s) = :n",
            "size(ss) = :two",
            "size(l) > :two",
            "size(m) = :two",
            "size(b) = :two",
            "size(n) = :one",
            "size(missing) = :one",
            "size(s) < :s",
            "size(m.d) = :two",
            "ss = :ss",
            "t = :t",
            "m.a = :one",
            "m.d[0] > :one",
            "NOT n = :n",
            "NOT n = :six",
            "n = :n AND s = :s",
            "n = :six OR s = :s",
            "n = :six AND s = :s OR t = :t",
            "n = :six AND (s = :s OR t = :t)",
            "NOT (n = :six OR s = :h)",
            "NOT NOT n = :n",
            "(n = :n)",
            "((n = :n))",
            ":n = n",
            ":n = :n",
            "m.a = m.d[0]",
            "attribute_exists(pk)",
            "attribute_not_exists(pk)",
            "not attribute_exists(zz)",
            "n between :one and :six",
            "s in (:s, :h)",
            # refused
            "n = ",
            "n == :n",
            "n = :n AND",
            "AND n = :n",
            "n = :n)",
            "(n = :n",
            "n",
            ":n",
            "size(n)",
            "n = size",
            "n = 5",
            "n = 'x'",
            "attribute_exists(:n)",
            "attribute_exists(n, s)",
            "attribute_exists()",
            "attribute_type(n)",
            "attribute_type(n, s)",
            "begins_with(s)",
            "contains(s)",
            "size(n, s) = :n",
            "unknown(n)",
            "if_not_exists(n, :n) = :n",
            "n IN ()",
            "n IN :n",
            "n BETWEEN :one",
            "n BETWEEN :one AND",
            "n = :undefined",
            "#n = :n",
            "m..a = :n",
            "m.[0] = :n",
            "l[x] = :n",
            "l[-1] = :n",
            "l[1 = :n",
            "name = :n",
            "status = :n",
            "n.size = :n",
            "n = :n # s",
            "",
            " ",
            "n = :n;",
            "attribute_exists(n) = :t",
            "begins_with(s, :h) AND size(s)",
            "NOT",
            "n = :n AND AND s = :s",
            "n + :n = :six",
            "a-b = :n",
            "1n = :n",
            "_n = :n",
            "n = n = n",
            "begins_with(:s, :h)",
            "begins_with(s, :one)",
            "contains(:s, :h)",
            "attribute_type(:s, :S)",
            "n IN (:n, :n)",
            "size(s) = size(s)",
            "begins_with(size(s), :h)",
            "l[0][1] = :n",
            "l[99999999999] = :n"):
        put(expression,
            differs="reserved-size" if expression in ("n = size", "n.size = :n") else None)
    names = {"#n": "n", "#m": "m", "#bc": "b.c", "#s": "size"}
    put("#n = :n", names={"#n": "n"})
    put("#m.#bc = :two", names={"#m": "m", "#bc": "b.c"})
    put("#s = :n", names={"#s": "size"})
    put("#m.a = :one", names={"#m": "m"})
    put("#n = :n", names=names)
    put("#n = :n", names={"n": "n"})
    put("#n = :n", names={"#n": ""})
    put("#x = :n", names={"#n": "n"})
    put("n = :n", names={"#n": "n"})
    put("n = :n", more={":unused": av(1)})
    put("n = :n", more={"unnamed": av(1)})
    put("n = :n", more={":e": {}})
    put("n = :n OR n = :two", more={":two": {"N": "x"}})
    put(" OR ".join(["n = :n"] * 150))
    put(" OR ".join(["n = :n"] * 301))
    put("n IN (" + ", ".join([":n"] * 100) + ")")
    put("n IN (" + ", ".join([":n"] * 101) + ")")
    put("(" * 40 + "n = :n" + ")" * 40)
    put("n = :n OR " + "s = :s AND " * 500 + "s = :s")
    c.do("PutItem", TableName="Hash", Item=item(pk="c"), ConditionExpression="attribute_exists(#p)")
    c.do("PutItem", TableName="Hash", Item=item(pk="c"), ExpressionAttributeNames={"#p": "pk"})
    c.do("PutItem", TableName="Hash", Item=item(pk="c"), ExpressionAttributeValues={":p": av(1)})
    c.do("PutItem", TableName="Hash", Item=item(pk="c"), ConditionExpression="n = :n",
         ExpressionAttributeValues={})
    c.do("PutItem", TableName="Hash", Item=item(pk="c"), ConditionExpression="attribute_exists(n)",
         ExpressionAttributeNames={})
    for operation, more in (("PutItem", {"Item": item(pk="c",
                                                      v=1)}), ("DeleteItem", {"Key": key("c")}),
                            ("UpdateItem", {"Key": key("c"), "UpdateExpression": "REMOVE n"})):
        for pk in ("c", "absent"):
            arguments = json.loads(json.dumps(more))
            arguments["Item" if operation == "PutItem" else "Key"]["pk"] = av(pk)
            for how in ("ALL_OLD", "NONE", "ALL_NEW", None):
                chosen = {"ReturnValuesOnConditionCheckFailure": how} if how else {}
                c.do(operation, TableName="Hash", **arguments, ConditionExpression="n = :n",
                     ExpressionAttributeValues={":n": av(99)}, **chosen)
    c.do("DeleteItem", TableName="Hash", Key=key("c"), ConditionExpression="n = :n",
         ExpressionAttributeValues={":n": av(5)}, ReturnValues="ALL_OLD")
    c.do("PutItem", TableName="Hash", Item=item(pk="c"),
         ConditionExpression="attribute_not_exists(pk)")
    c.do("PutItem", TableName="Hash", Item=item(pk="c"),
         ConditionExpression="attribute_not_exists(pk)")


def updates(c):
    c.group("update expressions")
    start = dict(pk="u", n=5, s="text", ss={"a", "b"}, ns={1, 2}, bs={b"x"}, l=[1, 2, 3],
                 m={"a": 1, "b": {"c": 2}, "l": [5]}, z=None)
    values = item(one=1, two=2, s="new", l=[8, 9], a={"a"}, ab={"a", "b"}, abc={"a", "b",
                                                                                "c"}, q={"q"},
                  three={3}, m={"x": 1}, b=b"x", e=[], bset={b"y"}, t=True, none=None, word="a")

    def update(expression, returns="ALL_NEW", differs=None, names=None, fresh=True, more=None,
               pk="u"):
        if fresh:
            for server in (c.model, c.oracle):
                server.tables.put_item(TableName="Hash", Item=item(**start))
        used = set(re.findall(r":(\w+)", expression))
        given = {":" + name: value for name, value in values.items() if name in used}
        given.update(more or {})
        arguments = dict(TableName="Hash", Key=key(pk), UpdateExpression=expression,
                         ReturnValues=returns)
        if given:
            arguments["ExpressionAttributeValues"] = given
        if names:
            arguments["ExpressionAttributeNames"] = names
        c.do("UpdateItem", differs=differs, **arguments)

    for expression in (
            "SET n = :one",
            "SET n = n + :one",
            "SET n = n - :two",
            "SET n = :one + :two",
            "SET n = :one - n",
            "SET new = :s",
            "SET n = s",
            "SET s = :s, n = :one",
            "SET n = s, s = n",
            "SET m.a = :two",
            "SET m.z = :two",
            "SET m.b.c = :two",
            "SET m.b.d.e = :two",
            "SET l[0] = :s",
            "SET l[3] = :s",
            "SET l[10] = :s",
            "SET l[1] = :s, l[2] = :s",
            "SET m.l[0] = m.l[0] + :one",
            "SET new = if_not_exists(new, :one)",
            "SET n = if_not_exists(n, :one)",
            "SET n = if_not_exists(zzz, :one) + :two",
            "SET new = if_not_exists(n, s)",
            "SET new = list_append(l, :l)",
            "SET l = list_append(:l, l)",
            "SET new = list_append(if_not_exists(new, :e), :l)",
            "SET l = list_append(l, l)",
            "SET new = list_append(:l, :e)",
            "REMOVE n",
            "REMOVE n, s",
            "REMOVE missing",
            "REMOVE l[0]",
            "REMOVE l[0], l[1]",
            "REMOVE l[7]",
            "REMOVE m.a",
            "REMOVE m.b.c",
            "REMOVE m.q.r",
            "REMOVE l[0] SET l[1] = :s",
            "REMOVE z",
            "ADD n :one",
            "ADD new :one",
            "ADD ss :q",
            "ADD ss :a",
            "ADD newset :a",
            "ADD ns :three",
            "ADD bs :bset",
            "ADD n :one, ss :q",
            "ADD m.a :one",
            "ADD m.ss :a",
            "DELETE ss :a",
            "DELETE ss :ab",
            "DELETE ss :abc",
            "DELETE ss :q",
            "DELETE missing :a",
            "SET n = :one REMOVE s ADD new :two DELETE ss :a",
            "set n = :one remove s add new :two delete ss :a",
            "SET pk2 = pk",
            # refused
            "SET pk = :s",
            "REMOVE pk",
            "ADD pk :one",
            "SET n = :one, n = :two",
            "SET m = :m, m.a = :one",
            "SET m.a = :one REMOVE m",
            "SET l[0] = :one, l[0] = :two",
            "SET m.a = :one, m[0] = :two",
            "SET n = missing",
            "SET n = missing + :one",
            "SET n = s + :one",
            "SET n = :s + :one",
            "SET n = n + :s",
            "SET m.q.r = :one",
            "SET s.a = :one",
            "SET n[0] = :one",
            "SET l.a = :one",
            "SET missing.a = :one",
            "SET n = list_append(n, :l)",
            "SET n = list_append(l, :one)",
            "SET n = list_append(l)",
            "SET n = list_append(missing, :l)",
            "SET n = if_not_exists(n)",
            "SET n = if_not_exists(:one, :two)",
            "SET n = unknown(n)",
            "SET n = size(s)",
            "ADD s :one",
            "ADD n :s",
            "ADD n :a",
            "ADD ss :one",
            "ADD ns :a",
            "ADD l :l",
            "ADD n :l",
            "ADD n :t",
            "ADD m :m",
            "DELETE n :one",
            "DELETE ss :one",
            "DELETE ss :word",
            "DELETE ns :a",
            "DELETE s :a",
            "DELETE ss",
            "ADD n",
            "REMOVE",
            "SET",
            "SET n",
            "SET n =",
            "SET n = :one,",
            "SET n = :one SET s = :s",
            "n = :one",
            "SET n = :undefined",
            "SET #n = :one",
            "SET n = 1",
            "SET n += :one",
            "SET n = :one + :two + :one",
            "SET (n) = :one",
            "SET n = (:one)",
            "SET n = (n + :one)",
            "SET status = :one",
            "SET m.status = :one",
            "",
            "  ",
            "SET :n = :one",
            "REMOVE :one",
            "ADD n n",
            "SET n = :one OR s = :s",
            "SET n = :one REMOVE",
            "FOO n",
            "SET l[a] = :one",
            "SET n = attribute_exists(s)",
            "ADD n :none",
            "DELETE ss :none",
            "SET n = :one AND s = :s",
            "SET n = - :one",
            "REMOVE n REMOVE s",
            "SET s = :s, REMOVE n",
            "DELETE ss :a, ss :q",
            "ADD m.b :one",
            "REMOVE m.b, m.b.c"):
        update(expression)
    for returns in ("NONE", "ALL_OLD", "UPDATED_OLD", "UPDATED_NEW", "ALL_NEW", "SOMETHING"):
        update("SET n = :one, new = :s", returns)
        update("REMOVE n", returns)
        update("SET m.a = :two, l[1] = :one", returns,
               differs="updated-whole" if returns.startswith("UPDATED") else None)
        update("SET v = :one", returns, pk=f"made-{returns}", fresh=False)
    update("SET #n = :one, m.#d = :two", names={"#n": "some name", "#d": "a.b"})
    update("SET n = :one", names={"#n": "n"})
    update("SET n = :one", more={":unused": av(1)})
    update("SET n = :one", more={":one": {"SS": []}})
    update("SET n = :one", more={":one": {}})
    c.do("UpdateItem", TableName="Hash", Key=key("bare"))
    c.do("GetItem", TableName="Hash", Key=key("bare"))
    c.do("UpdateItem", TableName="Hash", Key=key("bare2"), ReturnValues="ALL_NEW",
         ReturnConsumedCapacity="TOTAL")
    c.do("UpdateItem", TableName="Hash", Key=key("bare"), UpdateExpression="SET n = :n")
    c.do("UpdateItem", TableName="Hash", Key=key("bare"), ExpressionAttributeValues={":n": av(1)})
    c.do("UpdateItem", TableName="Hash", Key=key("bare"), UpdateExpression="SET n = :n",
         ExpressionAttributeValues={":n": av(1)}, ConditionExpression="attribute_exists(zz)")
    c.do("UpdateItem", TableName="Hash", Key=key("never"), UpdateExpression="REMOVE x",
         ConditionExpression="attribute_exists(pk)")
    c.do("GetItem", TableName="Hash", Key=key("never"))


def projections(c):
    c.group("projections")
    c.do(
        "PutItem", TableName="Hash", Item=item(pk="p", a=1, b={"c": 2, "d": [1, {"e": 3}, 5]},
                                               l=[[1, 2], 3], s="x", **{"a.b": 7}))

    def get(expression, names=None, differs=None):
        arguments = dict(TableName="Hash", Key=key("p"), ProjectionExpression=expression)
        if names:
            arguments["ExpressionAttributeNames"] = names
        c.do("GetItem", differs=differs, **arguments)

    for expression in ("a", "a, s", "b.c", "b.d[1].e", "b.d[0], b.d[2]", "l[0][1]", "missing",
                       "b.missing", "l[9]", "a, missing", "pk", "b, a", "a, a", "b, b.c", "b.c, b",
                       "b.d[0], b.d[0]", "b.c, b.d", "", "a,", ",a", "a b", "a.", "a[", "l[-1]",
                       "name", ":v", "#x", "a, size", "size(a)", "b.d[x]", "a = b", "(a)", "a*",
                       "b.c, b[0]"):
        get(expression, differs="reserved-size" if expression == "a, size" else None)
    get("#a", {"#a": "a.b"})
    get("#b.#c", {"#b": "b", "#c": "c"})
    get("#a", {"#a": "a", "#b": "b"})
    get("a", {"#b": "b"})
    c.do("GetItem", TableName="Hash", Key=key("p"), ExpressionAttributeNames={"#a": "a"})
    c.do("GetItem", TableName="Hash", Key=key("p"), ProjectionExpression="a", AttributesToGet=["a"])
    c.do("GetItem", TableName="Hash", Key=key("p"), AttributesToGet=["a", "s", "missing"])
    c.do("GetItem", TableName="Hash", Key=key("p"), AttributesToGet=["b.c"])
    c.do("GetItem", TableName="Hash", Key=key("p"), AttributesToGet=[])
    c.do("GetItem", TableName="Hash", Key=key("p"), AttributesToGet=["a", "a"])


def queries(c):
    c.group("Query")
    for server in (c.model, c.oracle):
        for i in range(30):
            server.tables.put_item(
                TableName="Pair", Item=item(pk="q", sk=f"s{i:02}", n=i, even=i % 2 == 0,
                                            m={"i": i}))
            server.tables.put_item(TableName="Numbers", Item=item(pk=7, sk=Num(str(i - 15)), n=i))
            server.tables.put_item(TableName="Bytes", Item=item(pk=b"q", sk=bytes([i * 8]), n=i))
    values = {
        ":q": av("q"), ":a": av("s05"), ":b": av("s08"), ":s": av("s1"), ":n": av(5),
        ":t": av(True), ":seven": av(7), ":m": av(-3), ":bq": av(b"q"), ":bb": av(b"\x10"),
        ":none": av("none"), ":bin": av(b"s1"), ":e": av("")
    }

    def query(condition, table="Pair", differs=None, **more):
        text = (" ".join(str(v) for k, v in more.items() if k.endswith("Expression")) + " " +
                (condition or ""))
        given = {k: v for k, v in values.items() if re.search(k + r"\b", text)}
        arguments = dict(TableName=table, **more)
        if condition is not None:
            arguments["KeyConditionExpression"] = condition
        if given:
            arguments.setdefault("ExpressionAttributeValues", given)
        return c.do("Query", differs=differs, **arguments)

    for condition in (
            "pk = :q",
            "pk = :none",
            "pk = :q AND sk = :a",
            "pk = :q AND sk < :a",
            "pk = :q AND sk <= :a",
            "pk = :q AND sk > :b",
            "pk = :q AND sk >= :b",
            "pk = :q AND sk BETWEEN :a AND :b",
            "pk = :q AND begins_with(sk, :s)",
            "sk = :a AND pk = :q",
            ":q = pk",
            "(pk = :q) AND (sk = :a)",
            "(pk = :q AND sk = :a)",
            "pk = :q and sk between :a and :b",
            # refused
            "pk = :q AND sk <> :a",
            "pk > :q",
            "pk = :q OR sk = :a",
            "NOT pk = :q",
            "sk = :a",
            "pk = :q AND n = :n",
            "n = :n",
            "pk = :q AND sk = :a AND sk = :b",
            "pk = :q AND pk = :q",
            "begins_with(pk, :q)",
            "pk = :n",
            "pk = :q AND sk = :n",
            "pk = :q AND begins_with(sk, :n)",
            "pk = :q AND contains(sk, :s)",
            "pk = :q AND sk BETWEEN :b AND :a",
            "pk = :q AND sk IN (:a, :b)",
            "pk = :q AND attribute_exists(sk)",
            "pk = sk",
            "pk = :q AND size(sk) = :n",
            "pk = :undefined",
            "#pk = :q",
            "",
            "pk = :q AND",
            "pk :q",
            "pk.a = :q",
            "pk = :q AND sk[0] = :a",
            "pk = :e",
            "pk = :q AND sk = :e",
            "pk BETWEEN :a AND :b",
            "pk IN (:q)",
            "pk = :q AND begins_with(:s, sk)",
            "pk = :q AND NOT sk = :a",
            "pk = :q AND begins_with(sk, :e)"):
        query(condition)
    query(None)
    query("pk = :seven", "Numbers", ScanIndexForward=False, Limit=5)
    query("pk = :seven AND sk BETWEEN :m AND :n", "Numbers")
    query("pk = :seven AND begins_with(sk, :n)", "Numbers")
    query("pk = :bq AND sk > :bb", "Bytes")
    query("pk = :bq AND begins_with(sk, :bb)", "Bytes")
    query("pk = :q", ScanIndexForward=False)
    for select in ("COUNT", "ALL_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES",
                   "NOTHING"):
        query("pk = :q", Select=select)
    query("pk = :q", Select="COUNT", ProjectionExpression="n")
    query("pk = :q", Select="SPECIFIC_ATTRIBUTES", ProjectionExpression="n", Limit=3)
    query("pk = :q", Select="ALL_ATTRIBUTES", ProjectionExpression="n")
    query("pk = :q", ReturnConsumedCapacity="TOTAL")
    query("pk = :q", ReturnConsumedCapacity="INDEXES", ConsistentRead=True)
    query("pk = :q", FilterExpression="n < :n")
    query("pk = :q", FilterExpression="n < :n AND even = :t", Limit=4)
    query("pk = :q", FilterExpression="m.i = :n", ProjectionExpression="m.i, sk")
    query("pk = :q", FilterExpression="sk = :a")
    query("pk = :q", FilterExpression="pk = :q")
    query("pk = :q", FilterExpression="")
    query("pk = :q", FilterExpression="n <")
    query("pk = :q", FilterExpression="n = :undefined")
    query("pk = :q", Limit=0)
    query("pk = :q", Limit=-1)
    query("pk = :q", IndexName="nothing")
    query("pk = :q", "Hash")
    query("pk = :q AND sk = :a", "Hash")
    query("pk = :q", "Nowhere")
    query("pk = :q", ExclusiveStartKey=key("q", "s20"))
    query("pk = :q", ExclusiveStartKey=key("q", "s20x"), Limit=2)
    query("pk = :q", ExclusiveStartKey=key("q", "s03"), ScanIndexForward=False)
    query("pk = :q", ExclusiveStartKey=key("other", "s20"))
    query("pk = :q", ExclusiveStartKey=key("q"))
    query("pk = :q", ExclusiveStartKey=item(pk="q", sk=5))
    query("pk = :q", ExclusiveStartKey=item(pk="q", sk="s1", x=1))
    query("pk = :q AND sk > :b", ExclusiveStartKey=key("q", "s01"))
    query("pk = :q", ExclusiveStartKey={})
    query("pk = :q",
          KeyConditions={"pk": {"AttributeValueList": [av("q")], "ComparisonOperator": "EQ"}})
    query("pk = :q", FilterExpression="n = :n",
          ExpressionAttributeValues={":q": av("q"), ":n": av(1), ":unused": av(1)})
    start, pages = None, 0
    while pages == 0 or start:
        more = {"ExclusiveStartKey": start} if start else {}
        start = query("pk = :q", Limit=7, **more).get("LastEvaluatedKey")
        pages += 1
    for server in (c.model, c.oracle):
        for i in range(6):
            server.tables.put_item(TableName="Pair", Item=item(pk="big", sk=f"{i}", v="x" * 300000))
    start = query("pk = :big", ProjectionExpression="sk", ReturnConsumedCapacity="TOTAL",
                  ExpressionAttributeValues={":big": av("big")}).get("LastEvaluatedKey")
    if start:
        query("pk = :big", ProjectionExpression="sk", ExclusiveStartKey=start,
              ExpressionAttributeValues={":big": av("big")})
    query("pk = :big", Select="COUNT", ExpressionAttributeValues={":big": av("big")})


def scans(c):
    c.group("Scan")
    create(c, "Scans")
    for server in (c.model, c.oracle):
        for i in range(25):
            server.tables.put_item(TableName="Scans", Item=item(pk=f"k{i}", n=i, s="x" * i,
                                                                t=i % 3 == 0))

    def all_pages(**arguments):
        raw = {}
        for server in (c.model, c.oracle):
            found, scanned, count, more = [], 0, 0, dict(arguments)
            while True:
                answer = server.call("Scan", dict(TableName="Scans", **more))
                if "Error" in answer:
                    break
                found += answer.get("Items", [])
                scanned += answer["ScannedCount"]
                count += answer["Count"]
                if "LastEvaluatedKey" not in answer:
                    answer = {
                        "Items": found, "ScannedCount": scanned, "Count": count,
                        "ResponseMetadata": {"HTTPStatusCode": 200}
                    }
                    break
                more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            raw[server] = answer
        c.compare(f"Scan in pages {short(arguments)}", raw, None, True)

    c.do("Scan", TableName="Scans")
    c.do("Scan", TableName="Scans", Select="COUNT", ReturnConsumedCapacity="TOTAL")
    c.do("Scan", TableName="Scans", ConsistentRead=True, ReturnConsumedCapacity="TOTAL",
         Select="COUNT")
    c.do("Scan", TableName="Scans", FilterExpression="n > :n",
         ExpressionAttributeValues={":n": av(20)})
    c.do("Scan", TableName="Scans", FilterExpression="#t = :t AND size(s) > :n",
         ExpressionAttributeNames={"#t": "t"},
         ExpressionAttributeValues={":t": av(True), ":n": av(8)})
    c.do("Scan", TableName="Scans", ProjectionExpression="n")
    c.do("Scan", TableName="Scans", AttributesToGet=["n"])
    c.do("Scan", TableName="Scans",
         ScanFilter={"n": {"AttributeValueList": [av(3)], "ComparisonOperator": "LE"}})
    c.do("Scan", TableName="Scans", FilterExpression="pk = :k",
         ExpressionAttributeValues={":k": av("k3")})
    all_pages(Limit=4)
    all_pages(Limit=1)
    all_pages(Limit=25)
    all_pages(Limit=10, FilterExpression="t = :t", ExpressionAttributeValues={":t": av(True)})
    raw = {}
    for server in (c.model, c.oracle):
        found = []
        for segment in range(4):
            answer = server.call("Scan", dict(TableName="Scans", Segment=segment, TotalSegments=4))
            found += answer["Items"]
        raw[server] = {"Items": found, "ResponseMetadata": {"HTTPStatusCode": 200}}
    c.compare("Scan in four segments", raw, None, True)
    all_pages(Segment=0, TotalSegments=1, Limit=6)
    for more in ({"Segment": 4, "TotalSegments": 4}, {"Segment": 0}, {"TotalSegments": 4},
                 {"Segment": -1, "TotalSegments": 4}, {"Segment": 0, "TotalSegments": 0},
                 {"Segment": 0, "TotalSegments": 1000001}, {"Limit": 0}, {"Limit": -5},
                 {"Select": "NOTHING"}, {"Select": "SPECIFIC_ATTRIBUTES"
                                         }, {"Select": "ALL_PROJECTED_ATTRIBUTES"
                                             }, {"IndexName": "none"}, {"FilterExpression": "n >"},
                 {"FilterExpression": "n > :n"}, {"ProjectionExpression": "n,"}, {
                     "FilterExpression": "n > :n",
                     "ScanFilter": {"n": {"ComparisonOperator": "NULL"}}
                 }, {"ExclusiveStartKey": item(x="y")}, {"ExclusiveStartKey": item(pk=5)}, {
                     "ExclusiveStartKey": item(pk="k1", y=1)
                 }, {"ConditionalOperator": "OR"}, {"ExpressionAttributeValues": {":v": av(1)}},
                 {"ReturnConsumedCapacity": "ALL"}, {"ExclusiveStartKey": {}}, {"IndexName": "x"}):
        c.do("Scan", TableName="Scans", **more)
    c.do("Scan", TableName="Nowhere")
    c.do("Scan")
    for server in (c.model, c.oracle):
        for i in range(5):
            server.tables.put_item(TableName="Scans", Item=item(pk=f"big{i}", v="x" * 350000))
    all_pages(Select="COUNT")


def batches(c):
    c.group("batches")

    def write(requests, differs=None, **more):
        c.do("BatchWriteItem", RequestItems=requests, differs=differs, **more)

    def put(**attributes):
        return {"PutRequest": {"Item": item(**attributes)}}

    def delete(pk, sk=None):
        return {"DeleteRequest": {"Key": key(pk, sk)}}

    write({
        "Hash": [put(pk="b1", v=1), put(pk="b2", v=2)],
        "Pair": [put(pk="b", sk="1"), put(pk="b", sk="2")]
    })
    write({"Hash": [put(pk="b3", v=3), delete("b1")]}, ReturnConsumedCapacity="TOTAL",
          ReturnItemCollectionMetrics="SIZE")
    write({"Hash": [put(pk=f"b{i}") for i in range(25)]})
    write({"Hash": [put(pk=f"b{i}") for i in range(26)]})
    write({"Hash": [put(pk="b1"), put(pk="b1", v=2)]})
    write({"Hash": [put(pk="b1"), delete("b1")]})
    write({"Hash": []})
    write({})
    write({"Hash": [{}]})
    write({"Hash": [{"PutRequest": {"Item": item(pk="x")}, "DeleteRequest": {"Key": key("x")}}]})
    write({"Hash": [put(other="x")]})
    write({"Hash": [put(pk=1)]})
    write({"Hash": [put(pk="")]})
    write({"Hash": [delete("b", "x")]})
    write({"Nowhere": [put(pk="x")]})
    write({"Hash": [put(pk="b1")], "Nowhere": [put(pk="x")]})
    write({"Hash": [{"PutRequest": {"Item": {"pk": {"S": "x"}, "v": {"SS": []}}}}]})
    write({"Hash": [put(pk="x", v="x" * 410000)]})
    write({"no": [put(pk="x")]})
    c.raw("DynamoDB_20120810.BatchWriteItem", b"{}")
    c.do("GetItem", TableName="Hash", Key=key("b2"))

    def get(requests, differs=None, **more):
        c.do("BatchGetItem", RequestItems=requests, differs=differs, unordered=True, **more)

    get({"Hash": {"Keys": [key("b2"), key("b3"), key("absent")]}})
    get(
        {
            "Hash": {"Keys": [key("b2"), key("b3")], "ConsistentRead": True},
            "Pair": {"Keys": [key("b", "1")]}
        }, ReturnConsumedCapacity="TOTAL")
    get({
        "Pair": {
            "Keys": [key("q", "s01"), key("q", "s02")], "ProjectionExpression": "n, #m.i",
            "ExpressionAttributeNames": {"#m": "m"}
        }
    })
    get({"Pair": {"Keys": [key("q", "s01")], "AttributesToGet": ["n"]}})
    get({
        "Pair": {"Keys": [key("q", "s01")], "AttributesToGet": ["n"], "ProjectionExpression": "n"}
    })
    get({"Pair": {"Keys": [key("q", f"s{i:02}") for i in range(100)]}})
    get({"Pair": {"Keys": [key("q", f"s{i:02}") for i in range(101)]}})
    get({"Hash": {"Keys": [key("b2"), key("b2")]}})
    get({"Hash": {"Keys": []}})
    c.raw("DynamoDB_20120810.BatchGetItem", b'{"RequestItems":{"Hash":{}}}')
    get({})
    get({"Hash": {"Keys": [item(other="x")]}})
    get({"Hash": {"Keys": [item(pk=1)]}})
    get({"Hash": {"Keys": [key("b2", "x")]}})
    get({"Nowhere": {"Keys": [key("x")]}})
    get({"Hash": {"Keys": [key("b2")], "ProjectionExpression": "n,"}})
    get({"Hash": {"Keys": [key("b2")], "ExpressionAttributeNames": {"#n": "n"}}})
    c.raw("DynamoDB_20120810.BatchGetItem", b"{}")


def legacy(c):
    c.group("legacy parameters")

    def fresh():
        for server in (c.model, c.oracle):
            server.tables.put_item(TableName="Hash", Item=item(pk="l", n=5, s="text", ss={"a", "b"},
                                                               l=[1]))

    def expected(conditions, **more):
        c.do("PutItem", TableName="Hash", Item=item(pk="l", n=5, s="text", ss={"a", "b"}, l=[1]),
             Expected=conditions, **more)

    fresh()
    for condition in ({"Value": av(5)}, {"Value": av(6)}, {"Exists": False},
                      {"Exists": True,
                       "Value": av(5)}, {"Exists": True}, {"Exists": False, "Value": av(5)}, {},
                      {"Value": av(5), "AttributeValueList": [av(5)]
                       }, {"AttributeValueList": [av(5)]}, {"ComparisonOperator": "EQ"},
                      {"ComparisonOperator": "EQ",
                       "AttributeValueList": []}, {"ComparisonOperator": "EQ", "Value": av(5)},
                      {"ComparisonOperator": "EQ", "Exists": True,
                       "Value": av(5)}, {"ComparisonOperator": "XX", "AttributeValueList": [av(5)]},
                      {"ComparisonOperator": "NULL", "AttributeValueList": [av(5)]
                       }, {"ComparisonOperator": "EQ", "AttributeValueList": [av(5), av(6)]
                           }, {"ComparisonOperator": "BETWEEN", "AttributeValueList": [av(5)]},
                      {"ComparisonOperator": "BETWEEN", "AttributeValueList": [av(6), av(5)]
                       }, {"ComparisonOperator": "BETWEEN", "AttributeValueList": [av(5),
                                                                                   av("x")]
                           }, {"ComparisonOperator": "LT", "AttributeValueList": [av({"a"})]},
                      {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [av(5)]
                       }, {"ComparisonOperator": "CONTAINS", "AttributeValueList": [av({"a"})]
                           }, {"ComparisonOperator": "IN", "AttributeValueList": [av({"a"})]
                               }, {"ComparisonOperator": "IN",
                                   "AttributeValueList": []}, {"Value": {}}, {"Value": {"SS": []}}):
        expected({"n": condition})
    for name, operator, values in (("n", "EQ", [5]), ("n", "NE", [5]), ("n", "NE", [6]),
                                   ("n", "LT", [6]), ("n", "LE", [4]), ("n", "GT", [4]),
                                   ("n", "GE", [6]), ("n", "IN", [1, 5]), ("n", "IN", [1]),
                                   ("n", "BETWEEN", [1, 9]), ("s", "BEGINS_WITH",
                                                              ["te"]), ("s", "CONTAINS", ["ex"]),
                                   ("ss", "CONTAINS", ["a"]), ("s", "NOT_CONTAINS", ["zz"]),
                                   ("ss", "NOT_CONTAINS",
                                    ["a"]), ("n", "NOT_NULL", None), ("n", "NULL",
                                                                      None), ("zz", "NULL", None),
                                   ("zz", "NOT_NULL", None), ("zz", "NE",
                                                              [5]), ("zz", "NOT_CONTAINS", ["a"]),
                                   ("n", "LT", ["x"]), ("n", "EQ", ["x"]), ("ss", "EQ", [{"a",
                                                                                          "b"}]),
                                   ("l", "EQ", [[1]]), ("l", "CONTAINS", [1]), ("n", "CONTAINS",
                                                                                [5])):
        condition = {"ComparisonOperator": operator}
        if values is not None:
            condition["AttributeValueList"] = [av(v) for v in values]
        expected({name: condition})
    two = {"n": {"Value": av(5)}, "s": {"Value": av("other")}}
    expected(two)
    expected(two, ConditionalOperator="AND")
    expected(two, ConditionalOperator="OR")
    expected(two, ConditionalOperator="XOR")
    expected({"n": {"Value": av(5)}}, ConditionalOperator="OR")
    expected({}, ConditionalOperator="OR")
    expected({})
    expected(two, ConditionExpression="attribute_exists(n)")
    expected(two, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    expected({"": {"Exists": False}})
    c.do("PutItem", TableName="Hash", Item=item(pk="l"), ConditionalOperator="AND")
    c.do("DeleteItem", TableName="Hash", Key=key("l"), Expected={"n": {"Value": av(99)}})

    def update(changes, **more):
        fresh()
        c.do("UpdateItem", TableName="Hash", Key=key("l"), AttributeUpdates=changes,
             ReturnValues="ALL_NEW", **more)

    for change in ({"Action": "PUT",
                    "Value": av(7)}, {"Value": av(7)}, {"Action": "PUT"}, {"Action": "DELETE"},
                   {"Action": "DELETE",
                    "Value": av(7)}, {"Action": "ADD",
                                      "Value": av(7)}, {"Action": "ADD",
                                                        "Value": av(-7)}, {"Action": "ADD"},
                   {"Action": "ADD",
                    "Value": av("x")}, {"Action": "ADD",
                                        "Value": av({"x"})}, {"Action": "ADD", "Value": av([1])},
                   {"Action": "ADD",
                    "Value": av({"a": 1})}, {"Action": "ADD",
                                             "Value": av(None)}, {"Action": "XX",
                                                                  "Value": av(1)}, {},
                   {"Action": "PUT",
                    "Value": {}}, {"Action": "PUT",
                                   "Value": {"SS": []}}, {"Action": "DELETE", "Value": av({"x"})}):
        update({"n": change})
    update({"ss": {"Action": "ADD", "Value": av({"c"})}})
    update({"ss": {"Action": "DELETE", "Value": av({"a"})}})
    update({"ss": {"Action": "DELETE", "Value": av({"a", "b"})}})
    update({"ss": {"Action": "DELETE", "Value": av({1})}})
    update({"l": {"Action": "ADD", "Value": av([2])}})
    update({"new": {"Action": "ADD", "Value": av(3)}})
    update({"new": {"Action": "ADD", "Value": av({"z"})}})
    update({"new": {"Action": "ADD", "Value": av([3])}})
    update({"new": {"Action": "DELETE", "Value": av({"z"})}})
    update({
        "n": {"Action": "ADD", "Value": av(1)}, "s": {"Action": "DELETE"}, "v": {"Value": av("x")}
    })
    update({"pk": {"Value": av("other")}})
    update({"pk": {"Action": "DELETE"}})
    update({})
    update({"n": {"Value": av(1)}}, Expected={"n": {"Value": av(5)}})
    update({"n": {"Value": av(1)}}, Expected={"n": {"Value": av(6)}})
    update({"n": {"Value": av(1)}}, UpdateExpression="SET n = :n",
           ExpressionAttributeValues={":n": av(1)})
    update({"n": {"Value": av(1)}}, ConditionExpression="attribute_exists(n)")
    c.do("UpdateItem", TableName="Hash", Key=key("fresh"),
         AttributeUpdates={"n": {"Action": "DELETE"}})
    c.do("GetItem", TableName="Hash", Key=key("fresh"))
    c.do("UpdateItem", TableName="Hash", Key=key("fresh2"),
         AttributeUpdates={"n": {"Action": "ADD", "Value": av(1)}}, ReturnValues="UPDATED_NEW")

    def query(conditions, **more):
        c.do("Query", TableName="Pair", KeyConditions=conditions, **more)

    def one(operator, *values):
        return {"ComparisonOperator": operator, "AttributeValueList": [av(v) for v in values]}

    query({"pk": one("EQ", "q"), "sk": one("LT", "s03")})
    query({"pk": one("EQ", "q"), "sk": one("BETWEEN", "s03", "s05")})
    query({"pk": one("EQ", "q"), "sk": one("BEGINS_WITH", "s2")}, QueryFilter={"n": one("GT", 25)})
    query({"pk": one("EQ", "q")}, QueryFilter={"n": one("GT", 25), "even": one("EQ", True)},
          ConditionalOperator="OR", Select="COUNT")
    query({"pk": one("EQ", "q")}, AttributesToGet=["n"], Limit=2)
    query({"pk": one("LT", "q")})
    query({"pk": one("EQ", "q"), "sk": one("NE", "s03")})
    query({"pk": one("EQ", "q"), "sk": one("IN", "s03")})
    query({"pk": one("EQ", "q"), "n": one("EQ", 3)})
    query({"sk": one("EQ", "s03")})
    query({"pk": one("EQ", 3)})
    query({"pk": one("EQ")})
    query({"pk": one("XX", "q")})
    query({"pk": one("EQ", "q"), "sk": one("EQ", "a"), "z": one("EQ", "a")})
    query({})
    query({"pk": one("EQ", "q")}, QueryFilter={"sk": one("EQ", "s03")})
    query({"pk": one("EQ", "q")}, FilterExpression="n = :n",
          ExpressionAttributeValues={":n": av(1)})
    query({"pk": one("EQ", "q")}, ProjectionExpression="n")
    query({"pk": one("EQ", "q"), "sk": one("BETWEEN", "s05", "s03")})


def time_to_live(c):
    c.group("time to live")
    create(c, "Ttl", view="NEW_AND_OLD_IMAGES")
    on = {"Enabled": True, "AttributeName": "ttl"}
    c.do("DescribeTimeToLive", TableName="Ttl")
    c.do("UpdateTimeToLive", TableName="Ttl",
         TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
    c.do("UpdateTimeToLive", TableName="Ttl", TimeToLiveSpecification=on)
    for server in (c.model, c.oracle):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = server.tables.describe_time_to_live(TableName="Ttl")["TimeToLiveDescription"]
            if found["TimeToLiveStatus"] == "ENABLED":
                break
            time.sleep(0.2)
    c.do("DescribeTimeToLive", TableName="Ttl")
    c.do("UpdateTimeToLive", TableName="Ttl", TimeToLiveSpecification=on)
    c.do("UpdateTimeToLive", TableName="Ttl",
         TimeToLiveSpecification={"Enabled": True, "AttributeName": "other"})
    c.do("UpdateTimeToLive", TableName="Ttl", TimeToLiveSpecification={"Enabled": True})
    c.do("UpdateTimeToLive", TableName="Ttl", TimeToLiveSpecification={"AttributeName": "ttl"})
    c.do("UpdateTimeToLive", TableName="Ttl",
         TimeToLiveSpecification={"Enabled": True, "AttributeName": ""})
    c.do("UpdateTimeToLive", TableName="Ttl")
    now = int(time.time())
    for pk, ttl in (("later", Num(str(now + 100000))), ("text", str(now - 100)), ("none", None),
                    ("ancient", Num("1")), ("old", Num(str(now - 100)))):
        c.do("PutItem", TableName="Ttl",
             Item={"pk": av(pk), "ttl": av(ttl)} if pk != "none" else item(pk=pk))
    for server in (c.model, c.oracle):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and "Item" in server.tables.get_item(
                TableName="Ttl", Key=key("old")):
            time.sleep(0.2)
    c.do("Scan", TableName="Ttl", Select="COUNT")
    c.do("GetItem", TableName="Ttl", Key=key("old"))
    c.do("GetItem", TableName="Ttl", Key=key("ancient"))
    find_stream(c, "Ttl")
    c.do("GetShardIterator", StreamArn=lambda s: s.kept["Ttl"],
         ShardId=lambda s: s.kept["Ttl shard"], ShardIteratorType="TRIM_HORIZON",
         keep=keep("ShardIterator", "iterator"))
    c.do("GetRecords", ShardIterator=lambda s: s.kept["iterator"])


def keep(member, name):

    def kept(server, answer):
        server.kept[name] = answer.get(member)

    return kept


def find_stream(c, table):
    for server in (c.model, c.oracle):
        arn = server.tables.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        server.kept[table] = arn
        shards = server.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        server.kept[table + " shard"] = shards[0]["ShardId"]
        server.kept[table + " start"] = shards[0]["SequenceNumberRange"]["StartingSequenceNumber"]


def streams(c):
    c.group("streams")
    for view in ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        create(c, view, sk="N", view=view)
        find_stream(c, view)
        table = dict(TableName=view)
        k = item(pk="k", sk=1)
        c.do("DescribeStream", StreamArn=lambda s, v=view: s.kept[v])
        for server in (c.model, c.oracle):
            server.tables.put_item(
                **table, Item=item(pk="k", sk=1, v=1, b=b"\x00", ss={"a"}, m={"l": [None, True]}))
            server.tables.put_item(
                **table, Item=item(pk="k", sk=1, v=1, b=b"\x00", ss={"a"}, m={"l": [None, True]}))
            server.tables.update_item(**table, Key=k, UpdateExpression="SET v = v + :one",
                                      ExpressionAttributeValues={":one": av(1)})
            server.tables.update_item(**table, Key=k, UpdateExpression="SET v = :two",
                                      ExpressionAttributeValues={":two": av(2)})
            server.tables.update_item(**table, Key=item(pk="made", sk=2))
            server.tables.delete_item(**table, Key=k)
            server.tables.delete_item(**table, Key=k)
            server.tables.batch_write_item(
                RequestItems={
                    view: [{"PutRequest": {"Item": item(pk="batch", sk=3)}},
                           {"DeleteRequest": {"Key": item(pk="made", sk=2)}}]
                })
        c.do("GetShardIterator", StreamArn=lambda s, v=view: s.kept[v],
             ShardId=lambda s, v=view: s.kept[v + " shard"], ShardIteratorType="TRIM_HORIZON",
             keep=keep("ShardIterator", "iterator"))

        def kept(server, answer):
            server.kept["records"] = [r["dynamodb"]["SequenceNumber"] for r in answer["Records"]]

        c.do("GetRecords", ShardIterator=lambda s: s.kept["iterator"], keep=kept)
        c.do("GetRecords", ShardIterator=lambda s: s.kept["iterator"], Limit=2,
             keep=keep("NextShardIterator", "iterator"))
        c.do("GetRecords", ShardIterator=lambda s: s.kept["iterator"], Limit=1)
    here = dict(StreamArn=lambda s: s.kept["NEW_IMAGE"],
                ShardId=lambda s: s.kept["NEW_IMAGE shard"])
    c.do("GetShardIterator", **here, ShardIteratorType="LATEST",
         keep=keep("ShardIterator", "latest"))
    c.do("GetRecords", ShardIterator=lambda s: s.kept["latest"])
    c.do("PutItem", TableName="NEW_IMAGE", Item=item(pk="after", sk=1))
    c.do(
        "GetRecords", ShardIterator=lambda s: s.kept["latest"], keep=lambda s, a: s.kept.update(
            records=[r["dynamodb"]["SequenceNumber"] for r in a["Records"]]))
    for how in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        c.do("GetShardIterator", **here, ShardIteratorType=how,
             SequenceNumber=lambda s: s.kept["records"][0], keep=keep("ShardIterator", "iterator"))
        c.do("GetRecords", ShardIterator=lambda s: s.kept["iterator"])
        c.do("GetShardIterator", **here, ShardIteratorType=how,
             SequenceNumber=lambda s: s.kept["NEW_IMAGE start"])
        c.do("GetShardIterator", **here, ShardIteratorType=how)
        c.do("GetShardIterator", **here, ShardIteratorType=how, SequenceNumber="1")
        c.do("GetShardIterator", **here, ShardIteratorType=how,
             SequenceNumber="letters-letters-letters")
    c.do("GetShardIterator", **here, ShardIteratorType="TRIM_HORIZON",
         SequenceNumber=lambda s: s.kept["records"][0])
    c.do("GetShardIterator", **here, ShardIteratorType="LATEST",
         SequenceNumber=lambda s: s.kept["records"][0])
    c.do("GetShardIterator", **here, ShardIteratorType="AT_TIMESTAMP")
    c.do("GetShardIterator", **here)
    c.do("GetShardIterator", StreamArn=here["StreamArn"], ShardIteratorType="LATEST")
    c.do("GetShardIterator", ShardId=here["ShardId"], ShardIteratorType="LATEST")
    c.do("GetShardIterator", StreamArn=here["StreamArn"],
         ShardId="shardId-00000000000000000000-00000000", ShardIteratorType="LATEST")
    c.do("GetShardIterator", StreamArn=here["StreamArn"], ShardId="short",
         ShardIteratorType="LATEST", differs="lax-members")
    c.do(
        "GetShardIterator", StreamArn=
        "arn:aws:dynamodb:us-east-1:000000000000:table/None/stream/2026-01-01T00:00:00.000",
        ShardId=here["ShardId"], ShardIteratorType="LATEST")
    c.do("GetShardIterator", StreamArn="short", ShardId=here["ShardId"], ShardIteratorType="LATEST",
         differs="lax-members")
    c.do("GetRecords", ShardIterator="garbage")
    c.do("GetRecords", ShardIterator="")
    c.do("GetRecords")
    c.do("GetRecords", ShardIterator=lambda s: s.kept["latest"], Limit=0)
    c.do("GetRecords", ShardIterator=lambda s: s.kept["latest"], Limit=1001)
    c.do("GetRecords", ShardIterator=lambda s: s.kept["latest"], Limit=1000)
    c.do("GetRecords", ShardIterator=lambda s: s.kept["latest"][:-4] + "AAAA")
    c.do(
        "DescribeStream",
        StreamArn="arn:aws:dynamodb:us-east-1:000000000000:table/None/stream/2026-01-01T00:00:00.000"
    )
    c.do("DescribeStream", StreamArn="short", differs="lax-members")
    c.do("DescribeStream")
    c.do("DescribeStream", StreamArn=here["StreamArn"], Limit=1)
    c.do("DescribeStream", StreamArn=here["StreamArn"], Limit=0)
    c.do("DescribeStream", StreamArn=here["StreamArn"], Limit=101)
    c.do("DescribeStream", StreamArn=here["StreamArn"], ExclusiveStartShardId=here["ShardId"])
    c.do("DescribeStream", StreamArn=here["StreamArn"], ExclusiveStartShardId="short")
    c.do("DescribeStream", StreamArn=here["StreamArn"],
         ShardFilter=lambda s: {"Type": "CHILD_SHARDS", "ShardId": s.kept["NEW_IMAGE shard"]},
         differs="child-shards")
    c.do("ListStreams", unordered=True)
    c.do("ListStreams", TableName="NEW_IMAGE")
    c.do("ListStreams", TableName="Nowhere")
    c.do("ListStreams", TableName="x", differs="lax-members")
    c.do("ListStreams", Limit=0)
    c.do("ListStreams", Limit=101)
    c.do("ListStreams", ExclusiveStartStreamArn="short", differs="lax-members")
    c.do("ListStreams", TableName="NEW_IMAGE", Limit=1)
    c.do("ListStreams", TableName="NEW_IMAGE", ExclusiveStartStreamArn=here["StreamArn"])
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    c.do("UpdateTable", TableName="NEW_IMAGE", StreamSpecification=on)
    c.do("UpdateTable", TableName="Hash", StreamSpecification={"StreamEnabled": False})
    c.do("UpdateTable", TableName="NEW_IMAGE", StreamSpecification={"StreamEnabled": True})
    c.do("UpdateTable", TableName="NEW_IMAGE",
         StreamSpecification={"StreamEnabled": False, "StreamViewType": "NEW_IMAGE"})
    c.do("UpdateTable", TableName="NEW_IMAGE", StreamSpecification={"StreamEnabled": False})
    wait_active(c, "NEW_IMAGE")
    c.do("DescribeTable", TableName="NEW_IMAGE")
    c.do("DescribeStream", StreamArn=here["StreamArn"])
    c.do("GetRecords", ShardIterator=lambda s: s.kept["latest"])
    c.do("GetShardIterator", **here, ShardIteratorType="LATEST",
         keep=keep("ShardIterator", "iterator"))
    c.do("GetRecords", ShardIterator=lambda s: s.kept["iterator"])
    c.do("UpdateTable", TableName="NEW_IMAGE", StreamSpecification={"StreamEnabled": False})
    time.sleep(1)  # a stream's name is its time
    c.do("UpdateTable", TableName="NEW_IMAGE", StreamSpecification=on)
    wait_active(c, "NEW_IMAGE")
    c.do("ListStreams", TableName="NEW_IMAGE", unordered=True)
    c.do("DescribeTable", TableName="NEW_IMAGE")
    c.do("DeleteTable", TableName="NEW_IMAGE")
    for server in (c.model, c.oracle):
        server.tables.get_waiter("table_not_exists").wait(TableName="NEW_IMAGE",
                                                          WaiterConfig={"Delay": 1})
    c.do("DescribeStream", StreamArn=here["StreamArn"])
    c.do("ListStreams", TableName="NEW_IMAGE", unordered=True)


def wait_active(c, table):
    for server in (c.model, c.oracle):
        server.tables.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})


def protocol(c):
    c.group("protocol")
    p = "DynamoDB_20120810."
    for body in ("", "{", "[]", "null", '"x"', '{"TableName":"Hash",}', '{"TableName":5}',
                 '{"TableName":["Hash"]}', '{"TableName":{"a":1}}', '{"TableName":null}',
                 '{"TableName":true}', '{"TableName":"Numbers","Unknown":1}',
                 '{"TableName":"Numbers"} x', '{"TableName":"Hash","TableName":"Pair"}',
                 '\ufeff{"TableName":"Numbers"}'):
        c.raw(p + "DescribeTable", body.encode())
    for body in ('{"TableName":"Hash","Key":"x"}', '{"TableName":"Hash","Key":[]}',
                 '{"TableName":"Hash","Key":{"pk":"x"}}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"ConsistentRead":"yes"}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"ConsistentRead":1}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"AttributesToGet":"a"}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"AttributesToGet":[1]}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"ProjectionExpression":1}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"ExpressionAttributeNames":[]}',
                 '{"TableName":"Hash","Key":{"pk":{"S":"x"}},"ExpressionAttributeNames":{"#a":1}}'):
        c.raw(p + "GetItem", body.encode())
    for body in ('{"TableName":"Hash","Limit":"1"}', '{"TableName":"Hash","Limit":true}',
                 '{"TableName":"Hash","Limit":[]}',
                 '{"TableName":"Hash","Limit":null,"Select":"COUNT"}'):
        c.raw(p + "Scan", body.encode())
    c.raw(p + "Nothing", b"{}")
    c.raw("DynamoDBStreams_20120810.Nothing", b"{}")
    c.raw("Nothing", b"{}")
    c.raw(None, b"{}")
    c.raw(p + "ListTables", b"{}", headers={"Authorization": None}, differs="missing-token")
    c.raw(p + "ListTables", b"{}", headers={"Authorization": "x"})
    c.raw(p + "ListTables", b"{}", headers={"Content-Type": "text/plain"})
    c.raw(p + "ListTables", b'{"Limit":1}', headers={"Content-Type": "application/json"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", required=True, help="where `tailrace local` listens")
    parser.add_argument("--oracle", required=True, help="where DynamoDB Local listens")
    parser.add_argument("--verbose", action="store_true", help="print every call and answer")
    options = parser.parse_args()
    c = Contract(Server("model", options.model), Server("DynamoDB Local", options.oracle),
                 options.verbose)
    for part in (tables, items, sizes, wrong_values, conditions, updates, projections, queries,
                 scans, batches, legacy, time_to_live, streams, protocol):
        part(c)
    c.end()
    unused = sorted(set(DOCUMENTED) - set(c.documented))
    for name in sorted(c.documented):
        print(f"documented, {c.documented[name]:3} calls: {name}: {DOCUMENTED[name]}")
    for name in unused:
        print(f"DIFFERS: '{name}' is documented and was not met")
    print(f"{c.worded} of the compared errors are worded in DynamoDB Local's own way")
    print(
        f"{c.calls} calls, {c.compared} compared, {c.differ} differ, {sum(c.documented.values())} documented"
    )
    return 1 if c.differ or unused else 0


if __name__ == "__main__":
    sys.exit(main())
