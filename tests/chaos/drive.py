#!/usr/bin/env python3
"""Storms over the whole service: faults of every kind, people and clients, and an oracle outside of it.

    tests/chaos/drive.py [--seconds 3600] [--seed N] [--rate 500] [--only "Redis,killed"] [--json run.json]
    tests/chaos/drive.py --sum *.json

POSTHORN_BIN names the program. As root it fills disks too, which only it sees. The seed is printed: with it the same
faults come in the same order, though not at the same moments. Prints the figures as tables; the exit status is 1 if
anything was lost, stuck, twice without a reason, early or wrong. tests/README.md has figures."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.storm.drive import ROUND, Drive, Figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--rate", type=float, default=500, help="events a second, at most")
    parser.add_argument("--flood", action="store_true", help="large batches of small events to many, and fewer faults a second")
    parser.add_argument("--round", type=float, default=ROUND, help="seconds from peace to peace")
    parser.add_argument("--only", default="", help="parts of the names of faults")
    parser.add_argument("--json", type=Path, help="the figures go there too")
    parser.add_argument("--sum", type=Path, nargs="+", help="runs nothing, and adds up what --json wrote")
    asked = parser.parse_args()
    if asked.sum:
        return told(add_up(asked.sum))
    only = [part for part in asked.only.split(",") if part]
    sanitized = b"__asan_init" in Path(os.environ["POSTHORN_BIN"]).read_bytes()
    drive = Drive(asked.seconds, asked.seed, asked.rate, only, asked.round, sanitized, "flood" if asked.flood else "storm")
    figures = drive.run()
    if asked.json:
        figures.save(asked.json)
    print(f"\nseed {asked.seed}")
    return told(figures)


def add_up(paths):
    figures = Figures()
    for path in paths:
        figures.add_saved(path)
    return figures


def told(figures):
    print("\n" + figures.table())
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
