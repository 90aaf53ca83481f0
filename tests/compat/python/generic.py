"""The generic API in Flask: verifies the bytes that came."""

import hashlib
import hmac
import json
import os
import sys

from flask import Flask, jsonify, request

app = Flask(__name__)
SECRET = os.environ["WEBHOOK_SECRET"]


def is_signed(payload, header):
    digest = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest("sha256=" + digest, header)


@app.route("/webhooks", methods=["POST"])
def webhooks():
    payload = request.get_data().decode("utf-8")
    if not is_signed(payload, request.headers.get("X-Webhook-Signature", "")):
        return jsonify(error="Invalid signature"), 401
    event = json.loads(payload)
    if event["type"] != request.headers["X-Webhook-Event"]:
        return jsonify(error="the header names another event"), 400
    return jsonify(id=event["id"], type=event["type"], name=event["data"].get("name"))


app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
