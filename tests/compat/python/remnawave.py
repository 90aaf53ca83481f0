"""Remnawave in Flask, three ways of saying what was signed: the parsed body dumped again, dumped
compactly, and the bytes that came."""

import hashlib
import hmac
import json
import os
import sys

from flask import Flask, request

app = Flask(__name__)
SECRET = os.environ["WEBHOOK_SECRET"]


def signature(message):
    return hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()


def reply(message):
    received = request.headers.get("X-Remnawave-Signature", "")
    if not hmac.compare_digest(signature(message), received):
        return {"error": "invalid signature"}, 401
    payload = request.get_json()
    if payload["timestamp"] != request.headers["X-Remnawave-Timestamp"]:
        return {"error": "the two timestamps differ"}, 400
    name = payload["event"]
    if not name.startswith(("user.", "user_hwid_devices.", "node.", "service.", "crm.")):
        return {"error": f"unknown event {name}"}, 400
    return {"status": "success", "event": name}


@app.post("/dumps")
def dumps():
    return reply(json.dumps(request.json).encode())


@app.post("/compact")
def compact():
    return reply(json.dumps(request.json, separators=(",", ":")).encode())


@app.post("/raw")
def raw():
    return reply(request.get_data())


app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
