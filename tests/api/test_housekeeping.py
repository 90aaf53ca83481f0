"""What the janitor keeps: partitions ahead, retention, idempotency keys."""

from harness.wait import until

PARTITIONS = "select inhrelid::regclass::text from pg_inherits where inhparent = 'event'::regclass"


def drop_partitions(database):
    for parent in ("event", "delivery", "attempt"):
        names = database.query(f"select inhrelid::regclass::text from pg_inherits where inhparent = '{parent}'::regclass")
        for (name,) in names:
            database.query(f"drop table {name}")


def test_a_service_that_was_down_for_long_accepts_at_once(start, database, receiver):
    """Its partitions have run out: the first tick makes those of the days to come."""
    drop_partitions(database)
    client = start().client()
    until(lambda: database.query(PARTITIONS), 5, "partitions")
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)


def test_accepting_makes_a_partition_that_is_missing(start, database, address):
    client = start(role="api").client()
    client.webhook(address)
    drop_partitions(database)
    ready = client.get("/readyz", expect=503).json
    assert (ready["status"], ready["partitions"]) == ("unavailable", "missing")
    client.publish()
    assert client.get("/readyz", expect=200).json["partitions"] == "there"
    assert database.counts()["event"] == 1


def test_idempotency_keys_are_forgotten_as_fast_as_they_come(start, database):
    database.query(
        "insert into idempotency select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0,"
        " now() - interval '1 s' from generate_series(1, 30000)"
    )
    start(role="worker")
    until(lambda: database.query("select count(*) from idempotency") == [["0"]], 20, "all forgotten")


def test_what_expires_before_it_ended_is_told(start, database, address):
    server = start(role="api")
    webhook = server.client().webhook(address)
    day = "(now() at time zone 'UTC')::date - 40"
    suffix = database.query(f"select to_char({day}, 'YYYYMMDD')")[0][0]
    database.query("select partitions_make(-40, -40)")
    database.query(
        "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        f" select new_delivery_id(id_floor({day} + interval '1 h')), id_floor({day} + interval '1 h'),"
        f" id, app_id, 'infinity', s, false from webhook, (values (0), (0), (4), (1)) v (s)"
    )
    worker = start(role="worker")
    until(lambda: "event=deliveries_expired count=3 retention_days=30" in worker.log(), 10, worker.log)
    assert [f"event_{suffix}"] not in database.query(PARTITIONS)
    assert webhook["status"] == "active"


def test_a_schedule_that_outlives_the_history_is_refused(api, address):
    webhook = {"url": address, "events": ["*"], "retry_schedule": [604800] * 4}
    api.post("/webhooks", webhook, expect=201)
    wrong = api.post("/webhooks", {**webhook, "retry_schedule": [604800] * 5}, expect=422)
    assert wrong.fields == ["retry_schedule"]


def test_webhooks_that_were_deleted_are_forgotten_with_their_history(start, database, address):
    """Not before: what happened says which URL was called."""
    client = start(role="api").client()
    gone, told, late, kept = (client.webhook(address, events=[name])["id"] for name in ("a", "told", "late", "kept"))
    client.publish("told")
    for webhook in (gone, told, late):
        client.delete(f"/webhooks/{webhook}")
    database.query("update webhook set deleted_at = deleted_at - interval '31 days 1 h' where events <> '{late}'")
    database.query("update job set state = 2, ended_at = now()")  # deliveries follow for a while
    start(role="worker")
    rows = "select events[1] from webhook order by id"
    until(lambda: database.query(rows) == [["told"], ["late"], ["kept"]], 10, lambda: database.query(rows))
    client.get(f"/webhooks/{kept}")
