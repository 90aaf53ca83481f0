"""The options: the program, the README and deploy/sample.env name the same ones."""

import re
from pathlib import Path

import pytest
from harness.server import ADMIN_KEY, ENCRYPTION_KEY, command, options

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\bPOSTHORN_[A-Z][A-Z_]*[A-Z]\b")
NOT_OPTIONS = {"POSTHORN_BIN", "POSTHORN_VERSION"}


def printed(database, redis, **more):
    out = command(options(database, redis, **more), "check-config")
    assert out.returncode == 0, out.stderr
    return dict(line.split("=", 1) for line in out.stdout.splitlines())


def test_readme_and_sample_name_all_options(database, redis):
    names = {n for n in printed(database, redis) if n.startswith("POSTHORN_")}
    assert "POSTHORN_DATABASE_URL" in names
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(NAME.findall(readme)) - NOT_OPTIONS == names
    sample = (ROOT / "deploy" / "sample.env").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?\s?(POSTHORN_[A-Z_]+)=", sample, re.M)) == names


def test_values_are_shown_and_secrets_are_not(database, redis):
    shown = printed(database, redis, POSTHORN_RETRY_SCHEDULE="1,2,3")
    assert shown["POSTHORN_RETRY_SCHEDULE"] == "1,2,3"
    assert shown["POSTHORN_ALLOW_NETWORKS"] == "127.0.0.0/8,::1/128"
    text = "\n".join(shown.values())
    assert ADMIN_KEY not in text and ENCRYPTION_KEY not in text


def test_password_in_a_url_is_not_shown(database, redis):
    secret = "pass-canary"
    url = database.url.replace("posthorn@", f"posthorn:{secret}@")
    assert secret not in str(printed(database, redis, POSTHORN_DATABASE_URL=url))


def test_defaults(database, redis):
    shown = printed(database, redis, POSTHORN_ALLOW_NETWORKS=None, POSTHORN_LISTEN=None)
    assert shown["POSTHORN_LISTEN"] == "127.0.0.1:8080"
    assert shown["POSTHORN_ALLOW_NETWORKS"] == ""
    assert shown["POSTHORN_RETRY_SCHEDULE"] == "60,300,1800,3600,21600"
    assert shown["POSTHORN_RETENTION_DAYS"] == "30"


@pytest.mark.parametrize(
    "name, value",
    [
        ("POSTHORN_DATABASE_URL", None),
        ("POSTHORN_ENCRYPTION_KEY", None),
        ("POSTHORN_ENCRYPTION_KEY", "short"),
        ("POSTHORN_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODw=="),
        ("POSTHORN_ADMIN_KEY", "too-short"),
        ("POSTHORN_LISTEN", "nowhere"),
        ("POSTHORN_LISTEN", "127.0.0.1:99999"),
        ("POSTHORN_ALLOW_NETWORKS", "127.0.0.0/33"),
        ("POSTHORN_ALLOW_NETWORKS", "127.0.0.1/8"),
        ("POSTHORN_ALLOW_NETWORKS", "what"),
        ("POSTHORN_API_THREADS", "0"),
        ("POSTHORN_WORKER_THREADS", "-1"),
        ("POSTHORN_WORKER_THREADS", "many"),
        ("POSTHORN_RETENTION_DAYS", "0"),
        ("POSTHORN_LOG_LEVEL", "loud"),
        ("POSTHORN_RETRY_SCHEDULE", "60,,300"),
        ("POSTHORN_RETRY_SCHEDULE", "60,604801"),
    ],
)
def test_bad_options_are_refused(database, redis, name, value):
    for arguments in (["check-config"], ["serve"]):
        out = command(options(database, redis, **{name: value}), *arguments, timeout=10)
        assert out.returncode not in (0, 99), out.stderr
        assert name in out.stderr
