"""deploy/quickstart.sh as a stranger runs it, but for the compiler: ninja copies the program that is tested."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness.client import Client
from harness.process import PORTS
from harness.server import binary
from harness.wait import until

DEPLOY = Path(__file__).parents[2] / "deploy"
NINJA = """rule copy
  command = cp $in $out
build posthorn: copy {program}
"""


class Quickstart:
    """A checkout of its own, where the owner of the data can enter."""

    def __init__(self, contract):
        self.contract = contract
        self.top = Path(tempfile.mkdtemp(prefix="quickstart.", dir="/tmp"))
        self.top.chmod(0o755)
        shutil.copytree(DEPLOY, self.top / "deploy")
        (self.top / "build").mkdir()
        (self.top / "build/build.ninja").write_text(NINJA.format(program=binary()))
        self.log = self.top / "log"
        self.port = PORTS.take()
        self.process = None

    def run(self):
        """Until it says that it listens, or has ended."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [self.top / "deploy/quickstart.sh"],
                env={**os.environ, "PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background ignores it
            )
        until(lambda: self.process.poll() is not None or "Ctrl-C" in self.log.read_text(), 60, self.log.read_text)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    @property
    def data(self):
        return self.top / ".local/data"

    @property
    def key(self):
        return re.search("^POSTHORN_ADMIN_KEY=(.*)$", (self.top / ".local/env").read_text(), re.M)[1]

    @property
    def client(self):
        return Client(("127.0.0.1", self.port), self.key, self.contract)

    def alive(self):
        """The commands of what runs in the data folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").resolve().is_relative_to(self.data):
                    found.append((process / "cmdline").read_text())
            except OSError:
                continue
        return found


@pytest.fixture
def quickstart(contract):
    made = Quickstart(contract)
    yield made
    if made.process is not None:
        made.stop()
    shutil.rmtree(made.top)


def test_from_nothing_to_a_delivery_and_again(quickstart, receiver):
    quickstart.run()
    key = quickstart.key
    webhook = quickstart.client.post("/webhooks", {"url": receiver.url(), "events": ["*"]}, expect=201).json
    quickstart.client.post("/events", {"type": "a", "data": {}}, expect=202)
    receiver.wait(1)
    assert quickstart.stop() == 0
    assert not quickstart.alive()
    quickstart.run()
    assert quickstart.key == key
    assert quickstart.client.get(f"/webhooks/{webhook['id']}").json["url"] == receiver.url()
    assert oct((quickstart.top / ".local/env").stat().st_mode)[-3:] == "600"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whom a name of another could harm")
NAMES = (
    "initdb.log postgres.log redis.log posthorn.pid posthorn.log redis/pid bin/posthorn bin/posthorn.new"
    " bin/redis-server redis postgres.new lock env"
).split()


@needs_root
@pytest.mark.parametrize("kind", ("file", "folder"))
def test_root_writes_through_no_name_of_another(quickstart, tmp_path, kind):
    """Whatever the owner of the data puts there as links to what is root's."""
    victim = tmp_path / "victim"
    victim.write_text("root's")
    empty = tmp_path / "empty"
    empty.mkdir()
    (quickstart.top / ".local").mkdir()
    data = quickstart.data
    data.mkdir(mode=0o700)
    for name in NAMES:
        if "/" in name and kind == "file":
            (data / name).parent.mkdir(exist_ok=True)
        if not (data / name).exists() and (data / name).parent.exists():
            (data / name).symlink_to(victim if kind == "file" else empty)
    shutil.chown(data, "postgres")
    for path in data.rglob("*/"):
        if not path.is_symlink():
            shutil.chown(path, "postgres")
    quickstart.run()
    quickstart.stop()
    assert victim.read_text() == "root's" and victim.stat().st_uid == 0 and victim.stat().st_mode & 0o777 == 0o644
    assert not list(empty.iterdir()) and empty.stat().st_uid == 0
    assert not quickstart.alive()


@needs_root
def test_a_folder_of_another_is_refused(quickstart):
    shutil.chown(quickstart.top, "postgres")
    quickstart.run()
    assert quickstart.process.returncode == 1
    assert "belongs to postgres" in quickstart.log.read_text()
    assert not (quickstart.top / ".local").exists()
