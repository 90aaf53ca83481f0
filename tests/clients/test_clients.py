"""Clients that other people's generators make of the contract, by the commands of openapi/README.md: each is made,
compiled, and its program (a folder each) does what a user would, typed, against a running Posthorn.

A program gets POSTHORN_URL, POSTHORN_KEY and RECEIVER_URL, whose receiver fails the first request; it prints JSON of what
it saw. POSTHORN_CLIENTS=all, as run.sh has it, adds those that take a toolchain of their own."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import replies

pytestmark = pytest.mark.timeout(600)

HERE = Path(__file__).parent
OPENAPI = HERE.parents[1] / "openapi"
ROW = re.compile(r"^\| \[[^]]+\]\(\.\./tests/clients/([^/]+)/[^)]+\) \| `([^`]+)` \| `([^`]+)` \|$", re.M)
COMMANDS = {name: (install, generate) for name, install, generate in ROW.findall((OPENAPI / "README.md").read_text())}
NPM = json.loads((HERE / "node/package.json").read_text())["dependencies"]
PINNED = {*(HERE / "requirements.txt").read_text().split(), *(f"{name}@{version}" for name, version in NPM.items())}

# How each is compiled, and run.
CLIENTS = {
    "openapi-fetch": (["tsc"], "node main.js"),
    "typescript-fetch": (["tsc"], "node main.js"),
    "openapi-python-client": (["python -m compileall -q client"], "python main.py"),
    "python": (["python -m compileall -q client"], "python main.py"),
}
CLASSPATH = "dependency:build-classpath -Dmdep.outputFile=../classpath"
TOOLCHAINS = {
    "oapi-codegen": (["go vet .", "go build -o main ."], "./main"),
    "go": (["rm -r client/test", "go vet .", "go build -o main ."], "./main"),
    "java": (
        [f"mvn -q -B -f client/pom.xml compile {CLASSPATH}"],
        'java -cp "client/target/classes:$(cat classpath)" Main.java',
    ),
}
if os.environ.get("POSTHORN_CLIENTS") == "all":
    CLIENTS |= TOOLCHAINS

AUTH = {"type": "bearer", "token": "***"}
DATA = {"n": 1, "price": 10.5, "name": "José 😀", "nested": {"list": [1, "two", True]}}


def run(command, where, seconds=300, **env):
    """A line of shell, with the generators in PATH; what it printed."""
    path = [HERE / ".venv/bin", HERE / "node/node_modules/.bin", HERE / ".go", os.environ["PATH"]]
    env = {
        **os.environ,
        "PATH": ":".join(map(str, path)),
        "PYTHONPATH": "client",
        "GOTOOLCHAIN": "local",
        "REDOCLY_TELEMETRY": "off",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        **env,
    }
    done = subprocess.run(command, shell=True, cwd=where, env=env, capture_output=True, text=True, timeout=seconds)
    said = done.stdout[-6000:] + done.stderr[-6000:]
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{said}"
    return done.stdout


@pytest.fixture
def workplace(tmp_path):
    """A folder with openapi/ and what npm installed, as the root of a project is."""
    assert (HERE / "node/node_modules/.installed").exists(), "tests/clients/setup.sh installs what is needed"
    (tmp_path / "openapi").symlink_to(OPENAPI)
    (tmp_path / "node_modules").symlink_to(HERE / "node/node_modules")
    return tmp_path


def test_every_client_is_in_the_readme():
    assert COMMANDS.keys() == CLIENTS.keys() | TOOLCHAINS.keys()


@pytest.mark.parametrize("client", [c for c in COMMANDS if "go install" not in COMMANDS[c][0]])
def test_the_readme_installs_what_is_tested(client):
    tool, verb, *packages = shlex.split(COMMANDS[client][0])
    assert (tool, verb) in (("npm", "install"), ("pip", "install")) and packages
    for package in packages:
        assert re.sub(r"\[.*\]", "", package) in PINNED


@pytest.mark.parametrize(
    "linter",
    [
        "redocly lint --extends recommended-strict openapi/posthorn.yaml",
        f"spectral lint --fail-severity hint --ruleset {HERE}/node/spectral.yaml openapi/posthorn.yaml",
    ],
    ids=["redocly", "spectral"],
)
def test_lint(workplace, linter):
    run(linter, workplace)


@pytest.mark.parametrize("client", CLIENTS)
def test_client(tenant, receiver, workplace, client):
    install, generate = COMMANDS[client]
    shutil.copytree(HERE / client, workplace, dirs_exist_ok=True)
    if install.startswith("go "):
        run(install, workplace, GOBIN=str(HERE / ".go"))
    run(generate, workplace)
    compilers, program = CLIENTS[client]
    for compiler in compilers:
        run(compiler, workplace)

    receiver.script("/hook", replies.answer(500), replies.answer(200))
    host, port = tenant.write.address
    env = {
        "POSTHORN_URL": f"http://{host}:{port}",
        "POSTHORN_KEY": tenant.write.key,
        "RECEIVER_URL": receiver.url("/hook"),
    }
    said = json.loads(run(program, workplace, 60, **env))
    check(said, receiver, tenant.write)
    check_webhook(said["changed"], client)


def check(said, receiver, api):
    """What the program saw is what there was."""
    sent = [r.json for r in receiver.requests]
    retried = api.get(f"/deliveries/{said['retried']}").json
    assert retried["webhook_id"] == said["webhook"]
    assert sorted(m["id"] for m in sent) == sorted([*said["events"], retried["event_id"]])
    assert len(set(said["events"])) == 5
    assert {r.header("Authorization") for r in receiver.requests} == {"Bearer open-sesame"}
    assert next(m["data"] for m in sent if m["type"] == "client.one") == DATA
    assert sorted({m["data"]["n"] for m in sent if m["type"] == "client.many"}) == [1, 2, 3, 4]

    assert said["secret"].startswith("whsec_") and said["auth"] == AUTH
    assert said["pages"] == [2, 2, 1] and len(set(said["deliveries"])) == 5
    assert sorted(said["deliveries"], reverse=True) == said["deliveries"]
    assert said["attempts"] == [[2, "delivered", 200, None], [1, "failed", 500, "http_status"]]
    assert said["deleted"] == 204
    assert said["invalid"] == [422, "validation_failed", ["url"]]
    assert said["missing"] == [404, "not_found"]


def check_webhook(changed, client):
    """What PATCH was not asked to change stayed as it was created."""
    assert (changed["status"], changed["description"]) == ("paused", None)
    assert (changed["events"], changed["auth"]) == (["client.*"], AUTH)
    assert changed["profile_options"]["json"] == "python"
    assert (changed["retry_schedule"], changed["timeout_ms"]) == ([], 5000)
    assert changed["metadata"] == {"client": client}
