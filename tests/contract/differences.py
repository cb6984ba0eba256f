# SPDX-License-Identifier: Apache-2.0
"""Where DynamoDB Local 1.25 differs from the service: the reasons, the rules that recognise some of
them in a pair of answers, and the error messages that it words in its own way. The same list is in
docs/local.md."""

import re

DOCUMENTED = {
    "table-description": "its tables are ACTIVE (or gone) at once, have no TableId and no time of the last change of "
    "throughput; the service answers CREATING, UPDATING, DELETING first and gives a TableId",
    "internal-failure": "it answers HTTP 500 InternalFailure to many malformed or unknown values; the service answers "
    "ValidationException, SerializationException or UnknownOperationException with HTTP 400",
    "lax-json": "it takes values of a wrong JSON type, or text behind the JSON, and converts or ignores them; the service "
    "answers SerializationException",
    "lax-members": "it does not check some enumerated members and lengths (ReturnItemCollectionMetrics, throughput "
    "beside PAY_PER_REQUEST, StreamArn, ShardId, TableName of ListStreams); the service answers ValidationException",
    "reserved-size": "it takes the reserved word 'size' for an attribute's name",
    "updated-whole": "UPDATED_OLD and UPDATED_NEW give the whole top-level attribute; the service gives the updated "
    "elements only",
    "capacity-unasked": "DeleteItem of an absent item reports ConsumedCapacity unasked",
    "child-shards": "ShardFilter is ignored: DescribeStream lists all shards",
    "missing-token": "without Authorization its code is MissingAuthenticationToken, without 'Exception'",
}

# Messages in DynamoDB Local's own words: of such an answer only code and HTTP status are compared.
OWN_WORDS = re.compile(
    "|".join(
        (
            r"Cannot do operations on a non-existent table",
            r"Invalid table/index name\.  .*",
            r"No defined key schema\.  .*",
            r"No Attribute Schema Defined",
            r"No provisioned throughput specified for the table",
            r"Table read and write throughput must be at least 1, and cannot be null",
            r"No Hash Key specified in schema\.  .*",
            r"Too many hash keys specified\.  .*",
            r"(Hash|Range) Key not specified in Attribute Definitions\.  Type unknown\.",
            r"Key Schema too big\.  .*",
            r"The number of attributes in key schema must match the number of attributes .*",
            r"Cannot have two attributes with the same name",
            r"Member must satisfy enum value set: \[B, N, S\]",
            r"Names of key attributes and attributes projected into an index must be between .*",
            r"Invalid StreamViewType: ALL",
            r"Stream StreamEnabled was null",
            r"Cannot create preexisting table",
            r"Limit must be greater than or equal to 1",
            r"Limit in ListTables must be <= 100",
            r"The requested throughput value equals the current value",
            r"Nothing to update",
            r"Return values set to invalid value",
            r"Cannot have null key for GetItem, DeleteItem, or UpdateItem",
            r"Item to put in PutItem cannot be null",
            r"One of the required keys was not given a value",
            r"One or more parameter values were invalid: Type mismatch for key",
            r"Invalid attribute value type",
            r"Hash primary key values must be under 2048 bytes, and range primary key values .*",
            r"The number of conditions on the keys is invalid",
            r"DynamoDB only supports precision up to 38 digits",
            r"(.*)?A value provided cannot be converted into a number.*",
            r"One or more parameter values were invalid: Input collection .* contains duplicates\.?",
            r"The supplied Item contains a null AttributeValue.*",
            r"One or more parameter values were invalid: An string set may not have a null string as a member",
            r"Invalid \w+: Incorrect operand type for operator or function; .* operand type: \{.*\}",
            r"Value provided in ExpressionAttributeNames unused in expressions: keys: \{.*, .*\}",
            r"AttributesToGet cannot be empty",
            r"Query condition missed key schema element",
            r"Key attributes must be scalars; .*",
            r"Select must be ALL_ATTRIBUTES, .*",
            r"The provided starting key does not match the range key predicate",
            r"Exclusive Start Key must have same size as table's key schema",
            r"Type mismatch for attribute to update",
            r"1 validation error detected: Value '-?\d' at 'segment' failed to satisfy constraint: Member must have value "
            r"less than or equal to -?\d",
            r"If (total segments|segment) is specified, .*",
            r"The provided starting key is invalid",
            r"The batch write request list for a table cannot be null or empty: .*",
            r"BatchWriteItem cannot have a null or no requests set",
            r"The list of keys in RequestItems for BatchGetItem is required: .*",
            r"BatchGetItem must have some requests set",
            r"Comparison type does not exist in DynamoDB",
            r"One or more parameter values were invalid: (ADD action|DELETE action with value) is not supported for the "
            r"type (NUMBER|STRING|MAP|NULL)",
            r"Member must satisfy enum value set: \[ADD, DELETE, PUT\]",
            r"TimeToLive is active on a different AttributeName",
            r"AttributeName cannot be null when time to live is being enabled",
            r"TimeToLiveSpecification cannot be null",
            r"One or more parameter values were invalid: Invalid SequenceNumber",
            r"One or more parameter values were invalid: SequenceNumber should not be passed for this iterator type",
            r"Invalid ShardIteratorType\.",
            r"No ShardId specified\.",
            r"One or more parameter values were invalid: streamArn cannot be empty or null\.",
            r"(Shard|Stream) does not exist",
            r"Invalid ShardIterator",
            r"One or more parameter values were invalid: Limit (should be less than|cannot be greater than) .*",
            r"Invalid StreamArn",
            r"An unknown operation was requested\.",
        )
    )
)


def table_description(mine, theirs):
    for member in ("Table", "TableDescription"):
        if member in mine and member in theirs:
            mine = dict(mine, **{member: plain_table(mine[member])})
            theirs = dict(theirs, **{member: plain_table(theirs[member])})
    return mine, theirs


def plain_table(table):
    table = {k: v for k, v in table.items() if k != "TableId"}
    table["TableStatus"] = re.sub("CREATING|UPDATING|DELETING|GONE", "ACTIVE", table["TableStatus"])
    table["ProvisionedThroughput"] = {
        k: v for k, v in table["ProvisionedThroughput"].items() if not k.endswith("DateTime")
    }
    return table


def internal_failure(mine, theirs):
    refused = mine.get("error") in (
        "ValidationException",
        "SerializationException",
        "UnknownOperationException",
        "IncompleteSignatureException",
    )
    if refused and mine["status"] == 400 and theirs.get("error") == "InternalFailure":
        return {}, {}
    return mine, theirs


def lax_json(mine, theirs):
    if mine.get("error") == "SerializationException" and theirs["status"] in (200, 400):
        return {}, {}
    return mine, theirs


RULES = {
    "table-description": table_description,
    "internal-failure": internal_failure,
    "lax-json": lax_json,
}
RULES_BY_HAND = {"lax-json"}  # no SDK sends what these are about
