"""Marzban as documented: the header is the HMAC of the body, the body is one notification."""

import hashlib
import hmac
import os
import sys

from flask import Flask, request

app = Flask(__name__)
SECRET = os.environ["WEBHOOK_SECRET"].encode()


@app.post("/webhook")
def webhook():
    signature = hmac.new(SECRET, request.get_data(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, request.headers.get("x-webhook-secret", "")):
        return {"status": "invalid signature"}, 403
    payload = request.json
    return {"status": "success", "action": payload["action"], "username": payload["username"]}


app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
