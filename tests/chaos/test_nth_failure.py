"""The N-th call of something fails, for every kind of call to the outside and every library, for one N after the
other: the process lives, or ends in words for lack of memory; nothing is lost, and what was sent is recorded.

N grows until there is no so late call in a round of what clients do, or time is up. POSTHORN_NTH=60 tries each N, for
60 seconds of each kind of call."""

import os
import time

import pytest
from harness import replies
from harness.failing import NAMES, Failing
from harness.nth import Service
from harness.receiver import Receiver
from harness.tls import self_signed

LONGER = "POSTHORN_NTH" in os.environ
SECONDS = float(os.environ.get("POSTHORN_NTH", 1.5))
RARE = {  # it depends on libraries, and on what they keep, whether there is one
    "SENDMSG", "ACCEPT4", "WRITE", "SOCKET", "CONNECT", "CURL_INIT", "MEMORY_LIBCARES"
}
CRASH = {"MEMORY_LIBH2O"}  # h2o 2.2.5 fills its table of MIME types without a look whether there is one
LIBRARIES = ("PQ_", "REDIS_", "CURL_", "MEMORY_")
SOCKETS = [name for name in NAMES if not name.startswith(LIBRARIES)]
GROUPS = {"sockets": SOCKETS} | {prefix: [n for n in NAMES if n.startswith(prefix)] for prefix in LIBRARIES}
MAY_END = ("CURL_", "MEMORY_")


@pytest.fixture
def failing(tmp_path):
    return Failing(tmp_path)


@pytest.fixture
def service(start, database, redis, receiver, failing, tmp_path):
    secure = Receiver(context=self_signed(tmp_path))
    yield Service(start, database, redis, receiver, secure, failing)
    failing.stop()
    secure.close()


def numbers():
    """All, or 0, 1, 2, 3, 5, 8, …, for a while."""
    end = time.monotonic() + SECONDS
    number, after = 0, 1
    while time.monotonic() < end:
        yield number
        number, after = after, after + max(1, 0 if LONGER else number)


@pytest.mark.timeout(120 + 2 * SECONDS * len(NAMES))
@pytest.mark.parametrize("group", GROUPS)
def test_nth_failure(service, group):
    service.publish()
    for call in GROUPS[group]:
        before = service.hits
        for passing in numbers():
            if not service.fails(call, passing, group in MAY_END):
                break
        assert service.hits > before or call in RARE, call
    service.all_is_well()
    assert service.ends == 0 or group in MAY_END


@pytest.mark.timeout(120 + 4 * SECONDS * len(NAMES))
@pytest.mark.parametrize("group", GROUPS)
def test_nth_failure_of_a_start(service, group):
    """It starts, or says why not; and what the next one needs is still there."""
    service.server.stop()
    for call in set(GROUPS[group]) - CRASH:
        for passing in numbers():
            if not service.starts(call, passing):
                break
    service.server.start()
    service.publish()
    assert service.hits > 0
    service.all_is_well()


@pytest.mark.parametrize("call", ("SEND", "RECV", "PQ_SEND", "PQ_SYNC"))
def test_nth_failure_of_a_drain(service, receiver, failing, call):
    receiver.script("/hook", replies.answer(200, delay=0.2))
    service.client.patch(f"/webhooks/{service.plain['id']}", {"concurrency": 4})
    for _ in range(8):
        service.publish()
    failing.next(call, 2)
    service.server.terminate()
    service.server.stop()
    failing.stop()
    service.server.start()
    service.all_is_well()
