#!/usr/bin/env python3
"""Adds up JUnit files: `count_results.py FILE…` prints "PASSED FAILED SKIPPED". A file that is missing or
broken counts as one failure."""

import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    for tag in ("failure", "error"):
        if case.find(tag) is not None:
            return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name in sys.argv[1:]:
        try:
            cases = list(ElementTree.parse(name).iter("testcase"))
        except (OSError, ElementTree.ParseError) as error:
            print(f"FAILED {name}: {error}", file=sys.stderr)
            counts["failed"] += 1
            continue
        for case in cases:
            counts[outcome(case)] += 1
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main()
