"""A Redis that fails over: a master, a replica, and Sentinels that watch them."""

import signal
import tempfile

from harness.process import PORTS, end, spawn
from harness.redis import Redis
from harness.wait import until

NAME = "the-queue"
DOWN_MS = 500  # until a Sentinel thinks that the master is


class Sentinel(Redis):
    """One that watches `master`, of `quorum`."""

    def __init__(self, master, quorum, password=None):
        super().__init__()
        self.config = f"{self.directory.name}/sentinel.conf"
        lines = [
            f"bind 127.0.0.1\nport {self.port}\ndir {self.directory.name}",
            f"sentinel monitor {NAME} 127.0.0.1 {master.port} {quorum}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_MS}",
            f"sentinel failover-timeout {NAME} 3000",
        ]
        if password:
            lines += [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
        with open(self.config, "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")

    def arguments(self):
        return ["redis-server", self.config, "--sentinel"]

    def answers(self):
        try:
            return self.command("PING") in (b"+PONG", b"-NOAUTH Authentication required.")
        except OSError:
            return False


class Replicated:
    """`url` names the Sentinels; `master` is the one at first."""

    def __init__(self, sentinels=3, password=None):
        self.servers = [Redis().start()]
        self.servers.append(Redis(extra=["--replicaof", "127.0.0.1", self.master.port]).start())
        until(lambda: "master_link_status:up" in self.servers[1].command("INFO", "replication", text=True), 20)
        self.sentinels = [Sentinel(self.master, sentinels // 2 + 1, password).start() for _ in range(sentinels)]
        self.url = self.url_of(*self.sentinels)
        if not password:
            until(self.is_watched, 20, "the Sentinels to know the replica and each other")

    @staticmethod
    def url_of(*sentinels):
        return f"redis+sentinel://{','.join(f'127.0.0.1:{s.port}' for s in sentinels)}/{NAME}"

    @property
    def master(self):
        return self.servers[0]

    def is_watched(self):
        others = len(self.sentinels) - 1
        known = [s.command("SENTINEL", "MASTER", NAME, lines=True) for s in self.sentinels]
        facts = [dict(zip(k[::2], k[1::2])) for k in known]
        return all(f["num-slaves"] == "1" and f["num-other-sentinels"] == str(others) for f in facts)

    def promoted(self, server):
        """Whether it says so; Sentinels cut its connections when it becomes something else."""
        try:
            return "role:master" in server.command("INFO", "replication", text=True)
        except (OSError, ValueError):
            return False

    def destroy(self):
        for server in [*self.sentinels, *self.servers]:
            server.destroy()
