#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people have on top of the protocol, unchanged against `tailrace local`: boto3's resource
interface, paginators and waiters, the AWS CLI, the calls of a Java KCL's lease table, TLS, checked
signatures, a thousand connections. Opt-in, see scripts/contract."""

import argparse
import concurrent.futures
import datetime
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

CONNECTIONS = 1000
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def check(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"FAIL: {what}: got {found!r}, want {wanted!r}")


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as e:
        check("the error", e.response["Error"]["Code"], code)
        return e.response
    raise SystemExit(f"FAIL: not refused with {code}")


class Local:
    """A `tailrace local` of its own."""

    def __init__(self, program, *flags):
        self.process = subprocess.Popen([program, "local", "--port", "0", *flags],
                                        stdout=subprocess.PIPE, text=True)
        self.endpoint = self.process.stdout.readline().strip().rpartition(" ")[2]
        if not self.endpoint.startswith("http"):
            raise SystemExit("FAIL: tailrace local did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        check("the exit status", self.process.wait(20), 0)

    def options(self, key=KEY, secret=SECRET, **config):
        return dict(endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=key,
                    aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1},
                                                                **config))

    def client(self, name="dynamodb", verify=None, **options):
        return boto3.session.Session().client(name, verify=verify, **self.options(**options))


def make_table(client, name, sort=None, view="NEW_AND_OLD_IMAGES"):
    keys = [("pk", "HASH", "S")] + ([("sk", "RANGE", sort)] if sort else [])
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, k, _ in keys],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, _, t in keys],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view})
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def resource(local):
    dynamodb = boto3.session.Session().resource("dynamodb", **local.options())
    table = dynamodb.create_table(
        TableName="Music", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "artist", "KeyType": "HASH"},
                   {"AttributeName": "year", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "artist", "AttributeType": "S"},
                              {"AttributeName": "year", "AttributeType": "N"}])
    table.wait_until_exists()
    table.reload()
    check("table_status", table.table_status, "ACTIVE")
    song = {
        "artist": "A", "year": 1999, "price": Decimal("12.50"), "tiny": Decimal("1E-130"),
        "long": Decimal("9" * 38), "tags": {"a", "b"}, "sizes": {1, Decimal("2.5")},
        "raw": Binary(b"\x00\xff"), "raws": {Binary(b"a"), Binary(b"b")}, "nil": None, "yes": True,
        "deep": {"list": [1, "two", {"three": [Decimal("3")]}], "empty": {},
                 "nothing": []}, "text": "zażółć ☃ 😀"
    }
    table.put_item(Item=song)
    got = table.get_item(Key={"artist": "A", "year": 1999}, ConsistentRead=True)["Item"]
    check("get_item", got, song)
    with table.batch_writer(overwrite_by_pkeys=["artist", "year"]) as batch:
        for year in range(1900, 2000):
            batch.put_item(Item={"artist": "B", "year": year, "n": year % 7})
            batch.put_item(Item={"artist": "B", "year": year, "n": year % 7})
        batch.delete_item(Key={"artist": "B", "year": 1900})
    check("count after batch_writer",
          table.query(KeyConditionExpression=Key("artist").eq("B"), Select="COUNT")["Count"], 99)
    found = table.query(
        KeyConditionExpression=Key("artist").eq("B") & Key("year").between(1950, 1959),
        FilterExpression=Attr("n").gt(2) & ~Attr("n").is_in([5, 6]) | Attr("missing").exists(),
        ProjectionExpression="#y, n", ExpressionAttributeNames={"#y": "year"},
        ScanIndexForward=False)
    check("query", [int(i["year"]) for i in found["Items"]],
          [y for y in range(1959, 1949, -1) if 2 < y % 7 < 5])
    for condition, count in ((Key("year").gt(1995), 4), (Key("year").gte(1995), 5),
                             (Key("year").lt(1903), 2), (Key("year").lte(1903),
                                                         3), (Key("year").eq(1950), 1)):
        check("key condition",
              table.query(KeyConditionExpression=Key("artist").eq("B") & condition)["Count"], count)
    for condition, count in ((Attr("tags").contains("a"), 1), (Attr("text").begins_with("zaż"), 1),
                             (Attr("deep.list[1]").eq("two"),
                              1), (Attr("nil").attribute_type("NULL"),
                                   1), (Attr("tags").size().eq(2),
                                        1), (Attr("price").between(Decimal("12.4"),
                                                                   Decimal("12.6")), 1),
                             (Attr("n").not_exists(), 1), (Attr("n").ne(1) & Attr("n").lte(1), 14),
                             (Attr("artist").is_in(["A", "C"]),
                              1), (Attr("yes").eq(True) | Attr("n").eq(0), 15)):
        check("filter", table.scan(FilterExpression=condition)["Count"], count)
    updated = table.update_item(
        Key={"artist": "A", "year": 1999}, UpdateExpression=
        "SET price = price + :d, deep.#l = list_append(deep.#l, :x) ADD tags :t REMOVE nil",
        ExpressionAttributeNames={"#l": "list"},
        ExpressionAttributeValues={":d": Decimal("0.01"), ":x": ["end"], ":t": {"c"}},
        ConditionExpression=Attr("price").eq(Decimal("12.5")) & Attr("artist").exists(),
        ReturnValues="ALL_NEW")["Attributes"]
    check("price", updated["price"], Decimal("12.51"))
    check("tags", updated["tags"], {"a", "b", "c"})
    check("list", updated["deep"]["list"][-1], "end")
    refused("ConditionalCheckFailedException", table.put_item, Item={"artist": "A", "year": 1999},
            ConditionExpression=Attr("artist").not_exists())
    old = table.delete_item(Key={"artist": "A", "year": 1999}, ReturnValues="ALL_OLD")["Attributes"]
    check("ALL_OLD", old["price"], Decimal("12.51"))
    answer = dynamodb.batch_get_item(
        RequestItems={"Music": {"Keys": [{"artist": "B", "year": y} for y in range(1910, 1920)]}})
    check("batch_get_item", len(answer["Responses"]["Music"]), 10)
    check("item_count", dynamodb.Table("Music").item_count, 99)
    check("tables.all", [t.name for t in dynamodb.tables.all()], ["Music"])
    table.delete()
    table.wait_until_not_exists()
    return "resource interface"


def paginators(local):
    client, streams = local.client(), local.client("dynamodbstreams")
    for i in range(7):
        make_table(client, f"Page{i}", sort="N")
    for i in range(60):
        client.put_item(TableName="Page0",
                        Item={"pk": {"S": "k"}, "sk": {"N": str(i)}, "text": {"S": "x" * 50000}})
    pages = list(client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2}))
    check("list_tables", [name for page in pages for name in page["TableNames"]],
          [f"Page{i}" for i in range(7)])
    query = dict(TableName="Page0", KeyConditionExpression="pk = :k",
                 ExpressionAttributeValues={":k": {"S": "k"}})
    pages = list(client.get_paginator("query").paginate(**query))
    check("query", [int(i["sk"]["N"]) for page in pages for i in page["Items"]], list(range(60)))
    check("a page's bytes end it", len(pages) > 2, True)
    pages = list(
        client.get_paginator("query").paginate(**query,
                                               PaginationConfig={"PageSize": 7, "MaxItems": 20}))
    check("query of 20 items", sum(len(page["Items"]) for page in pages), 20)
    pages = (client.get_paginator("scan").paginate(TableName="Page0", FilterExpression="sk < :n",
                                                   ExpressionAttributeValues={":n": {"N": "9"}},
                                                   ProjectionExpression="sk",
                                                   PaginationConfig={"PageSize": 5
                                                                     }).build_full_result())
    check("scan", len(pages["Items"]), 9)
    names = [s for s in ("list_streams", "describe_stream")
             if streams.can_paginate(s)]  # botocore has none at the moment
    for name in names:
        check(
            name,
            len(
                list(
                    streams.get_paginator(name).paginate(
                        **({} if name == "list_streams" else {"StreamArn": "x"})))) > 0, True)
    found, start = [], {}
    while True:
        answer = streams.list_streams(Limit=3, **start)
        found += answer["Streams"]
        if "LastEvaluatedStreamArn" not in answer:
            break
        start = {"ExclusiveStartStreamArn": answer["LastEvaluatedStreamArn"]}
    check("list_streams",
          sorted(s["TableName"] for s in found if s["TableName"].startswith("Page")),
          [f"Page{i}" for i in range(7)])
    client.delete_table(TableName="Page6")
    client.get_waiter("table_not_exists").wait(TableName="Page6", WaiterConfig={"Delay": 1})
    try:
        client.get_waiter("table_exists").wait(TableName="Page6",
                                               WaiterConfig={"Delay": 1, "MaxAttempts": 1})
        raise SystemExit("FAIL: table_exists found a deleted table")
    except WaiterError:
        pass
    return "paginators and waiters"


def cli(local):
    aws = os.path.join(os.path.dirname(sys.executable), "aws")
    if not os.path.exists(aws):
        return "AWS CLI: left out, there is none beside this Python"
    environment = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET,
                       AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true",
                       AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)

    def run(*words, status=(0, )):
        done = subprocess.run([aws, "--endpoint-url", local.endpoint, "--output", "json", *words],
                              env=environment, capture_output=True, text=True, timeout=120,
                              check=False)
        if done.returncode not in status:
            raise SystemExit(f"FAIL: aws {' '.join(words)}: {done.returncode}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else done.stderr

    run("dynamodb", "create-table", "--table-name", "Cli", "--attribute-definitions",
        "AttributeName=pk,AttributeType=S", "--key-schema", "AttributeName=pk,KeyType=HASH",
        "--billing-mode", "PAY_PER_REQUEST", "--stream-specification",
        "StreamEnabled=true,StreamViewType=NEW_IMAGE")
    run("dynamodb", "wait", "table-exists", "--table-name", "Cli")
    for i in range(3):
        run("dynamodb", "put-item", "--table-name", "Cli", "--item",
            json.dumps({"pk": {"S": f"k{i}"}, "n": {"N": str(i)}}))
    first = run("dynamodb", "scan", "--table-name", "Cli", "--max-items", "2", "--page-size", "1")
    check("scan --max-items", len(first["Items"]), 2)
    second = run("dynamodb", "scan", "--table-name", "Cli", "--starting-token", first["NextToken"])
    check("scan --starting-token", len(second["Items"]), 1)
    got = run("dynamodb", "get-item", "--table-name", "Cli", "--key", '{"pk":{"S":"k1"}}',
              "--query", "Item.n.N")
    check("get-item --query", got, "1")
    arn = run("dynamodbstreams", "list-streams", "--table-name", "Cli")["Streams"][0]["StreamArn"]
    shard = run("dynamodbstreams", "describe-stream", "--stream-arn",
                arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = run("dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id",
                   shard, "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
    records = run("dynamodbstreams", "get-records", "--shard-iterator", iterator)["Records"]
    check("get-records", [r["dynamodb"]["Keys"]["pk"]["S"] for r in records], ["k0", "k1", "k2"])
    said = run("dynamodb", "get-item", "--table-name", "None", "--key", '{"pk":{"S":"x"}}',
               status=(254, 255))
    check("an error's name", "ResourceNotFoundException" in said, True)
    return "AWS CLI"


def java_kcl(local):
    """The legacy parameters of a Java KCL 1.x/2.x on its lease table."""
    client = local.client()
    client.create_table(TableName="leases",
                        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
                        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
                        ProvisionedThroughput={"ReadCapacityUnits": 10, "WriteCapacityUnits": 10})
    client.get_waiter("table_exists").wait(TableName="leases", WaiterConfig={"Delay": 1})
    row = {
        "leaseKey": {"S": "shardId-1"}, "leaseCounter": {"N": "0"},
        "checkpoint": {"S": "TRIM_HORIZON"}, "checkpointSubSequenceNumber": {"N": "0"},
        "ownerSwitchesSinceCheckpoint": {"N": "0"}
    }
    absent = {"leaseKey": {"Exists": False}}
    client.put_item(TableName="leases", Item=row, Expected=absent)
    refused("ConditionalCheckFailedException", client.put_item, TableName="leases", Item=row,
            Expected=absent)
    lease = dict(TableName="leases", Key={"leaseKey": {"S": "shardId-1"}})

    def counter(n):
        return {"leaseCounter": {"Value": {"N": str(n)}}}

    def put(**values):
        return {k: {"Action": "PUT", "Value": v} for k, v in values.items()}

    take = dict(put(leaseOwner={"S": "worker-1"},
                    leaseCounter={"N": "1"}), checkpointOwner={"Action": "DELETE"},
                ownerSwitchesSinceCheckpoint={"Action": "ADD", "Value": {"N": "1"}})
    client.update_item(**lease, Expected=counter(0), AttributeUpdates=take)
    client.update_item(**lease, Expected=dict(counter(1), checkpointOwner={"Exists": False}),
                       AttributeUpdates=put(leaseCounter={"N": "2"}))
    failed = refused("ConditionalCheckFailedException", client.update_item, **lease,
                     Expected=counter(1), AttributeUpdates=put(leaseCounter={"N": "2"}),
                     ReturnValuesOnConditionCheckFailure="ALL_OLD")
    check("ALL_OLD", failed["Item"]["leaseCounter"], {"N": "2"})
    checkpoint = dict(
        put(checkpoint={"S": "4915" + "0" * 36}, leaseCounter={"N": "3"},
            ownerSwitchesSinceCheckpoint={"N": "0"}, childShardIds={"SS": ["a", "b"]}),
        pendingCheckpoint={"Action": "DELETE"})
    client.update_item(**lease, Expected=counter(2), AttributeUpdates=checkpoint)
    exists = {"leaseKey": {"ComparisonOperator": "NOT_NULL"}}
    client.update_item(**lease, Expected=exists, AttributeUpdates=put(startingHashKey={"S": "0"},
                                                                      endingHashKey={"S": "9"}))
    owners = {
        "leaseOwner": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "worker-1"}]},
        "checkpointOwner": {"ComparisonOperator": "NULL"},
        "leaseKey": {"ComparisonOperator": "NOT_NULL"}
    }
    evict = {
        "leaseOwner": {"Action": "DELETE"}, "leaseCounter": {"Action": "ADD", "Value": {"N": "1"}}
    }
    answer = client.update_item(**lease, Expected=owners, ConditionalOperator="AND",
                                AttributeUpdates=evict, ReturnValues="ALL_NEW")["Attributes"]
    check("evicted", (answer["leaseCounter"], "leaseOwner" in answer), ({"N": "4"}, False))
    refused("ConditionalCheckFailedException", client.update_item, **lease, Expected=owners,
            ConditionalOperator="AND", AttributeUpdates=evict)
    check("scan",
          client.scan(TableName="leases", Limit=1)["Items"][0]["childShardIds"], {"SS": ["a", "b"]})
    client.delete_item(**lease)
    check("gone", client.scan(TableName="leases")["Count"], 0)
    return "a Java KCL's lease table"


def tls(program, folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    made = subprocess.run([
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
        "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1"
    ], capture_output=True, check=False)
    if made.returncode != 0:
        return "TLS: left out, openssl makes no certificate"
    with Local(program, "--tls-cert", cert, "--tls-key", key) as local:
        check("https", local.endpoint.startswith("https://"), True)
        client, streams = local.client(verify=cert), local.client("dynamodbstreams", verify=cert)
        make_table(client, "Tls")
        client.put_item(TableName="Tls", Item={"pk": {"S": "x"}, "v": {"S": "y" * 300000}})
        check("get_item",
              len(client.get_item(TableName="Tls", Key={"pk": {"S": "x"}})["Item"]["v"]["S"]),
              300000)
        check("streams", streams.list_streams()["Streams"][0]["TableName"], "Tls")
        try:
            local.client().list_tables()
            raise SystemExit("FAIL: an unknown certificate was believed")
        except Exception as e:  # botocore wraps urllib3's error differently from version to version
            check("the certificate is refused", "CERTIFICATE_VERIFY_FAILED" in str(e), True)
    return "TLS"


class Stale(datetime.datetime):
    """A clock an hour behind."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) - datetime.timedelta(hours=1)

    @classmethod
    def utcnow(cls):
        return datetime.datetime.now(
            datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(hours=1)


def stale_answer(local):
    """boto3 signs what it is told; the date is put back before it does."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    request = botocore.awsrequest.AWSRequest(
        "POST", local.endpoint + "/", data=b"{}", headers={
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            "Content-Type": "application/x-amz-json-1.0"
        })
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "dynamodb",
                                     "us-east-1")
    saved = {
        name: getattr(botocore.auth, name)
        for name in ("datetime", "get_current_datetime") if hasattr(botocore.auth, name)
    }
    if "get_current_datetime" in saved:
        botocore.auth.get_current_datetime = lambda *_, **__: Stale.utcnow()
    else:
        botocore.auth.datetime = type("module", (), {"datetime": Stale})
    try:
        signer.add_auth(request)
    finally:
        for name, value in saved.items():
            setattr(botocore.auth, name, value)
    return post(local, dict(request.headers.items()))


def post(local, headers):
    connection = http.client.HTTPConnection(local.endpoint.split("//")[1], timeout=30)
    connection.request("POST", "/", body=b"{}", headers=headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body.get("__type", "").rpartition("#")[2], body.get("message", "")


def signatures(program):
    with Local(program, "--check-signatures", f"{KEY}:{SECRET}") as local:
        client, streams = local.client(), local.client("dynamodbstreams")
        make_table(client, "Signed")
        client.put_item(TableName="Signed", Item={"pk": {"S": "ż/? &=+%"}})
        check("scan", client.scan(TableName="Signed")["Count"], 1)
        check("streams", len(streams.list_streams()["Streams"]), 1)
        refused("InvalidSignatureException", local.client(secret="wrong").list_tables)
        refused("UnrecognizedClientException", local.client(key="AKIDOTHER").list_tables)
        target = {
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            "Content-Type": "application/x-amz-json-1.0"
        }
        check("no token", post(local, target)[:2], (400, "MissingAuthenticationTokenException"))
        check("half a token",
              post(local, dict(target, Authorization="AWS4-HMAC-SHA256 Credential=x"))[:2],
              (400, "IncompleteSignatureException"))
        status, code, message = stale_answer(local)
        check("a stale date", (status, code), (400, "InvalidSignatureException"))
        check("a stale date's message", "Signature expired" in message, True)
        check("it goes on", client.scan(TableName="Signed")["Count"], 1)
    return "checked signatures"


def connections(local):
    """All are open at once; each does a few calls on its own connection."""
    client = local.client()
    make_table(client, "Many")
    address = local.endpoint.split("//")[1]
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00"
    }
    opened = [http.client.HTTPConnection(address, timeout=60) for _ in range(CONNECTIONS)]

    def ask(connection, operation, body):
        connection.request(
            "POST", "/", body=json.dumps(body),
            headers=dict(headers, **{"X-Amz-Target": "DynamoDB_20120810." + operation}))
        answer = connection.getresponse()
        found = json.loads(answer.read())
        check(operation, answer.status, 200)
        return found

    def calls(i):
        key = {"pk": {"S": f"k{i}"}}
        for n in range(3):
            ask(opened[i], "PutItem", {"TableName": "Many", "Item": dict(key, n={"N": str(n)})})
        check("GetItem",
              ask(opened[i], "GetItem", {"TableName": "Many", "Key": key})["Item"]["n"], {"N": "2"})

    began = time.monotonic()
    for connection in opened:
        connection.connect()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        list(pool.map(calls, range(CONNECTIONS)))
    for connection in opened:
        connection.close()
    check("items", client.scan(TableName="Many", Select="COUNT")["Count"], CONNECTIONS)
    return f"{CONNECTIONS} connections at once, 4 calls each, {time.monotonic() - began:.1f} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tailrace", required=True, help="the program")
    options = parser.parse_args()
    for part in (resource, paginators, cli, java_kcl, connections):
        with Local(options.tailrace) as local:
            print("ok:", part(local), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print("ok:", tls(options.tailrace, folder), flush=True)
    print("ok:", signatures(options.tailrace), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
