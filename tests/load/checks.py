"""Whether a run was correct: every accepted event arrived exactly once at every hook that wants it, nothing else did, and
the ledger says the same. By the events' numbers, of which the receiver keeps each (arrivals.c)."""


def refused_numbers(post):
    return {n for first, count in post["refusals"] for n in range(first, first + count)}


def arrival_faults(post, seen, hooks):
    """`seen["missing"]` has the first gaps, as many as there are refusals in a run that anybody would look at."""
    refused = refused_numbers(post)
    accepted = post["posted"] - post["refused"]
    if seen["arrived"] != accepted * hooks:
        yield f"{seen['arrived']:,} of {accepted * hooks:,} deliveries arrived"
    for hook, first, count in seen["missing"]:
        lost = [n for n in range(first, first + count) if n not in refused]
        if lost:
            yield f"at hook {hook}, {len(lost):,} accepted events did not arrive, the first is number {lost[0]}"
    for kind, what in (("duplicates", "arrived more than once"), ("strays", "are no events of this run")):
        if seen[kind]:
            yield f"{seen[kind]:,} requests {what}"


def event_faults(post, ledger):
    accepted = post["posted"] - post["refused"]
    for name, what in (("events", "events"), ("numbers", "different events")):
        if ledger[name] != accepted:
            yield f"the ledger has {ledger[name]:,} {what} of {accepted:,} that were accepted"
    if ledger["last_number"] >= post["posted"]:
        yield f"the ledger has an event of number {ledger['last_number']}, which was not posted"


def record_faults(post, seen, ledger, hooks):
    wanted = (post["posted"] - post["refused"]) * hooks
    for name, what in (
        ("deliveries", "deliveries"),
        ("distinct_deliveries", "different deliveries"),
        ("delivered", "deliveries that are delivered"),
        ("successes", "attempts that succeeded"),
        ("delivered_once", "deliveries with such an attempt"),
    ):
        if ledger[name] != wanted:
            yield f"the ledger has {ledger[name]:,} {what} of {wanted:,}"
    if ledger["failures"] != seen["refused"]:
        yield f"the ledger has {ledger['failures']:,} attempts that failed, the receiver refused {seen['refused']:,}"


def delivery_faults(post, seen, ledger, hooks):
    """What is wrong with a run whose events were to be delivered; nothing, if it was right."""
    return [
        *arrival_faults(post, seen, hooks),
        *event_faults(post, ledger),
        *record_faults(post, seen, ledger, hooks),
    ]


def accept_faults(post, seen, ledger, hooks):
    """The same where nobody delivers: all of it waits, and nothing arrives."""
    wanted = (post["posted"] - post["refused"]) * hooks
    faults = list(event_faults(post, ledger))
    for name, what in (("distinct_deliveries", "different deliveries"), ("pending", "deliveries that wait")):
        if ledger[name] != wanted:
            faults.append(f"the ledger has {ledger[name]:,} {what} of {wanted:,}")
    if seen["arrived"]:
        faults.append(f"{seen['arrived']:,} deliveries arrived, where nobody delivers")
    return faults
