"""The receivers themselves, without Posthorn: they take what the real senders send, byte for byte,
and nothing else. What the other files of this folder find is only worth as much as this."""

import http.client
import json
import urllib.parse

import pytest

R_JS = (
    '{"event":"user.created","timestamp":"2025-04-14T12:00:00.000Z","data":{"uuid":'
    '"f2b1c2d3-0000-4000-8000-000000000001","username":"bob","status":"ACTIVE",'
    '"usedTrafficBytes":"0","description":null}}'
)
R2_JS = R_JS.replace("null", '"Привет 😀 a/b"')
R2_ASCII = R_JS.replace("null", r'"\u041f\u0440\u0438\u0432\u0435\u0442 \ud83d\ude00 a/b"')


def spaced(text):
    return text.replace('":', '": ').replace(',"', ', "')


# Body, its signature with "your-secret-header", and the verifiers that recognise it.
REMNAWAVE = {
    "js": (
        R_JS,
        "b0ca7c2b342728c9e45b07b9dfc417073fd79a692bfce5fc09230165eb6b5135",
        {"raw", "js", "python-compact"},
    ),
    "python": (
        spaced(R_JS),
        "91eb467ff97f611985a9dd25282c5d0b22bc1463ffe7272cd72be83c091ce0d7",
        {"raw", "python"},
    ),
    "js-text": (
        R2_JS,
        "12bc780ee4ef8273b06726fac050f492cdb10efc92cca494695c1c689538bda6",
        {"raw", "js"},
    ),
    "python-text": (
        spaced(R2_ASCII),
        "30f0ea1124145872560a4ffdd582d772fc1358c07096ff0f2a96d8d4d3bed53d",
        {"raw", "python"},
    ),
    "python-compact-text": (
        R2_ASCII,
        "587b99c6fcc0ba5f3bdd4d5a905b6d59e7ca35c0aba4af575d117cfce6534173",
        {"raw", "python-compact"},
    ),
}
E_JS = (
    '{"id":"evt_abc123","type":"user.created","created_at":"2023-12-01T15:30:00Z","data":{"id":'
    '"usr_789","name":"John Doe","email":"john@example.com","created_at":"2023-12-01T15:30:00Z"}}'
)
E_SIGNATURE = "sha256=6bf341cd28efbbf5308770bb295c2781b7162f4f505eeebdb9c552d077231c46"
M_OBJECT = (
    '{"username": "marzban_test_user", "action": "user_updated", '
    '"enqueued_at": 1680506457.636369, "tries": 0}'
)
M_SIGNATURE = "36709c78a88d5e1cd724392e8d9ba46d5c0e46619a5096a5210743436c5d590a"
AUTHON = (
    '{"event":"user.login","timestamp":"2025-06-15T14:30:00.000Z","data":{"userId":"usr_abc123",'
    '"username":"testuser","ip":"192.168.1.100","hwid":"HWID-A1B2C3D4","appId":"app_xyz789"}}'
)


def post(url, body, **headers):
    """The status of a request with exactly this body."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(
            "POST", parts.path, body.encode(), {"Content-Type": "application/json", **sent}
        )
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("name", REMNAWAVE)
def test_remnawave(remnawave, name):
    body, signature, recognised = REMNAWAVE[name]
    time = json.loads(body)["timestamp"]
    for verifier, url in remnawave:
        headers = {"X_Remnawave_Signature": signature, "X_Remnawave_Timestamp": time}
        expected = 200 if verifier in recognised else 401
        assert post(url, body, **headers) == expected, (verifier, url)
        headers["X_Remnawave_Signature"] = signature.upper()
        assert post(url, body, **headers) == 401, (verifier, url)


def test_generic(generic):
    more = {"X_Webhook_Id": "wh_123456", "X_Webhook_Event": "user.created"}
    for _, url in generic:
        assert post(url, E_JS, X_Webhook_Signature=E_SIGNATURE, **more) == 200, url
        assert post(url, E_JS + " ", X_Webhook_Signature=E_SIGNATURE, **more) in (200, 401), url
        assert post(url, E_JS[:-2] + ',"a":1}}', X_Webhook_Signature=E_SIGNATURE, **more) == 401


def test_marzban(program):
    documented = program("python/marzban_documented.py", "your-secret-key") + "/webhook"
    real = program("python/marzban_real.py", "something-very-very-secret")
    plain = {"x_webhook_secret": "something-very-very-secret"}
    assert post(documented, M_OBJECT, x_webhook_secret=M_SIGNATURE) == 200
    assert post(documented, M_OBJECT, x_webhook_secret="your-secret-key") == 403
    for path in ("/every", "/first", "/checked"):
        assert post(real + path, f"[{M_OBJECT}]", **plain) == 200
        assert post(real + path, f"[{M_OBJECT}]") == 403
    assert post(real + "/checked", M_OBJECT, **plain) == 400
    assert post(real + "/first", M_OBJECT, **plain) == 500


@pytest.mark.parametrize("path", ["python/authon.py", "node/authon.js"])
def test_authon(program, path):
    url = program(path, "whsec_your_secret_here", EXPRESS="express") + "/webhook"
    headers = {"X_Webhook_Event": "user.login", "X_Webhook_Secret": "whsec_your_secret_here"}
    assert post(url, AUTHON, **headers) == 200
    assert post(url, AUTHON, X_Webhook_Event="user.login") == 401
