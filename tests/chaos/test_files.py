"""A worker without open files."""

import os
import resource

from harness.wait import never, until


def lowest_free(process):
    used = {int(fd) for fd in os.listdir(f"/proc/{process.pid}/fd")}
    return next(fd for fd in range(len(used) + 1) if fd not in used)


def test_no_open_file_is_no_attempt(split, receiver):
    """What finds none left waits for one, and neither its schedule nor its endpoint hears of it."""
    client, worker = split()
    webhook = client.webhook(receiver.url(), retry_schedule=[])
    _, hard = resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (lowest_free(worker.process), hard))
    log_from = len(worker.log())
    client.batch(5)
    until(lambda: "event=files_bounded" in worker.log(log_from), 10, "the line that says so")
    never(lambda: client.deliveries(webhook, status="failed"), 2, "an attempt")
    assert worker.log(log_from).count("event=files_bounded") < 50
    resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    until(lambda: len(client.deliveries(webhook, status="delivered")) == 5, 10, "all of them")
    assert {d["attempts"] for d in client.deliveries(webhook)} == {1}
    assert client.get(f"/webhooks/{webhook['id']}").json["health"]["failures"] == 0
