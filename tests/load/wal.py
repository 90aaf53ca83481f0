#!/usr/bin/env python3
"""What a delivery writes: runs deliveries as bench.py does, and shows the bytes of WAL of a delivery by relation and kind of record,
images of whole pages apart; and what statements took in PostgreSQL.

    tests/load/wal.py build [--count 20000] [--rate 0] [--batch 1] [--sql "drop index …"] [--json FILE]

Bytes are the same on a busy machine as on a quiet one, but for how many deliveries go in one statement. A record counts
for the first relation that it changes, with its padding. The exit status is 1 if the run was not right."""

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from build import build_tools
from harness.postgres import binary
from meters import BATCHES, Meter
from runs import Run
from scenarios import Scenario
from servers import Stand, Trial

RECORD = re.compile(
    r"rmgr: (?P<rmgr>\S+) +len \(rec/tot\): +(?P<rec>\d+)/ *(?P<total>\d+),.*"
    r" desc: (?P<desc>\w+\+?\w*)(?:.*?blkref #0: rel \d+/\d+/(?P<file>\d+))?"
)
RELATIONS = """
SELECT pg_relation_filenode(c.oid), c.relname FROM pg_class c WHERE pg_relation_filenode(c.oid) IS NOT NULL"""
DAY = re.compile(r"_?\d{8}")
KINDS = {text: kind for kind, text in BATCHES.items()}
FIGURES = ("deliveries", "deliveries_per_s", "batches", "faults")


def statement_name(statement):
    """Which of the hot path it is; else what it does to which tables, as far as its text is known."""
    words = re.findall(r"(?:insert into|update|delete from|from) (?!unnest|rows)\w+", statement["query"].lower())
    return KINDS.get(statement["kind"]) or " ".join(dict.fromkeys(words)) or statement["query"][:70]


def records(cluster, begin, end):
    """Those between, as (kind, file, bytes with the padding, bytes of images)."""
    out = subprocess.Popen(
        [binary("pg_waldump"), "-p", f"{cluster.directory}/data/pg_wal", "-s", begin, "-e", end],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in out.stdout:
        if found := RECORD.match(line):
            record, total = int(found["rec"]), int(found["total"])
            yield f"{found['rmgr']}/{found['desc']}", found["file"], record + -total % 8, total - record
    assert out.wait() == 0, "pg_waldump did not read it all"


def by_relation(trial, begin, end, deliveries):
    """Of a delivery: [bytes, records] by relation and kind, bytes of images by relation."""
    names = {int(file): DAY.sub("", name) for file, name in trial.session.query(RELATIONS)}
    sizes, counts, images = (collections.Counter() for _ in range(3))
    for kind, file, size, image in records(trial.stand.cluster, begin, end):
        name = names.get(int(file), "other") if file else "-"
        sizes[f"{name} {kind}"] += size
        counts[f"{name} {kind}"] += 1
        images[name] += image
    return {
        "relations": {n: [b / deliveries, counts[n] / deliveries] for n, b in sizes.most_common()},
        "images": {n: b / deliveries for n, b in images.most_common() if b},
    }


def measure(run, sql):
    if sql:
        run.trial.session.query(sql)
    run.warm_up()
    meter = Meter(run.trial)
    post = run.post(run.count, run.scenario.receiver, run.scenario.load)
    run.wait(post)
    end = meter.read_lsn()
    result = run.delivered(meter, post, post["cpu_s"], post["start_us"])
    deliveries = result["deliveries"]
    statements = [
        [statement_name(s), s["calls"], s["rows"], s["ms"] * 1e3 / deliveries, s["wal_bytes"] / deliveries]
        for s in result["slowest_statements"]
    ]
    found = by_relation(run.trial, meter.lsn, end, deliveries)
    images = sum(found["images"].values())
    return {
        **{name: result[name] for name in FIGURES},
        "wal_bytes": result["wal_bytes"] - images,
        "image_bytes": images,
        "cpu_us_postgres": result["cpu_us"]["postgres"],
        **found,
        "statements": statements,
    }


def show(found):
    for name in ("wal_bytes", "image_bytes", "cpu_us_postgres", "deliveries_per_s"):
        print(f"{name:<20}{found[name]:>10.1f}")
    print("\nbytes a delivery, records a delivery")
    for name, (size, count) in found["relations"].items():
        if size >= 0.5:
            print(f"  {name:<52}{size:>9.1f}{count:>9.3f}")
    print("images:", ", ".join(f"{name} {size:.1f}" for name, size in found["images"].items()))
    print("\nus a delivery, bytes a delivery with images, calls, rows")
    for name, calls, rows, us, size in found["statements"]:
        print(f"  {us:>8.2f}{size:>9.1f}{calls:>8}{rows:>8}  {name}")
    for fault in found["faults"]:
        print(f"WRONG: {fault}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--sql", default="", help="run before: what would it be without this index?")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    asked = parser.parse_args()
    load = {"connections": asked.connections, "batch": asked.batch, "rate": asked.rate}
    build_tools(asked.build)
    with tempfile.TemporaryDirectory(prefix="posthorn-wal-") as directory:
        with Stand(asked.build.resolve(), directory) as stand, Trial(stand) as trial:
            found = measure(Run(trial, Scenario("what a delivery writes", asked.count, load), scale=1), asked.sql)
    show(found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return bool(found["faults"])


if __name__ == "__main__":
    sys.exit(main())
