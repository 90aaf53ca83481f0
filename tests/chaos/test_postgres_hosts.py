"""PostgreSQL by a name, or several hosts: what it leads to changes, and the first of them is silent."""

import pytest
from harness import replies
from harness.flow import Flow
from harness.postgres import Cluster, Database
from harness.relay import Relay
from harness.wait import until


@pytest.fixture
def relay(own_postgres):
    made = Relay(own_postgres.port)
    yield made
    made.close()


@pytest.fixture
def standby(own_postgres):
    cluster = Cluster(of=own_postgres).start()
    yield cluster
    cluster.destroy()


def sessions(cluster):
    counted = "select count(*) from pg_stat_activity where usename = 'posthorn' and application_name <> 'psql'"
    return int(Database(cluster, "postgres").query(counted)[0][0])


def test_who_came_to_a_standby_leaves_it(own_postgres, redis, receiver, relay, standby, start_on):
    """The name leads to a standby, for a while, and then to the primary again; nobody cuts a connection then."""
    start_on(relay.database(own_postgres.database), redis, "worker")
    api = start_on(own_postgres.database, redis, "api")
    flow = Flow(api.client(), receiver, replies.answer(200))
    flow.batch(5)
    flow.all_arrive(10)
    relay.target = standby.port
    relay.cut()
    until(lambda: sessions(standby) > 0, 20, "somebody at the standby")
    relay.target = own_postgres.port
    flow.batch(5)
    flow.all_arrive(30)
    flow.none_pending(10)
    until(lambda: sessions(standby) == 0, 30, "that all have left the standby")


def test_a_first_host_that_says_nothing(own_postgres, redis, receiver, relay, start_on):
    """A machine that was switched off: the second has its turn, at the start and later."""
    database = relay.database(own_postgres.database, own_postgres.port)
    flow = Flow(start_on(database, redis).client(), receiver, replies.answer(200))
    flow.batch(5)
    flow.all_arrive(10)
    relay.target = None
    relay.cut()
    until(flow.try_one, 30, "that events are accepted again")
    flow.all_arrive(30)


def test_a_first_host_that_says_nothing_at_the_start(own_postgres, redis, receiver, relay, start_on):
    relay.target = None
    server = start_on(relay.database(own_postgres.database, own_postgres.port), redis, None, False)
    until(server.is_up, 40, "service")
    flow = Flow(server.client(), receiver, replies.answer(200))
    flow.batch(5)
    flow.all_arrive(10)
