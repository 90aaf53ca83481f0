"""posthorn verify: what a request's signature says, and what would make it fit."""

import base64
import hashlib
import hmac
import json
import os
import subprocess

BIN = os.environ["POSTHORN_BIN"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":"evt_1","name":"Jos\xc3\xa9 a/b"}'
TIME = 1700000000


def sign(body=BODY, secret=SECRET):
    text = b"msg_1.%d." % TIME + body
    mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), text, hashlib.sha256)
    return "v1," + base64.b64encode(mac).decode()


def headers(signature):
    lines = ["webhook-id: msg_1", f"webhook-timestamp: {TIME}", f"webhook-signature: {signature}"]
    return [word for line in lines for word in ("--header", line)]


def verify(*arguments, body=BODY, secret=SECRET):
    environment = {"PATH": os.environ["PATH"], "POSTHORN_SECRET": secret}
    words = [BIN, "verify", "--body", "-", *arguments]
    return subprocess.run(words, input=body, capture_output=True, env=environment, timeout=60)


def test_fits():
    out = verify(*headers(sign()), "--at", str(TIME + 12))
    assert out.returncode == 0, out
    assert b"12 s old" in out.stdout and SECRET.encode() not in out.stdout


def test_late():
    out = verify(*headers(sign()))
    assert out.returncode == 1 and b"--ignore-time" in out.stdout
    assert verify(*headers(sign()), "--ignore-time").returncode == 0


def test_bodies():
    """What a receiver's framework makes of a body is told apart."""
    value = json.loads(BODY)
    for sent, words in [
        (json.dumps(value).encode(), "json.dumps()"),
        (json.dumps(value, ensure_ascii=False, indent=2).encode(), "indent of 2"),
        (json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode(), "PHP"),
        (BODY + b"\n", "ends with a line feed"),
    ]:
        out = verify(*headers(sign(sent)), "--ignore-time", "--json")
        assert out.returncode == 1
        said = json.loads(out.stdout)
        assert said["ok"] is False and words in said["findings"][0]["seen"], said


def test_computed():
    """A receiver that uses the secret as text gets this, and is told so."""
    mac = hmac.digest(SECRET.encode(), b"msg_1.%d." % TIME + BODY, hashlib.sha256)
    out = verify(*headers(sign()), "--ignore-time", "--computed", base64.b64encode(mac).decode())
    assert out.returncode == 1
    assert b"used as text and not decoded" in out.stdout


def test_usage(tmp_path):
    assert b"secret" in verify(*headers(sign()), secret="").stderr
    assert verify().returncode == 2
    assert verify(*headers(sign()), "--at", "soon").returncode == 2
    missing = verify("--headers", f"@{tmp_path}/none")
    assert missing.returncode == 2 and b"cannot be read" in missing.stderr
    assert b"Example" in verify("--help").stdout


def test_files(tmp_path):
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "head").write_bytes(
        f"POST / HTTP/1.1\r\nHost: x\r\nwebhook-id: msg_1\r\nwebhook-timestamp: {TIME}\r\nwebhook-signature: {sign()}\r\n".encode()
    )
    out = verify("--secret-file", f"{tmp_path}/secret", "--headers", f"@{tmp_path}/head", "--ignore-time", secret="")
    assert out.returncode == 0, out
