"""No stored row ends the process, whatever it says: it may be a newer release's, or a hand's."""

from harness import replies

STRANGE = [
    "update webhook set profile = 'of tomorrow'",
    "update webhook set profile_options = '{\"of\": \"tomorrow\"}'",
    "update webhook set profile_options = 'no JSON'",
    "update webhook set profile_options = ''",
    "update webhook set status = 77, disabled_reason = 78",
    "update webhook set status = -1, disabled_reason = -2",
    "update webhook set secret = '', headers = 'not sealed'",
    "update webhook set secret = decode(repeat('00', 100), 'hex')",
    "update webhook set retry_schedule = '{}', events = '{}'",
    "update webhook set retry_schedule = array_fill(-7::int8, array[200])",
    "update webhook set events = array_fill('x'::text, array[1000])",
    "update webhook set retry_schedule = '{{1,2},{3,4}}'",
    "update webhook set retry_schedule = '{null, 9000000000000000000}'",
    "update webhook set events = '{{a,b},{c,null}}'",
    "update webhook set timeout_ms = -1, concurrency = -1, rate_limit = -1",
    "update webhook set timeout_ms = 2147483647, concurrency = 2147483647, rate_limit = 2147483647",
    "update webhook set url = '', description = ''",
    "update webhook set metadata = '', managed = 'nobody'",
    "update webhook set gate_error = 99, gate_failures = 99, gate_limit = -5, gate_openings = -1",
    "update webhook set gate_until = 'infinity', failing_since = '-infinity'",
    "update delivery set state = 9, last_error = 99, last_code = -1, last_us = -1",
    "update delivery set state = -9, attempts = -1, step = -1",
    "update delivery set attempts = 32767, step = 32767, next_at = now()",
    "update delivery set next_at = 'infinity'",
    "update attempt set error = 99, code = -1, number = -1, total_us = -1",
    "update attempt set started_at = 'infinity', address = '', error_text = ''",
    "update attempt set request_head = '\\x01ffff8182868790', response_head = '\\x01', started_at = '4000-01-01 BC'",
    "update attempt set error = null, number = 0, request_head = '', response_head = '\\xff80', url = ''",
    "update delivery set sent_token = 1, sent_at = 'infinity', sent_request_head = '\\x01'",
    "update delivery set sent_token = -1, sent_response_head = '\\x01000087ff', sent_total_us = -1",
    "update event set type = '', data = ''",
    "update event set data = 'no JSON', profile_options = 'nor this'",
    "update event set type = repeat('x', 1000)",
    "update api_key set scope = 99 where app_id is not null",
]


READ = ("/webhooks/{webhook}", "/webhooks/{webhook}/deliveries", "/deliveries/{delivery}", "/deliveries/{delivery}/attempts")
LISTS = ("/webhooks", "/events", "/events/{event}", "/keys")
WRITTEN = (
    ("POST", "/webhooks/{webhook}/preview", {}),
    ("POST", "/webhooks/{webhook}/test", {"detect": True, "keep": True}),
    ("POST", "/deliveries/{delivery}/retry", {}),
    ("PATCH", "/webhooks/{webhook}", {"description": "again"}),
    ("DELETE", "/webhooks/{webhook}", {}),
)


def failing_delivery(client, receiver):
    """One that was tried, and is tried again and again."""
    receiver.script("/hook", replies.answer(500))
    webhook = client.webhook(receiver.url(), retry_schedule=[1] * 20)
    event = client.publish()
    client.attempted(webhook)
    delivery = client.only_delivery(webhook)
    return {"webhook": webhook["id"], "delivery": delivery["id"], "event": event["id"]}


def test_whatever_a_row_says(posthorn, receiver, database):
    client = posthorn.client()
    client.post("/keys", {"name": "k", "scope": "read"}, expect=201)
    for sql in STRANGE:
        ids = failing_delivery(client, receiver)
        database.query(sql)
        for path in READ + LISTS:
            answer = client.request("GET", path.format(**ids), expect=None, check=False)
            assert answer.status in (200, 404, 500), (sql, path)
        for method, path, body in WRITTEN:
            client.request(method, path.format(**ids), body, expect=None, check=False)
        assert posthorn.is_running(), (sql, posthorn.log()[-3000:])
    client.webhook(receiver.url("/other"))
    client.publish()
    receiver.wait(1, "/other")
