"""What PostgreSQL did for each statement of a process that connects by url(), read from the log of the cluster. With PLANS
auto_explain, a part of PostgreSQL, logs each plan with the rows that it came to, those of statements within functions too;
with TIMES how long statements took is logged, and nothing that would make them slower."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import quote

TIMES = "log_min_duration_statement=0"
PLANS = (
    "session_preload_libraries=auto_explain auto_explain.log_min_duration=0 auto_explain.log_analyze=on"
    " auto_explain.log_timing=off auto_explain.log_buffers=on auto_explain.log_nested_statements=on"
    " auto_explain.log_format=json log_statement=all"
)
RECORD = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] +(\w+):  ", re.M)
TOOK = re.compile(r"duration: ([\d.]+) ms  execute (\w+):")
NAMED = re.compile(r"execute (\w+): (.*)", re.S)
PLAN = re.compile(r"duration: [\d.]+ ms  plan:\n(.*)", re.S)
PARTITION = re.compile(r"_\d{8}$")
NAME_MAX = 60

# What a page may cost: a list looks at a thousand rows for a filter (STORE_SCAN_MAX), each with a row of other tables. Without
# an index nothing is read but what fits into a few pages, whatever is added to it.
ROWS_MAX = 6000
UNINDEXED_MAX = 200


@dataclass
class Statement:
    name: str
    inner: bool = False  # within a function
    rows: int = 0  # at most, as the others
    read: int = 0  # rows that scans came to, whether the statement wanted them or not
    pages: int = 0
    unindexed: dict = field(default_factory=dict)  # rows read without an index, by table

    def add(self, plan):
        self.rows = max(self.rows, int(plan["Actual Rows"] * plan["Actual Loops"]))
        self.pages = max(self.pages, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        read = 0
        unindexed = defaultdict(int)
        for node in nodes(plan):
            if "Relation Name" in node and node["Node Type"].endswith("Scan"):
                read += rows_of(node)
                if node["Node Type"] == "Seq Scan":
                    unindexed[PARTITION.sub("", node["Relation Name"])] += rows_of(node)
        self.read = max(self.read, read)
        for table, rows in unindexed.items():
            self.unindexed[table] = max(self.unindexed.get(table, 0), rows)

    def faults(self):
        if self.read > ROWS_MAX:
            yield f"{self.name} read {self.read} rows, where {ROWS_MAX} are the most"
        for table, rows in self.unindexed.items():
            if rows > UNINDEXED_MAX:
                yield f"{self.name} read {rows} rows of {table} without an index"


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows_of(node):
    """Those that it came to, over all its loops: of one that was never executed none."""
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + dropped) * node["Actual Loops"])


def url(database, settings=PLANS):
    options = " ".join(f"-c {setting}" for setting in settings.split())
    return f"{database.url}?options={quote(options, safe='')}"


def records(text):
    """Each without its head, and without the tabs that continue its lines."""
    heads = list(RECORD.finditer(text))
    for head, after in zip(heads, [*heads[1:], None]):
        body = text[head.end() : after.start() if after else None]
        yield body.rstrip("\n").replace("\n\t", "\n")


def statements(text):
    """By name, of a piece of the log. One within a function is called by what it begins with."""
    names = {}
    found = {}
    for record in records(text):
        if named := NAMED.match(record):
            names[named[2].strip()] = named[1]
        elif planned := PLAN.match(record):
            plan = json.loads(planned[1])
            query = plan["Query Text"].strip()
            name = names.get(query) or " ".join(query.split())[:NAME_MAX]
            found.setdefault(name, Statement(name, query not in names)).add(plan["Plan"])
    return found


def times(text):
    """By name, the ms that each execution took, of a piece of the log."""
    found = defaultdict(list)
    for record in records(text):
        if took := TOOK.match(record):
            found[took[2]].append(float(took[1]))
    return found
