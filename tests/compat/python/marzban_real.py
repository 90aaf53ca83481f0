"""Marzban as it really sends: the plain secret in the header, a list of notifications. Three habits
of receivers in the wild: a loop over the list, its first element, and a check that it is a list."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("WEBHOOK_SECRET")


def every(notifications):
    return [f"{n['action']}:{n['username']}" for n in notifications]


def first(notifications):
    return every([notifications[0]])


def checked(notifications):
    if not isinstance(notifications, list):
        raise ValueError("a list was expected")
    return every(notifications)


ROUTES = {"/every": every, "/first": first, "/checked": checked}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("x-webhook-secret") != SECRET:
            return self.answer(403, {"detail": "wrong secret"})
        try:
            seen = ROUTES[self.path](json.loads(body))
        except ValueError as e:
            return self.answer(400, {"detail": str(e)})
        except (KeyError, TypeError) as e:
            return self.answer(500, {"detail": repr(e)})
        return self.answer(200, {"seen": seen})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
