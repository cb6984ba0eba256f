# SPDX-License-Identifier: Apache-2.0
"""What `feed --log` says was acknowledged, against what the `file` processor wrote into one file:
nothing is missing, and each item's first deliveries are in order. Prints a line of numbers."""
import json
import sys

acknowledged = {}
for line in open(sys.argv[1]):
    item, number, _ = line.split()
    acknowledged.setdefault(item, set()).add(int(number))
seen, twice = {}, 0
for line in open(sys.argv[2]):
    record = json.loads(line)["dynamodb"]
    item = record["Keys"]["pk"]["S"]
    removed = "NewImage" not in record
    number = int(record["OldImage" if removed else "NewImage"]["n"]["N"]) + removed
    numbers = seen.setdefault(item, [])
    if number in numbers:
        twice += 1
    else:
        assert not numbers or numbers[-1] < number, "%s: %d after %d" % (item, number, numbers[-1])
        numbers.append(number)
for item, numbers in acknowledged.items():
    missing = numbers - set(seen.get(item, []))
    assert not missing, "%s: %s missing" % (item, sorted(missing)[:5])
print("%d written, 0 lost, %d delivered twice, order kept" % (sum(map(len, acknowledged.values())), twice))
