"""A Redis that says what none would: the process lives, and what was accepted is delivered all the same."""

import itertools
import os

import pytest
from harness.flow import Flow
from harness.redis_proxy import RedisProxy
from harness.wait import until

# The real answer → what is said. `unit/queue_wrong_test.c` has every shape for every command.
LIES = {
    "nil": lambda answer: b"$-1\r\n",
    "another type": lambda answer: b"+OK\r\n",
    "too many": lambda answer: b"*3\r\n:0\r\n$%d\r\n%s\r\n:0\r\n" % (48 * 129, b"m" * 48 * 129),
    "one more": lambda answer: answer + b":1\r\n",
    "huge": lambda answer: b"$2147483647\r\n" + bytes(3 << 20),
    "nested": lambda answer: b"*1\r\n" * 20 + b":1\r\n",
    "half": lambda answer: answer[: len(answer) // 2],
    "garbage": lambda answer: os.urandom(64) + b"\r\n",
    "error": lambda answer: b"-ERR no\r\n",
}
COMMANDS = ("enqueue", "claim", "ack", "sweep", "resync", "probe", "SCRIPT claim", "SUBSCRIBE", "message")


@pytest.fixture
def proxy(redis):
    made = RedisProxy(redis)
    yield made
    made.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_lies(database, start_on, proxy, receiver, command):
    """A lie after the other, of another kind each time."""
    posthorn = start_on(database, proxy)
    flow = Flow(posthorn.client(), receiver)
    flow.batch(3)
    flow.all_once(10, 10)
    lies = list(LIES.values())
    first = COMMANDS.index(command)
    kinds = itertools.cycle(lies[first:] + lies[:first])
    proxy.lies[command] = lambda answer: next(kinds)(answer)
    if command in ("resync", "probe", "SCRIPT claim", "SUBSCRIBE"):  # of a new connection
        proxy.redis.command("CLIENT", "KILL", "TYPE", "normal")
        proxy.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
    for _ in range(3):
        flow.batch(5)
        flow.all_arrive(10)
    until(lambda: proxy.told > 0, 10, "a lie")
    flow.none_pending(10)
    assert not flow.repeated()


def test_the_truth_is_believed_again(database, start_on, proxy, receiver):
    posthorn = start_on(database, proxy)
    flow = Flow(posthorn.client(), receiver)
    proxy.lies["claim"] = LIES["another type"]
    flow.batch(5)
    until(lambda: "direct_mode on=true" in posthorn.log(), 10, "direct mode")
    flow.all_once(10, 10)
    assert posthorn.log().count("event=redis_wrong_reply") == 1
    assert proxy.told <= 5
    del proxy.lies["claim"]
    until(lambda: posthorn.log().count("direct_mode on=false") == posthorn.log().count("direct_mode on=true"),
          20, "the end of direct mode")
    flow.batch(5)
    flow.all_once(10, 10)
