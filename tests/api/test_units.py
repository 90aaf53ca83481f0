"""The units of deploy/: systemd takes them as they are meant, and what a role must not do is shut."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness.server import binary

DEPLOY = Path(__file__).parents[2] / "deploy"
ROLES = ("migrate", "api", "worker")


@pytest.fixture
def units(tmp_path):
    """As their heads say that they are installed, with the program that is tested."""
    folder = tmp_path / "etc/systemd/system"
    environment = tmp_path / "posthorn.env"
    environment.write_text("")
    folder.mkdir(parents=True)
    for name in ("", *(f"-{role}" for role in ROLES)):
        text = (DEPLOY / "posthorn.service").read_text()
        (folder / f"posthorn{name}.service").write_text(text)
        if name:
            drop_in = folder / f"posthorn{name}.service.d"
            drop_in.mkdir()
            shutil.copy(DEPLOY / f"posthorn{name}.conf", drop_in / "role.conf")
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/usr/local/bin/posthorn", binary()))
    return folder


def verified(folder, name):
    env = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one", str(folder / name)],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )


@pytest.mark.parametrize("role", ("", *(f"-{role}" for role in ROLES)))
def test_systemd_takes_them(units, role):
    out = verified(units, f"posthorn{role}.service")
    assert (out.returncode, out.stderr) == (0, ""), out.stderr


def test_what_systemd_does_not_take_is_seen(units):
    (units / "posthorn-api.service.d/role.conf").write_text("[Service]\nExecStart=/nowhere\nIPAdressDeny=any\n")
    out = verified(units, "posthorn-api.service")
    assert "IPAdressDeny" in out.stderr


def settings(role):
    """What the drop-in sets, the last of each name."""
    lines = (DEPLOY / f"posthorn-{role}.conf").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def opened(role):
    lines = (DEPLOY / f"posthorn-{role}.conf").read_text().splitlines()
    return [line.removeprefix("SocketBindAllow=") for line in lines if line.startswith("SocketBindAllow=")]


def test_what_a_role_must_not_do_is_shut():
    api, worker, migrate = settings("api"), settings("worker"), settings("migrate")
    assert (api["IPAddressDeny"], api["IPAddressAllow"]) == ("any", "localhost")
    assert api["SocketBindDeny"] == worker["SocketBindDeny"] == "any"
    assert opened("api") == ["tcp:8080", "tcp:9464"]
    assert opened("worker") == ["tcp:9465"]
    assert worker["Environment"] == "POSTHORN_METRICS_LISTEN=127.0.0.1:9465"
    assert migrate["SocketBindDeny"] == "any"
    for role, end in (("api", "serve --role api"), ("worker", "serve --role worker"), ("migrate", "migrate")):
        assert settings(role)["ExecStart"].endswith(f"posthorn {end}")
