"""What tests of jobs wait for, and what they do to workers meanwhile."""

from harness.wait import until


def ended(api, job, status="done", timeout=20):
    """The job once it has ended, which it must have with `status`."""

    def reached():
        found = api.get(f"/jobs/{job['id']}").json
        return found if found["ended_at"] else None

    found = until(reached, timeout, lambda: f"an end of {api.get('/jobs/' + job['id']).json}")
    assert found["status"] == status, found
    return found


BUSY = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"


def kills(worker, api, job, times, database):
    """Kills the worker so often, each time once the job has got on; yields what the job has done, and
    starts it again after that. PostgreSQL ends what it was asked for all the same."""
    before = 0

    def done():
        return api.get(f"/jobs/{job['id']}").json["done"]

    for _ in range(times):
        until(lambda: done() > before, 20, "progress")
        worker.kill()
        until(lambda: database.query(BUSY) == [["0"]], 20, "the end of its statements")
        before = done()
        yield before
        worker.start()
