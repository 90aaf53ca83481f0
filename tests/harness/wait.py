"""Waiting is for a condition, with a deadline."""

import time

STEP = 0.02


def until(condition, timeout=10.0, what="the condition"):
    """The first true value of `condition()`; AssertionError after `timeout` seconds.

    `what` is text, or a function that makes the text when it is needed."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"waited {timeout} s in vain for {text}")
        time.sleep(STEP)


def never(condition, seconds, what="the condition"):
    """Watches for `seconds` that `condition()` stays false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not condition(), f"unexpected: {what}"
        time.sleep(STEP)
