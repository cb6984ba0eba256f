# SPDX-License-Identifier: Apache-2.0
"""Hold answers of /metrics to the Prometheus text format 0.0.4: stricter than a scraper.
Each argument is a file with a whole HTTP answer; of two answers of one process the later one stands
behind the earlier one, and no counter may have gone back."""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(r"^(%s)(?:\{(%s(?:,%s)*)\})? (-?[0-9]+(?:\.[0-9]+)?)$" % (NAME, LABEL, LABEL))


def parse(path):
    head, _, body = open(path, newline="").read().replace("\r\n", "\n").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 "), head
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in head.split("\n"), head
    assert body.endswith("\n") and "\r" not in body, path
    types, samples, name = {}, {}, None
    lines = iter(body[:-1].split("\n"))
    for line in lines:
        if line.startswith("# HELP "):
            name, _, text = line[len("# HELP "):].partition(" ")
            assert re.fullmatch(NAME, name) and text and name not in types, line
            said, _, kind = next(lines)[len("# TYPE "):].partition(" ")
            assert said == name and kind in ("counter", "gauge"), line
            assert name.endswith("_total") == (kind == "counter"), line
            types[name] = kind
            continue
        match = SAMPLE.match(line)
        assert match, "not a sample: '%s'" % line
        assert match.group(1) == name, "outside of its group: '%s'" % line
        labels = [label[0] for label in re.findall(LABEL, match.group(2) or "")]
        assert len(labels) == len(set(labels)), line
        series = line.rpartition(" ")[0]
        assert series not in samples, "twice: '%s'" % series
        samples[series] = float(match.group(match.lastindex))
        assert types[name] == "gauge" or samples[series] >= 0, line
    assert types and samples, path
    return types, samples


before = {}
for path in sys.argv[1:]:
    types, samples = parse(path)
    counters = {s: v for s, v in samples.items() if types[s.partition("{")[0]] == "counter"}
    for series, value in before.items():
        assert counters.get(series, -1) >= value, "%s went back, or away" % series
    before = counters
