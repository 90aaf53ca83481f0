"""Fixtures: real servers, each test on an app or a database of its own.

`api`      a client with a write key of a fresh app, on a server that the tests of a session share
`tenant`   that app, with keys of every scope
`admin`    the operator's client on the shared server
`start`    starts posthorn processes on a database and a Redis of this test's own
`split`    an API and its workers, each such a process of its own
`direct`   the same in direct mode: Redis is gone
`posthorn` one such process, api and worker in one
`receiver` a receiver on a port of its own"""

import itertools

import pytest

from harness.contract import Contract
from harness.postgres import Cluster
from harness.receiver import Receiver
from harness.redis import Redis
from harness.server import Posthorn, command, options
from harness.tenant import Tenant
from harness.wait import until


@pytest.fixture(scope="session")
def contract():
    return Contract()


def migrated(cluster):
    """A database that `posthorn migrate` made, to copy for each test."""
    database = cluster.create("template_posthorn")
    redis = Redis()
    out = command(options(database, redis), "migrate")
    redis.destroy()
    assert out.returncode == 0, out.stderr
    return database


@pytest.fixture(scope="session")
def postgres():
    cluster = Cluster().start()
    yield cluster
    cluster.destroy()


@pytest.fixture(scope="session")
def template(postgres):
    return migrated(postgres)


@pytest.fixture
def database(postgres, template):
    made = postgres.create(template=template.name)
    yield made
    postgres.drop(made)


@pytest.fixture
def own_postgres():
    """A cluster that the test may stop; its database is migrated."""
    cluster = Cluster().start()
    try:
        cluster.database = migrated(cluster)
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture
def redis():
    server = Redis().start()
    yield server
    server.destroy()


def stop_all(started):
    """Stops the latest first; every one is stopped, then the first failure is told."""
    failures = []
    for server in reversed(started):
        try:
            server.stop()
        except AssertionError as e:
            server.kill()
            failures.append(str(e))
    assert not failures, "\n".join(failures)


@pytest.fixture
def start_on(tmp_path, contract):
    started = []
    numbers = itertools.count(1)

    def start(database, redis, role=None, wait=True, **env):
        name = f"posthorn-{next(numbers)}"
        server = Posthorn(options(database, redis, **env), str(tmp_path), contract, role, name)
        started.append(server)
        return server.start(wait)

    yield start
    stop_all(started)


@pytest.fixture
def start(database, redis, start_on):
    """start(role=None, wait=True, POSTHORN_X=…) → a running Posthorn.

    start_on comes last: what it has started is stopped first, while its servers are still there."""
    return lambda role=None, wait=True, **env: start_on(database, redis, role, wait, **env)


@pytest.fixture
def split(start):
    """split(workers=1) → a client of the API, and the workers."""
    return lambda workers=1: (
        start(role="api").client(),
        *(start(role="worker") for _ in range(workers)),
    )


@pytest.fixture
def direct(split, redis):
    """direct(workers=2) → a client of the API."""

    def run(workers=2):
        client, *started = split(workers)
        redis.stop()
        for worker in started:
            until(lambda w=worker: "event=direct_mode on=true" in w.log(), 10, "direct mode")
        return client

    return run


@pytest.fixture
def posthorn(start):
    return start()


@pytest.fixture(scope="session")
def shared(postgres, template, contract, tmp_path_factory):
    """The process behind `api`. Tests that stop it, or read its whole log, want `posthorn`."""
    database = postgres.create(template=template.name)
    redis = Redis().start()
    server = Posthorn(options(database, redis), str(tmp_path_factory.mktemp("shared")), contract)
    server.database = database
    try:
        yield server.start()
    finally:
        try:
            stop_all([server])
        finally:
            redis.destroy()


@pytest.fixture
def admin(shared):
    yield shared.client()
    assert shared.is_running(), f"posthorn ended in this test:\n{shared.log()[-6000:]}"
    shared.check_log()


@pytest.fixture
def tenant(admin):
    return Tenant(admin)


@pytest.fixture
def other_tenant(admin):
    return Tenant(admin)


@pytest.fixture
def api(tenant):
    return tenant.write


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def address():
    """A public address that nothing is ever sent to: tests that only store a URL use it."""
    return "https://hooks.example.com/in"
