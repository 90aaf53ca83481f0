"""deploy/monitoring: what its alerts and its board name is what /metrics has, and each alert has a word on what to do."""

import http.client
import json
import re
from pathlib import Path

import pytest
import yaml
from harness.process import PORTS
from prometheus_client.openmetrics.parser import text_string_to_metric_families

FOLDER = Path(__file__).parents[2] / "deploy/monitoring"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BOARD = json.loads((FOLDER / "board.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
TARGETS = [target["expr"] for panel in PANELS for target in panel["targets"]]
NAME = re.compile(r"\b((?:posthorn|process)_\w+)(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)="([^"]*)"')
OF_PROMETHEUS = {"job", "instance"}


@pytest.fixture
def samples(start):
    """Of a process: name → the sets of its labels."""
    port, found = PORTS.take(), {}
    start(POSTHORN_METRICS_LISTEN=f"127.0.0.1:{port}")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    for family in text_string_to_metric_families(connection.getresponse().read().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    connection.close()
    return found


def test_what_they_name_there_is(samples):
    named = 0
    for expression in [rule["expr"] for rule in RULES] + TARGETS:
        labels = set()
        for name, matchers in NAME.findall(expression):
            assert name in samples, expression
            wanted = {k: v for k, v in MATCHER.findall(matchers) if k not in OF_PROMETHEUS}
            assert any(wanted.items() <= has.items() for has in samples[name]), expression
            labels |= {label for has in samples[name] for label in has}
            named += 1
        for by in re.findall(r"\bby \(([^)]*)\)", expression):
            assert set(by.split(", ")) <= labels | OF_PROMETHEUS, expression
    assert named > 60


def test_counters_are_seen_by_their_rate():
    for expression in [rule["expr"] for rule in RULES] + TARGETS:
        for counter in re.findall(r"\w+_(?:total|bucket)\b", expression):
            assert re.search(rf"(rate|increase)\({counter}(\{{[^}}]*\}})?\[", expression), expression


def test_each_alert_says_what_to_do():
    runbook = (FOLDER / "RUNBOOK.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=\n## |\Z)", runbook, re.M | re.S))
    assert sorted(sections) == sorted(rule["alert"] for rule in RULES)
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"RUNBOOK.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"] and len(sections[rule["alert"]].split()) > 20


def test_the_board_can_be_drawn():
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    taken = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])
        assert all(target["datasource"]["uid"] == "${source}" for target in panel["targets"])
