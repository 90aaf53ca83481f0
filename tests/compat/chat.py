"""What a chat server says, as Discord and Slack do."""

import json

from harness import replies


def discord_limited(seconds, *headers):
    """Discord's 429: the seconds are in the body, and in the headers that are given."""
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
    return replies.answer(
        429,
        json.dumps(body).encode(),
        headers=[("Content-Type", "application/json"), *headers],
    )


def cloudflare_limited(seconds):
    """A 429 from in front of Discord: no JSON."""
    return replies.answer(
        429,
        b"<html><body>error code: 1015</body></html>",
        headers=[("Content-Type", "text/html"), ("Retry-After", str(seconds))],
    )


def discord_error(status, code, message):
    body = json.dumps({"message": message, "code": code}).encode()
    return replies.answer(status, body, headers=[("Content-Type", "application/json")])


def slack(status, word, *headers):
    return replies.answer(status, word.encode(), headers=[("Content-Type", "text/html"), *headers])


def units(text):
    """The length of a text in UTF-16 units, the strictest way to count characters."""
    return len(text.encode("utf-16-le")) // 2
