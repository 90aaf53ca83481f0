"""What neighbours.py lets a neighbour do to the API, each as a process of its own that goes on until it is ended, as
politely as can be: what the scheduler gives it is what nobody else wants, so that it is not the load generator
that is felt."""

import asyncio
import http.client
import json
import multiprocessing
import os
import secrets
import signal
import threading
import time

MIB = 1 << 20


def attack(function, *arguments):
    """Starts it; the process to end."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=run, args=(function, *arguments), daemon=True)
    process.start()
    return process


def run(function, *arguments):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.nice(10)
    function(*arguments)


def finish(process):
    process.terminate()
    process.join()


# --- requests with a key, from threads ------------------------------------------------------------


def again_and_again(port, key, method, path, body, pause):
    """One request after the other on one connection, whatever is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    while True:
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status in (429, 503):
                time.sleep(0.1)
        except (OSError, http.client.HTTPException):
            connection.close()
        time.sleep(pause)


def side_by_side(clients):
    """Clients, each as the arguments of again_and_again()."""
    threads = [threading.Thread(target=again_and_again, args=arguments) for arguments in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def many(count, *arguments):
    side_by_side([arguments] * count)


def lists(port, key, paths):
    """One client for each path."""
    side_by_side([(port, key, "GET", path, None, 0) for path in paths])


def tests(port, key, webhook, count):
    many(count, port, key, "POST", f"/v1/webhooks/{webhook}/test", json.dumps({"data": {"pad": "x" * 100000}}), 0)


def large_events(port, key, count):
    """A MiB each, from four clients."""
    many(4, port, key, "POST", "/v1/events", large("\"" + "x" * (MIB - 200) + "\""), 4 / count)


def numbers(port, key):
    """A MiB of numbers that are dear to write, one event a second."""
    many(1, port, key, "POST", "/v1/events", large("[" + ",".join(["1e23"] * ((MIB - 200) // 5)) + "]"), 1)


def large(json_text):
    return '{"type":"large","data":{"pad":' + json_text + "}}"


def batches(port, key):
    """A thousand events a request."""
    event = {"type": "a", "data": {}}
    many(2, port, key, "POST", "/v1/events/batch", json.dumps({"events": [event] * 1000}), 0)


# --- connections without a key --------------------------------------------------------------------


async def unfinished_body(port):
    """A body of a MiB but for its end, without a key; again when it is refused."""
    head = f"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: {MIB}\r\n\r\n".encode()
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + b"x" * (MIB - 1))
            await writer.drain()
            await reader.read()
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(1)


def guess(made):
    """A key that is formed as `made` is."""
    prefix = "_".join(made.split("_")[:2]) + "_"
    return prefix + secrets.token_urlsafe(64).replace("-", "a").replace("_", "b")[: len(made) - len(prefix)]


async def guesses(port, made):
    """A guessed key each second."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                head = f"GET /v1/webhooks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {guess(made)}\r\n\r\n"
                writer.write(head.encode())
                if not await reader.read(65536):
                    break
                await asyncio.sleep(1)
            writer.close()
        except OSError:
            await asyncio.sleep(1)


def keyless(port, made, bodies, guessers):
    async def all_of_them():
        await asyncio.gather(
            *(unfinished_body(port) for _ in range(bodies)), *(guesses(port, made) for _ in range(guessers))
        )

    asyncio.run(all_of_them())
