#!/usr/bin/env python3
"""Measures the page at /dashboard where there is much to show, in a real Chromium.

    tests/page/at_scale.py build [--webhooks 1000] [--deliveries 1000000] [--runs 5] [--only "VIEW;VIEW"] [--shots FOLDER] [--json FILE]

Starts its own PostgreSQL (fsync on), Redis and API; makes an app with so many webhooks and a day of deliveries, and lists of
everything else; opens each view as somebody does who has never been there, and prints in Markdown how long it takes until it
shows what it is for, the bytes that came and the requests. Then it opens each once more, with PostgreSQL logging every plan, and
prints what the statements read. The exit status is 1 if a view showed an error or more bytes than it may, or a statement read too
many rows, or any without an index (harness/plans.py); it never depends on a speed."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import plans
from load.build import build_tools
from load.history import add_app_history, psql
from load.servers import Stand, Trial

HERE = Path(__file__).parent
BYTES_MAX = 600_000
TYPES = ["order.*", "user.created", "for.all"]
KIND = {"description": "One of many"}

# What views list besides: {count} of each, and many entries of the audit log.
LISTS = """
INSERT INTO event_type (app_id, name, description) SELECT '{app}', 'type.number_' || n, 'One of many' FROM generate_series(1, {count}) n;
INSERT INTO app (id, name) SELECT new_id(), 'App ' || n FROM generate_series(1, {count}) n;
INSERT INTO api_key (id, app_id, name, scope, hash) SELECT new_id(), a.id, 'Key ' || a.name, 0, sha256(a.name::bytea) FROM app a;
INSERT INTO source (id, app_id, name, kind, options, secret, hash)
SELECT new_id(), '{app}', 'Source ' || n, 'generic', '{{}}', '', sha256(n::text::bytea) FROM generate_series(1, {count}) n;
INSERT INTO job (id, app_id, kind, state, since, before, matched, exact, done, ended_at)
SELECT new_id(), '{app}', {replay}, {done}, new_id(), new_id(), n, true, n, now() FROM generate_series(1, {count}) n;
INSERT INTO audit (id, app_id, action, actor, resource, fields)
SELECT new_id(), '{app}', 0, 0, new_id(), '{{}}' FROM generate_series(1, 50000) n;
ANALYZE event_type, app, api_key, source, job, audit
"""
JOB_REPLAY, JOB_DONE = 0, 2
TABLE = ["main tbody tr"]


def views(api):
    """By name, where it is and what it must show."""
    webhook = api.get("/webhooks").json["data"][-1]["id"]
    delivered = api.get("/deliveries", status="delivered", limit=1).json["data"][0]["id"]
    issue = api.get("/issues", limit=1).json["data"][0]
    failed = api.get(f"/deliveries/{issue['last_delivery_id']}").json
    everyone = api.post("/events", {"type": "for.all", "data": {}}, expect=202).json["id"]
    return {
        "Overview": ("/", [".charts canvas", *TABLE]),
        "Webhooks": ("/webhooks", TABLE),
        "Webhooks, a word": ("/webhooks?search=one+of", TABLE),
        "Webhooks, disabled": ("/webhooks?status=disabled", ["main h1"]),
        "a webhook": (f"/webhooks/{webhook}", [".charts canvas", *TABLE]),
        "its form": (f"/webhooks/{webhook}/edit", ["main form"]),
        "Deliveries": ("/deliveries", TABLE),
        "Deliveries, failed": ("/deliveries?status=failed&error_code=timed_out", TABLE),
        "Deliveries, a rare type": ("/deliveries?event_type=for.all", ["main h1"]),
        "Deliveries, a host": ("/deliveries?url_host=none.example.com", ["main h1"]),
        "a delivery": (f"/deliveries/{delivered}", [".attempt"]),
        "a failed delivery": (f"/deliveries/{failed['id']}", [".attempt"]),
        "Events": ("/events", TABLE),
        "an event": (f"/events/{failed['event_id']}", [*TABLE, "main pre"]),
        "an event for all": (f"/events/{everyone}", [*TABLE, "main pre"]),
        "Issues": ("/issues", TABLE),
        "an issue": (f"/issues/{issue['id']}", ["main dl"]),
        "Event types": ("/types", TABLE),
        "Sources": ("/sources", TABLE),
        "Jobs": ("/jobs", TABLE),
        "Audit log": ("/audit", TABLE),
        "Apps": ("/apps", TABLE),
        "Keys": ("/keys", TABLE),
    }


def opened(trial, server, found, runs, shots=None):
    """What measure.mjs says of the views."""
    asked = [{"name": name, "path": path, "shown": shown} for name, (path, shown) in found.items()]
    env = {**os.environ, "URL": f"http://127.0.0.1:{server.port}", "KEY": server.client().key, "APP": trial.app,
           "RUNS": str(runs), "SHOTS": str(shots or "")}  # fmt: skip
    out = subprocess.run(["node", HERE / "measure.mjs", json.dumps(asked)], env=env, stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def by_view(samples):
    """The median of each figure, the worst time, and what is wrong."""
    found = {}
    for name in dict.fromkeys(s["name"] for s in samples):
        own = [s for s in samples if s["name"] == name]
        found[name] = {of: statistics.median(s[of] for s in own) for of in ("ms", "bytes", "requests")}
        found[name]["worst_ms"] = max(s["ms"] for s in own)
        found[name]["trouble"] = next((s["trouble"] for s in own if s["trouble"]), None)
    return found


def make_world(trial, asked):
    """Of the trial's app."""
    trial.add_webhooks(asked.webhooks, lambda number: (TYPES, number), **KIND)
    ((app,),) = trial.database.query("SELECT app_id FROM webhook LIMIT 1")
    add_app_history(trial.database, app, asked.deliveries)
    psql(trial.database, LISTS.format(app=app, count=asked.webhooks, replay=JOB_REPLAY, done=JOB_DONE))


def logged(trial, settings, act):
    """What `act` answers, which is given an API, and what PostgreSQL logged of that meanwhile."""
    log = Path(trial.stand.cluster.directory, "log")
    trial.env["POSTHORN_DATABASE_URL"] = plans.url(trial.database, settings)
    server = trial.serve("api")
    size = log.stat().st_size
    answer = act(server)
    server.stop()
    with log.open(encoding="utf-8", errors="replace") as f:
        f.seek(size)
        return answer, f.read()


def measure(stand, asked):
    with Trial(stand, workers=0) as trial:
        make_world(trial, asked)
        found = views(trial.api.client(trial.key))
        if asked.only:
            found = {name: found[name] for name in asked.only.split(";")}
        samples, log = logged(trial, plans.TIMES, lambda api: opened(trial, api, found, asked.runs, asked.shots))
        _, plans_log = logged(trial, plans.PLANS, lambda api: opened(trial, api, found, 1))
        return by_view(samples), plans.statements(plans_log), plans.times(log)


def faults_of(seen, statements):
    for name, view in seen.items():
        if view["trouble"]:
            yield f"{name} said: {view['trouble']}"
        if view["bytes"] > BYTES_MAX:
            yield f"{name} took {view['bytes']:,.0f} bytes, where {BYTES_MAX:,} are the most"
    for statement in statements.values():
        yield from statement.faults()


def markdown(seen, statements, took):
    yield "| view | ms until it is there | at worst | bytes | requests |"
    yield "|---|---|---|---|---|"
    for name, v in seen.items():
        yield f"| {name} | {v['ms']:,.0f} | {v['worst_ms']:,.0f} | {v['bytes']:,.0f} | {v['requests']:.0f} |"
    yield ""
    yield "| statement | calls | mean ms | worst ms | rows at most | read | pages |"
    yield "|---|---|---|---|---|---|---|"
    for s in sorted((s for s in statements.values() if not s.inner), key=lambda s: -s.pages):
        ms = took.get(s.name) or [0]
        times = f"{len(ms)} | {statistics.mean(ms):.2f} | {max(ms):.1f}"
        yield f"| `{s.name}` | {times} | {s.rows:,} | {s.read:,} | {s.pages:,} |"


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--webhooks", type=int, default=1000)
    parser.add_argument("--deliveries", type=int, default=1000000)
    parser.add_argument("--runs", type=int, default=5, help="of each view; the figures are the medians")
    parser.add_argument("--only", help="views, with semicolons between")
    parser.add_argument("--shots", type=Path, help="a folder for a picture of each view")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    return parser.parse_args()


def main():
    asked = read_arguments()
    build_tools(asked.build)
    with tempfile.TemporaryDirectory(prefix="posthorn-page-") as directory, Stand(asked.build.resolve(), directory) as stand:
        seen, statements, took = measure(stand, asked)
    faults = list(faults_of(seen, statements))
    print("\n".join(markdown(seen, statements, took)))
    for fault in faults:
        print(f"WRONG: {fault}", file=sys.stderr)
    if asked.json:
        found = {name: {**vars(s), "ms": took.get(name, [])} for name, s in statements.items()}
        asked.json.write_text(json.dumps({"views": seen, "statements": found, "faults": faults}, indent=2) + "\n", encoding="utf-8")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
