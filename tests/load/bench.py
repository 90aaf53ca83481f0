#!/usr/bin/env python3
"""Measures the whole program on loopback, beside what this machine can do at all.

    tests/load/bench.py build [--only flat,steady_1000,…] [--scale 1] [--runs 1] [--json FILE]

Starts its own PostgreSQL (fsync on), Redis, Posthorn and receiver, each scenario with a database of its own; checks that
every accepted event arrived exactly once and that the ledger says so; prints tables in Markdown. The exit status is 1 if
a check failed; no figure is ever wrong. README.md says what the figures mean. `build` is what `meson setup` made; what is
not built yet is built first."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from build import build_tools
from limits import Limits
from runs import Run
from scenarios import SCENARIOS
from servers import Stand, Trial
from table import markdown, rate_of, summary


def measure(stand, scenario, scale):
    with Trial(stand, scenario.tls, scenario.workers, scenario.workers_later, **scenario.env) as trial:
        return scenario.measure(Run(trial, scenario, scale))


def median(results):
    """Of the results of several runs: each number's, each list's and text's as the last run has it."""
    first, last = results[0], results[-1]
    if isinstance(first, dict):
        return {name: median([r[name] for r in results if name in r]) for name in last}
    numbers = all(isinstance(r, (int, float)) and not isinstance(r, bool) for r in results)
    return statistics.median(results) if numbers else last


def set_limits(result, limits):
    """How much of what the machine can do that was: of its slowest part, and if all parts have to share it."""
    cpu_us = sum(limit["cpu_us"] for limit in limits.values())
    result["limits"] = limits
    result["bound_per_s"] = min(limit["per_s"] for limit in limits.values())
    result["of_bound"] = rate_of(result) / result["bound_per_s"]
    result["together_per_s"] = os.cpu_count() * 1e6 / cpu_us if cpu_us else None
    result["of_together"] = rate_of(result) / result["together_per_s"] if cpu_us else None


def run_scenario(stand, name, asked, limits):
    scenario = SCENARIOS[name]
    runs = []
    for _ in range(asked.runs):
        print(f"{name}: {scenario.what}", file=sys.stderr, flush=True)
        runs.append(measure(stand, scenario, asked.scale))
    result = median(runs)
    result["faults"] = [fault for run in runs for fault in run["faults"]]
    if limits and scenario.flat_out:
        set_limits(result, limits.of(scenario, result["batches"]))
    return result


def read_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n" + "\n".join(f"  {name:15} {s.what}" for name, s in SCENARIOS.items()))  # fmt: skip
    parser.add_argument("build", type=Path)
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, with commas between")
    parser.add_argument("--scale", type=float, default=1, help="of all counts: 10 is the full size of what is large")
    parser.add_argument("--runs", type=int, default=1, help="of each scenario; the figures are the medians")
    parser.add_argument("--limit-seconds", type=float, default=4, help="for each limit of the machine; 0: none")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    asked = parser.parse_args()
    asked.only = asked.only.split(",")
    unknown = [name for name in asked.only if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)}")
    return asked


def write(results, path):
    if path:
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def main():
    asked = read_arguments()
    found = {}
    results = {
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "scale": asked.scale,
        "runs": asked.runs,
        "scenarios": found,
    }
    build_tools(asked.build)
    with tempfile.TemporaryDirectory(prefix="posthorn-bench-") as directory:
        with Stand(asked.build.resolve(), directory) as stand:
            limits = Limits(stand, asked.limit_seconds) if asked.limit_seconds else None
            for name in asked.only:
                found[name] = run_scenario(stand, name, asked, limits)
                print(summary(found[name]), file=sys.stderr, flush=True)
                write(results, asked.json)
    print(markdown(results))
    return any(r["faults"] for r in found.values())


if __name__ == "__main__":
    sys.exit(main())
