"""posthorn doctor: receivers that misbehave, and what it says of each."""

import base64
import hashlib
import hmac
import os
import subprocess

import pytest
from harness import replies
from harness.receiver import Receiver
from harness.tls import Authority, self_signed

BIN = os.environ["POSTHORN_BIN"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def doctor(url, *arguments, secret=SECRET, **env):
    environment = {"PATH": os.environ["PATH"], "POSTHORN_SECRET": secret, **env}
    return subprocess.run([BIN, "doctor", url, *arguments], capture_output=True, text=True, env=environment, timeout=60)


def checks(key, fresh=False):
    """Answers as a receiver that verifies with `key`, and that has a clock if `fresh`."""

    def reply(receiver, connection, request):
        text = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.".encode() + request.body
        want = "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
        old = fresh and request.wall - int(request.header("webhook-timestamp")) > 300
        good = request.header("webhook-signature") == want and not old
        return replies.answer(200 if good else 401)(receiver, connection, request)

    return reply


KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


def test_well(receiver):
    receiver.default = checks(KEY, fresh=True)
    out = doctor(receiver.url(), "--form", "standard-webhooks")
    assert out.returncode == 0, out
    for words in ("signed ping: answered with 200", "wrong signature: refused", "old timestamp: refused", "used again"):
        assert words in out.stdout
    assert "POSTHORN_ALLOW_NETWORKS" in out.stdout
    assert SECRET not in out.stdout


def test_401(receiver):
    """The journey: a receiver that uses the secret as text refuses, doctor says where to look, and verify why."""
    receiver.default = checks(SECRET.encode())
    out = doctor(receiver.url(), "--form", "standard-webhooks")
    assert out.returncode == 1 and "posthorn verify" in out.stdout
    request = receiver.requests[0]
    text = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.".encode() + request.body
    computed = base64.b64encode(hmac.digest(SECRET.encode(), text, hashlib.sha256)).decode()
    out = subprocess.run(
        [BIN, "verify", "--headers", request.head.decode(), "--body", "-", "--computed", computed, "--secret", SECRET],
        input=request.body, capture_output=True, timeout=60,
    )  # fmt: skip
    assert b"fits: HMAC-SHA256" in out.stdout and b"used as text and not decoded" in out.stdout


@pytest.mark.parametrize(
    ("reply", "words", "status"),
    [
        (replies.answer(200), "does not check signatures", 1),
        (replies.answer(302, headers=[("Location", "https://example.com/x")]), "https://example.com/x", 1),
        (replies.answer(405), "takes no POST", 1),
        (replies.answer(500), "see its log", 1),
        (replies.close(), "before it answered", 3),
        (replies.hang(), "no response within", 3),
    ],
)
def test_misbehaves(receiver, reply, words, status):
    receiver.default = reply
    out = doctor(receiver.url(), "--timeout", "1")
    assert out.returncode == status and words in out.stdout, out


def test_no_secret(receiver):
    receiver.default = checks(KEY)
    out = doctor(receiver.url(), secret="")
    assert out.returncode == 0 and "--secret-file" in out.stdout, out


def test_certificates(tmp_path):
    authority = Authority(tmp_path)
    for context, env, words in [
        (self_signed(tmp_path), {}, "self-signed"),
        (authority.server(), {}, "is not known here"),
        (authority.server("other"), {"POSTHORN_CA_FILE": str(authority.file)}, "does not name"),
    ]:
        receiver = Receiver(context=context)
        host = "localhost" if words == "does not name" else "127.0.0.1"
        out = doctor(receiver.url(host=host), "--timeout", "5", **env)
        receiver.close()
        assert out.returncode in (1, 3) and words in out.stdout, out


def test_expired(tmp_path):
    from harness.tls import openssl, request, server_context

    key, csr, certificate = (f"{tmp_path}/{n}" for n in ("k", "r", "c"))
    openssl(*request(key, "-out", csr, "-subj", "/CN=localhost"))
    openssl("x509", "-req", "-in", csr, "-signkey", key, "-days", "-1", "-out", certificate)
    receiver = Receiver(context=server_context(certificate, key))
    out = doctor(receiver.url())
    receiver.close()
    assert out.returncode == 1 and "expired" in out.stdout, out


def test_webhook(api, receiver):
    """Of a webhook the service itself sends a test, and its words are passed on."""
    env = {"POSTHORN_URL": f"http://{api.address[0]}:{api.address[1]}", "POSTHORN_KEY": api.key}
    webhook = api.webhook(receiver.url(), uid="mine")
    out = doctor("mine", secret="", **env)
    assert out.returncode == 0 and "test by Posthorn: was delivered" in out.stdout, out
    receiver.default = replies.answer(401)
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    out = doctor(webhook["id"], secret="", **env)
    assert out.returncode == 1 and "is paused" in out.stdout and "401" in out.stdout, out
    assert doctor("wh_none", secret="", **env).returncode == 1


def test_usage():
    assert doctor("ftp://x/").returncode == 2
    assert doctor("https://x/", "--form", "none").returncode == 2
    assert doctor("wh_1").returncode == 2  # no URL of the API
    assert "Example" in doctor("--help").stdout


def test_unreachable():
    out = doctor("http://127.0.0.1:1/")
    assert out.returncode == 3 and "refused" in out.stdout
