#!/usr/bin/env python3
"""What a delivery writes: runs deliveries as bench.py does, and shows the bytes of WAL for each, by kind of record and by
relation, full-page images apart; and the microseconds that statements took in PostgreSQL.

    ninja -C build posthorn tests/sink tests/post
    tests/load/wal.py build [--count 20000] [--rate 0] [--batch 1] [--sql "drop index …"] [--json FILE]

Bytes are the same on a busy machine as on a quiet one, but for how many deliveries go in one statement. A record counts
for the first relation that it changes, with its padding.
"""

import argparse
import collections
import json
import re
import subprocess
import tempfile
from pathlib import Path

import bench
from harness.postgres import SETTINGS, binary

SETTINGS.update(
    {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "top", "track_io_timing": "off"}
)
RECORD = re.compile(
    r"rmgr: (?P<rmgr>\S+) +len \(rec/tot\): +(?P<rec>\d+)/ *(?P<total>\d+),.* lsn: (?P<lsn>[0-9A-F]+/[0-9A-F]+),.*"
    r" desc: (?P<desc>\w+\+?\w*)(?:.*?blkref #0: rel \d+/(?P<base>\d+)/(?P<file>\d+))?"
)
RELATIONS = """
SELECT pg_relation_filenode(c.oid), c.relname FROM pg_class c WHERE pg_relation_filenode(c.oid) IS NOT NULL"""
DAY = re.compile(r"_?\d{8}")
STATEMENTS = """
SELECT sum(calls), sum(rows), sum(total_exec_time) * 1000, substr(query, 1, 4000) FROM pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 GROUP BY query ORDER BY 3 DESC LIMIT 12"""


def named(sql):
    """A statement, by what it does to which table."""
    words = re.findall(r"(?:insert into|update|delete from|from) (?!unnest|rows)\w+", sql.lower())
    return " ".join(dict.fromkeys(words))[:70]


def dump(directory, begin, end):
    """The records between, as (kind, file, bytes, bytes of images)."""
    out = subprocess.Popen(
        [binary("pg_waldump"), "-p", f"{directory}/data/pg_wal", "-s", begin, "-e", end],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in out.stdout:
        found = RECORD.match(line)
        if found is None:
            continue
        record, total = int(found["rec"]), int(found["total"])
        yield f"{found['rmgr']}/{found['desc']}", found["file"], record + -total % 8, total - record
    out.wait()


def measure(rig, asked):
    database = rig.database
    database.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    database.query(asked.sql)
    rig.run(**{**bench.WARM_UP, "count": asked.warm_up})
    database.query("CHECKPOINT")
    database.query("SELECT pg_stat_statements_reset()")
    ((begin,),) = database.query("SELECT pg_current_wal_insert_lsn()")
    run = rig.run(asked.count, asked.connections, asked.batch, asked.rate)
    ((end, length),) = database.query(
        f"SELECT l, l - '{begin}'::pg_lsn FROM pg_current_wal_insert_lsn() l"
    )
    database.query("SELECT pg_switch_wal()")
    statements = database.query(STATEMENTS.replace("\n", " "))
    names = {file: DAY.sub("", name) for file, name in database.query(RELATIONS)}
    kinds, relations, images = (collections.Counter() for _ in range(3))
    counts = collections.Counter()
    for kind, file, size, image in dump(rig.cluster.directory, begin, end):
        name = names.get(file, "-" if file is None else "other")
        kinds[kind] += size
        relations[f"{name} {kind}"] += size
        counts[f"{name} {kind}"] += 1
        images[name] += image
    return {
        "deliveries": asked.count,
        "deliveries_per_s": run["deliveries_per_s"],
        "cpu_us_postgres": run["cpu_us_postgres"],
        "wal_bytes": (int(length) - sum(images.values())) / asked.count,
        "image_bytes": sum(images.values()) / asked.count,
        "kinds": {n: b / asked.count for n, b in kinds.most_common()},
        "relations": {
            n: [b / asked.count, counts[n] / asked.count] for n, b in relations.most_common()
        },
        "images": {n: b / asked.count for n, b in images.most_common() if b},
        "statements": [
            [named(sql), int(calls), int(rows), float(us) / asked.count]
            for calls, rows, us, sql in statements
        ],
    }


def show(figures):
    for name in ("wal_bytes", "image_bytes", "cpu_us_postgres", "deliveries_per_s"):
        print(f"{name:<20}{figures[name]:>10.1f}")
    print("\nbytes a delivery, records a delivery")
    for name, (size, count) in figures["relations"].items():
        if size >= 0.5:
            print(f"  {name:<52}{size:>9.1f}{count:>9.3f}")
    print("images:", ", ".join(f"{n} {b:.1f}" for n, b in figures["images"].items()))
    print("\nus a delivery, calls, rows")
    for name, calls, rows, us in figures["statements"]:
        print(f"  {us:>8.2f}{calls:>8}{rows:>8}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--warm-up", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--sql", default="", help="run before: what would it be without this index?")
    parser.add_argument("--json", help="write the results to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posthorn-wal-") as directory:
        rig = bench.Bench(Path(asked.build).resolve(), directory)
        try:
            figures = measure(rig, asked)
        finally:
            rig.close()
    show(figures)
    if asked.json:
        Path(asked.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
