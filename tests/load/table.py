"""Results as Markdown."""

QUIET_CORES = 0.2
LATENCIES = ("p50_ms", "p90_ms", "p99_ms", "p999_ms")
SPEED = (
    "| scenario | per second | of the bound | of all together | accept ms: p50 | p90 | p99 | p99.9 "
    "| to the receiver ms: p50 | p90 | p99 | p99.9 |"
)
COST = (
    "| scenario | CPU µs: api | worker | postgres | redis | **these four** | load | sink | peak MiB (idle) | statements "
    "| deliveries a statement: accept | claim | finish | WAL bytes | of these page images | Redis commands (scripts) |"
)
LIMIT = "| scenario | postgres | CPU µs | libcurl | CPU µs | h2o | CPU µs | all together |"
READS = "| list | asked | p50 ms | p99 ms |"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def head(names):
    return [names, "|" + "---|" * (names.count("|") - 1)]


def number(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(value):
    return "–" if value is None else f"{value:.0%}"


def latencies(of):
    return [number(of.get(name), 1) for name in LATENCIES]


def rate_of(result):
    """What a scenario is about: deliveries, or events where nothing is delivered."""
    return result.get("deliveries_per_s", result["accepts_per_s"])


def summary(r):
    """A line for who waits."""
    wrong = "WRONG: " + "; ".join(r["faults"]) if r["faults"] else "all right"
    return f"  {rate_of(r):,.0f}/s, {percent(r.get('of_bound'))} of the bound, {r['cpu_us_servers']:,.0f} µs CPU, {wrong}"


def speed_row(name, r):
    return [name, number(rate_of(r)), percent(r.get("of_bound")), percent(r.get("of_together")),
            *latencies(r["accept"]), *latencies(r["arrival"])]  # fmt: skip


def cost_row(name, r):
    cpu = r["cpu_us"]
    return [name, *(number(cpu[k]) for k in ("api", "worker", "postgres", "redis")), f"**{r['cpu_us_servers']:,.0f}**",
            number(cpu["load"]), number(cpu["sink"]), f"{r['peak_mb']:.0f} ({r['idle_mb']:.0f})",
            number(r["statements"], 3), *(number(size) for size in r["batches"].values()), number(r["wal_bytes"]),
            number(r["wal_image_bytes"]), f"{r['redis_commands']:.2f} ({r['redis_scripts']:.3f})"]  # fmt: skip


def limit_row(name, r):
    cells = [name]
    for kind in ("postgres", "curl", "h2o"):
        limit = r["limits"].get(kind, {})
        cells += [number(limit.get("per_s")), number(limit.get("cpu_us"), 1)]
    return [*cells, number(r["together_per_s"])]


def notes(name, r):
    if "first_arrival_s" in r:
        yield f"{name}: up after {r['up_s']:.2f} s, the first arrived after {r['first_arrival_s']:.2f} s"
    if r["others_cores"] + r["stolen_cores"] > QUIET_CORES:
        yield (
            f"{name}: the machine was not quiet, {r['others_cores']:.1f} processors had others, "
            f"{r['stolen_cores']:.1f} were another machine's"
        )
    if r["checked"]["refused"]:
        yield f"{name}: {r['checked']['refused']:,} events were refused: {r['checked']['refusal'].splitlines()[-1]}"
    for fault in r["faults"]:
        yield f"{name}: **WRONG**: {fault}"


def section(title, names, rows):
    return [f"**{title}**", "", *head(names), *map(row, rows), ""]


def markdown(results):
    found = results["scenarios"].items()
    lines = [f"{results['cores']} cores, load before {results['load_before']:.2f}, scale {results['scale']:g}, "
             f"the median of {results['runs']}", ""]  # fmt: skip
    lines += section("Speed", SPEED, (speed_row(n, r) for n, r in found))
    lines += section("Cost of a delivery", COST, (cost_row(n, r) for n, r in found))
    if any("limits" in r for _, r in found):
        lines += section("The machine's limits, per second", LIMIT, (limit_row(n, r) for n, r in found if "limits" in r))
    for name, r in found:
        if "reads" in r:
            lists = ([n, number(f["count"]), number(f["p50_ms"], 2), number(f["p99_ms"], 2)] for n, f in r["reads"].items())
            lines += section(f"Lists of deliveries, {name}", READS, lists)
    return "\n".join(lines + [f"- {note}" for n, r in found for note in notes(n, r)])
