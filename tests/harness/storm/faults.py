"""What befalls the service in a storm. Each fault is over when its function returns; from then on recovery is measured."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass

from harness.postgres import Cluster, Database
from harness.storm.oracle import LEASE
from harness.wait import until

FAULTS = []


@dataclass
class Fault:
    """`lane`: those of one are never at the same time. `weight`: how often, beside the others of its lane. `long`: it
    takes a minute or more. `bar`: seconds to recovery by the design, if it says so."""

    name: str
    lane: str
    run: object
    weight: int = 10
    long: bool = False
    bar: float = 0
    mounts: bool = False


def fault(name, lane, **more):
    return lambda run: FAULTS.append(Fault(name, lane, run, **more)) or run


@contextlib.contextmanager
def chosen(world, chance, servers):
    """One of them that nothing else is being done to, or None."""
    with world.lock:
        free = [s for s in servers if s not in world.busy]
        server = chance.choice(free) if free else None
        world.busy.add(server)
    try:
        yield server
    finally:
        world.busy.discard(server)


# --- processes: the last of each kind is never killed, and shows whether anything piles up ----------------


def killed(world, chance, servers, what, gone):
    with chosen(world, chance, servers) as server:
        if server is not None:
            time.sleep(chance.uniform(0, 0.1))
            with world.incident(f"{what} killed", "kill" if server.role == "worker" else "", server.name) as it:
                world.kill(server)
                world.count["SIGKILL"] += 1
            it.end = it.at
            time.sleep(chance.uniform(0, gone))
            world.start(server)


@fault("worker killed", "processes", weight=40, bar=3)
def worker_killed(world, chance):
    killed(world, chance, world.workers[:-1], "worker", 0.5)


@fault("worker killed, away for seconds", "processes", weight=6, bar=3)
def worker_killed_for_long(world, chance):
    killed(world, chance, world.workers[:-1], "worker", 4)


@fault("API killed", "processes", weight=25, bar=1)
def api_killed(world, chance):
    killed(world, chance, world.apis[:-1], "API", 0.3)


@contextlib.contextmanager
def all_gone(world, what):
    """They are killed, and start again after the block."""
    servers = [s for s in world.processes if s not in world.busy]
    world.busy.update(servers)
    with world.incident(what, "kill") as it:
        for server in servers:
            world.kill(server)
            world.count["SIGKILL"] += 1
    it.end = it.at
    yield
    for server in servers:
        world.start(server)
    world.busy.difference_update(servers)


@fault("all killed", "processes", weight=3, bar=3)
def all_killed(world, chance):
    with all_gone(world, "all killed"):
        time.sleep(chance.uniform(0, 0.5))


def stopped(world, chance, servers, seconds):
    with chosen(world, chance, servers) as server:
        if server is not None and server.is_running():
            with world.incident(f"{server.role} stopped", "stop", server.name):
                server.process.send_signal(signal.SIGSTOP)
                time.sleep(seconds)
                server.process.send_signal(signal.SIGCONT)


@fault("process stopped for a moment", "processes", weight=10)
def stopped_for_a_moment(world, chance):
    stopped(world, chance, world.processes, chance.uniform(0.05, 3))


@fault("worker stopped past its lease", "processes", weight=2, long=True)
def stopped_past_its_lease(world, chance):
    stopped(world, chance, world.workers[:-1], LEASE + 5)


@fault("rolling restart", "processes", weight=4, bar=30)
def rolling_restart(world, chance):
    for server in world.processes:
        with chosen(world, chance, [server]) as free:
            if free is None or not server.is_running():
                continue
            with world.incident("restarted", "", server.name):
                world.terminate(server, 40)
                world.start(server)
                until(lambda s=server: world.is_up(s), 40, lambda s=server: f"{s.name} to start")


# --- Redis ---------------------------------------------------------------------------------------------


@fault("Redis flushed", "redis", weight=15, bar=2)
def redis_flushed(world, _chance):
    with world.incident("Redis flushed", ""):
        world.redis.flush()


@fault("Redis flushed of its scripts", "redis", weight=4, bar=2)
def redis_scripts(world, _chance):
    with world.incident("Redis's scripts flushed", ""):
        world.redis.command("SCRIPT", "FLUSH")


@fault("Redis's clients killed", "redis", weight=6, bar=2)
def redis_clients(world, _chance):
    with world.incident("Redis's clients killed", ""):
        for kind in ("normal", "pubsub"):
            world.redis.command("CLIENT", "KILL", "TYPE", kind)


@fault("Redis killed, back empty", "redis", weight=10, bar=2)
def redis_killed(world, chance):
    with world.incident("Redis killed", ""):
        world.redis.stop()
        time.sleep(chance.choice([0, 0.3, 4]))
        world.start_there(world.redis.start)


@fault("Redis back with older data", "redis", weight=8, bar=2)
def redis_older(world, chance):
    older = world.redis.dump()
    time.sleep(chance.uniform(0.2, 3))
    with world.incident("Redis with older data", ""):
        world.redis.stop()
        world.start_there(lambda: world.redis.start_with(older))


@fault("Redis out of memory", "redis", weight=5, bar=2)
def redis_out_of_memory(world, chance):
    with world.incident("Redis out of memory", ""):
        world.redis.limit_memory(1 << 20)
        time.sleep(chance.uniform(0.2, 4))
        world.redis.limit_memory(0)


@fault("Redis frozen", "redis", weight=8, bar=2)
def redis_frozen(world, chance):
    with world.incident("Redis frozen", ""):
        world.redis.pause()
        time.sleep(chance.uniform(0.2, 5))
        world.redis.resume()


# --- PostgreSQL ------------------------------------------------------------------------------------------


def restarted(world, chance, how, kind, what):
    with world.incident(kind, what):
        world.cluster.stop(how)
        time.sleep(chance.choice([0, 0.2, 2]))
        world.start_there(world.cluster.start)


@fault("PostgreSQL restarted fast", "postgres", weight=6, bar=5)
def postgres_fast(world, chance):
    restarted(world, chance, signal.SIGINT, "PostgreSQL restarted", "ledger")


@fault("PostgreSQL stopped immediately", "postgres", weight=8, bar=5)
def postgres_immediate(world, chance):
    restarted(world, chance, signal.SIGQUIT, "PostgreSQL stopped at once", "crash")


@fault("PostgreSQL killed", "postgres", weight=6, bar=5)
def postgres_killed(world, chance):
    world.count["SIGKILL"] += 1
    restarted(world, chance, signal.SIGKILL, "PostgreSQL killed", "crash")


@fault("backend killed: all of them end", "postgres", weight=6, bar=5)
def backend_killed(world, _chance):
    with world.incident("backend killed", "crash"):
        pid = world.database.query("select pid from pg_stat_activity where datname = current_database() limit 1")
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid[0][0]), signal.SIGKILL)
            world.count["SIGKILL"] += 1
        time.sleep(0.2)
        until(world.cluster.answers, 30, "PostgreSQL after a crash")


@fault("PostgreSQL frozen", "postgres", weight=6, bar=5)
def postgres_frozen(world, chance):
    with world.incident("PostgreSQL frozen", "ledger"):
        world.cluster.signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 6))
        world.cluster.signal(signal.SIGCONT)


@fault("backends terminated", "postgres", weight=12, bar=5)
def backends_terminated(world, _chance):
    with world.incident("backends terminated", "ledger"):
        world.database.query(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and random() < 0.7"
        )


@fault("foreign locks", "postgres", weight=10, bar=5)
def foreign_locks(world, chance):
    sql = chance.choice(
        [
            "select 1 from delivery where state = 0 order by id desc limit 50 for update",
            "select 1 from webhook for update",
            "lock table event in share mode",
            "lock table delivery in exclusive mode",
            "lock table attempt in access exclusive mode",
        ]
    )
    with world.incident("foreign locks", "ledger", sql), world.database.holding(sql, chance.uniform(0.1, 4)):
        pass


@fault("disk full", "postgres", weight=4, bar=5, mounts=True)
def disk_full(world, chance):
    with world.incident("disk full", "crash"):  # what cannot write its log ends
        world.fill_disk(True)
        time.sleep(chance.uniform(0.3, 3))
        world.fill_disk(False)
        if world.cluster.process.poll() is not None:
            world.cluster.process = None
            world.start_there(world.cluster.start)
        until(world.cluster.answers, 30, "PostgreSQL after a full disk")


def copied(world, first):
    """None: clocks jumped meanwhile, and the first one took it for dead."""
    with contextlib.suppress(subprocess.CalledProcessError):
        return world.start_there(lambda: Cluster(world.disk(), world.env, of=first).start())
    return None


@fault("standby promoted", "postgres", weight=3, bar=5)
def standby_promoted(world, chance):
    """It has all that was promised, for the first one waits for it; not all that workers wrote down."""
    first = world.cluster
    alone = Database(first, "postgres")
    second = until(lambda: copied(world, first), 60, "a copy of PostgreSQL")
    try:
        until(lambda: alone.query("select 1 from pg_stat_replication where state = 'streaming'"), 30, "a standby")
        alone.query("alter system set synchronous_standby_names = '*'")
        alone.query("select pg_reload_conf()")
        until(lambda: alone.query("select 1 from pg_stat_replication where sync_state <> 'async'"), 30, "its being waited for")
        time.sleep(chance.uniform(0.5, 2))
    except BaseException:
        second.destroy()
        raise
    with world.incident("standby promoted", "crash"):
        first.stop(chance.choice([signal.SIGQUIT, signal.SIGKILL]))
        world.network("postgres", port=second.port, cut=True)
        Database(second, "postgres").query("select pg_promote()")
        world.cluster = second
    first.destroy()


# --- network -----------------------------------------------------------------------------------------------

STATEMENT = 5  # seconds until the answer to one is not waited for any longer
WHAT = {"postgres": "ledger", "redis": "", "receivers": "network", "apis": ""}


def somewhere(world, chance, said, seconds=0.0, silent=0.0):
    """`silent`: what stopped stays so, and how long it takes until somebody gives it up."""
    which = chance.choice(list(WHAT))
    with world.incident(f"network to {which}: {said}", WHAT[which]) as it:
        world.network(which, **said)
        time.sleep(seconds)
        world.network(which, mode="pass", mines=0)
    it.end += silent


@fault("connections cut", "network", weight=10, bar=5)
def cut(world, chance):
    somewhere(world, chance, {"cut": True})


@fault("connections cut at any byte", "network", weight=15, bar=5)
def cut_at_any_byte(world, chance):
    after = chance.choice([20, 500, 20_000])
    somewhere(world, chance, {"mines": chance.randint(1, 20), "after": after, "how": "cut"}, chance.uniform(0.2, 1.5))


@fault("one direction ends at any byte", "network", weight=8, bar=5)
def half_closed(world, chance):
    after = chance.choice([20, 500, 20_000])
    somewhere(world, chance, {"mines": chance.randint(1, 8), "after": after, "how": "half"}, chance.uniform(0.2, 1.5), STATEMENT)


@fault("one direction stops at any byte", "network", weight=5, bar=30)
def stalled(world, chance):
    after = chance.choice([20, 500, 20_000])
    somewhere(world, chance, {"mines": chance.randint(1, 4), "after": after, "how": "stall"}, chance.uniform(0.2, 1.5), STATEMENT)


@fault("network frozen", "network", weight=8, bar=5)
def network_frozen(world, chance):
    somewhere(world, chance, {"mode": "freeze"}, chance.uniform(0.2, 5))


@fault("network slow", "network", weight=8, bar=5)
def network_slow(world, chance):
    somewhere(world, chance, {"mode": "delay", "seconds": chance.uniform(0.01, 0.3)}, chance.uniform(0.5, 3))


@fault("nobody there", "network", weight=6, bar=5)
def refused(world, chance):
    somewhere(world, chance, {"mode": "refuse"}, chance.uniform(0.2, 4))


# --- time -------------------------------------------------------------------------------------------------


@fault("midnight", "postgres", weight=2, bar=5)
def midnight(world, chance):
    """Every clock is set to a moment before it, and goes on."""
    with world.incident("midnight", "jump"):
        left = 86400 - world.now() % 86400
        world.jump(int(max(0, left - 2)))
        time.sleep(chance.uniform(2.5, 4))


@fault("away for days", "processes", weight=1, bar=5)
def away_for_days(world, chance):
    with all_gone(world, "away for days"):
        world.jump(int(chance.uniform(1, 50) * 3600))
