"""Authon in Flask: the secret itself is in the header."""

import os
import sys

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/webhook")
def webhook():
    if request.headers.get("X-Webhook-Secret") != os.environ["WEBHOOK_SECRET"]:
        return jsonify(error="Unauthorized"), 401
    body = request.get_json()
    event, data = body["event"], body["data"]
    if request.headers.get("X-Webhook-Event") != event:
        return jsonify(error="the header names another event"), 400
    return jsonify(received=True, event=event, keys=list(data))


app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
