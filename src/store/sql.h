/* The numbers of core/ as SQL's text has them (" where state = " PENDING " and …"), and what more than
 * one statement says. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "core/delivery.h"
#include "core/issue.h"
#include "core/job.h"
#include "core/order.h"
#include "core/webhook.h"

/* delivery.state */
#define PENDING   TEXT_OF(DELIVERY_PENDING_NUMBER)
#define DELIVERED TEXT_OF(DELIVERY_DELIVERED_NUMBER)
#define FAILED    TEXT_OF(DELIVERY_FAILED_NUMBER)
#define CANCELLED TEXT_OF(DELIVERY_CANCELLED_NUMBER)
#define HELD      TEXT_OF(DELIVERY_HELD_NUMBER)

/* delivery.last_error, delivery.lane */
#define ERROR_NONE       "0"
#define ERROR_EXPIRED    TEXT_OF(DELIVERY_EXPIRED_NUMBER)
#define ERROR_SUPERSEDED TEXT_OF(DELIVERY_SUPERSEDED_NUMBER)
#define ERROR_ERASED     TEXT_OF(DELIVERY_ERASED_NUMBER)
#define ERROR_CRASHED    TEXT_OF(DELIVERY_CRASHED_NUMBER)
#define WHOLE_WEBHOOK    TEXT_OF(LANE_OF_WEBHOOK_NUMBER)

/* webhook.status, webhook.disabled_reason */
#define ACTIVE         TEXT_OF(WEBHOOK_ACTIVE_NUMBER)
#define DISABLED       TEXT_OF(WEBHOOK_DISABLED_NUMBER)
#define LISTENING      TEXT_OF(WEBHOOK_LISTENING_NUMBER)
#define REASON_NONE    TEXT_OF(DISABLED_NOT_NUMBER)
#define REASON_API     TEXT_OF(DISABLED_BY_API_NUMBER)
#define REASON_GONE    TEXT_OF(DISABLED_GONE_NUMBER)
#define REASON_FAILING TEXT_OF(DISABLED_FAILING_NUMBER)

/* Of a webhook: it gets deliveries, which may be held. */
#define WANTED_STATUS "(status <> " DISABLED " or disabled_reason <> " REASON_API ")"

#define ORDERED       TEXT_OF(ORDERING_WEBHOOK_NUMBER)

#define LEASE         "interval '" TEXT_OF(DELIVERY_LEASE_MS) " ms'"
#define HORIZON       "interval '" TEXT_OF(DELIVERY_HORIZON_MS) " ms'"
#define OVERDUE       "interval '" TEXT_OF(DELIVERY_OVERDUE_MS) " ms'"

/* job.state, job.kind; and the end of one. */
#define JOB_RUNNING_TEXT   TEXT_OF(JOB_RUNNING_NUMBER)
#define JOB_DONE_TEXT      TEXT_OF(JOB_DONE_NUMBER)
#define JOB_CANCELLED_TEXT TEXT_OF(JOB_CANCELLED_NUMBER)
#define JOB_FAILED_TEXT    TEXT_OF(JOB_FAILED_NUMBER)
#define JOB_FANOUT_TEXT    TEXT_OF(JOB_FANOUT_NUMBER)
#define JOB_SETTLE_TEXT    TEXT_OF(JOB_SETTLE_NUMBER)
/* What follows from what was done already: it goes before what somebody asked for. */
#define JOB_FOLLOWS "kind = any ('{" JOB_FANOUT_TEXT ", " JOB_SETTLE_TEXT "}'::int2[])"
#define JOB_END     "ended_at = now(), events = null, webhooks = null"

/* issue.status */
#define ISSUE_OPEN_TEXT         TEXT_OF(ISSUE_OPEN_NUMBER)
#define ISSUE_ACKNOWLEDGED_TEXT TEXT_OF(ISSUE_ACKNOWLEDGED_NUMBER)
#define ISSUE_RESOLVED_TEXT     TEXT_OF(ISSUE_RESOLVED_NUMBER)

/* Of an event x that was not erased and a webhook w: the webhook wants it, as does the type that was chosen,
 * and has no delivery of it. */
#define JOB_LACKS(chosen)                                                                \
    "not x.test and x.erased_at is null and (" chosen " is null or x.type = " chosen ")" \
    " and type_wanted(w.events, x.type) and not exists (select from delivery d"          \
    "  where d.webhook_id = w.id and d.id between delivery_low(x.id) and"                \
    "   delivery_high(x.id) and d.event_id = x.id)"                                      \
    " and case when w.filter_plan is null then true else filter_refusal(w.filter_plan,"  \
    "  event_json((select data from event where event.id = x.id))) is null end"

/* What filters cost, in the time that it takes to read so many bytes of data: a condition, beside what it may copy of
 * them. Asked of so much, a statement takes some 0.1 s; what one app has in a statement, the half of it. */
#define CONDITION_COST(bytes) "(300 + " bytes " / 200)"
/* Of an event's row, for a webhook that has so many; 0, and the data is not looked at, if it has null. */
#define FILTER_COST(conditions)                            \
    "case when " conditions " > 0 then octet_length(data)" \
    " + " conditions " * " CONDITION_COST("octet_length(data)") " else 0 end"
#define FILTERS_OF_APP "8388608"
#define FILTERS_OF_ALL "16777216"

/* `column = value`, for a column that an index begins with, before the id or the time in whose order rows are
 * wanted: as an array of one it is no constant of the order, so that the order (column, id) is that index's alone.
 * Else, while statistics know of few values, the planner walks the primary key and filters: the whole history
 * for a webhook that has three rows in it. */
#define IS_ONE_OF(column, value) column " = any (array[" value "]::uuid[])"

/* A host as somebody gave it, in the form of url_host() in migrations/. */
#define HOST_GIVEN(text) "lower(trim(both '[]' from " text "))"

/* Of a delivery. */
#define NOT_LEASED "(lease_until is null or lease_until < now())"
#define END_LEASE  "lease_token = null, lease_until = null, lease_owner = null"
/* Of one that is pending: in its lane and not begun, and in no queue (0012_order.sql). */
#define ASLEEP "d.turn > 0 and d.next_at > now()"
/* The number of its turn when it is set going again, or null. */
#define NEW_TURN "case when lane is not null then (select nextval('delivery_turn')) end"
#define BEGIN_ANEW                                                                     \
    "completed_at = null, step = 0, waits = 0, waiting_since = null, crashes = null, " \
    "expires_at = nullif(expires_at, '-infinity'), " END_LEASE
/* Of a delivery d whose time is over, also of what was replaced while it was in flight. */
#define EXPIRED "d.expires_at <= now()"

/* Of a delivery d whose worker ended without a word, with this time. */
#define CRASHES   "(coalesce(d.crashes, 0) + 1)"
#define CRASH_MAX TEXT_OF(DELIVERY_CRASHES_MAX)

/* expires_at of a delivery of which there are no copies any more, because its event was erased (0015_erase.sql). */
#define ERASED "'epoch'"

/* Of a delivery d and its webhook w: a claim leases it. A test goes out whatever the webhook's status. */
#define SENT \
    "(d.test or w.status = " ACTIVE ") and w.deleted_at is null and (" EXPIRED ") is not true"

/* What deliveries_read() reads, of a delivery d and its event e. */
#define DELIVERY_ROW                                                                           \
    "d.id, d.event_id, d.webhook_id, d.test, e.type, d.state::int8, d.attempts::int8, "        \
    "case when d.state = " PENDING " and (" ASLEEP ") is not true then ms_of(d.next_at) end, " \
    "ms_of(d.completed_at), d.last_code::int8, d.last_us::int8, d.last_error::int8, "          \
    "(d.state = " PENDING " and " ASLEEP ") is true"

/* What attempts_read() reads, of an attempt a. */
#define ATTEMPT_ROW                                                                               \
    "a.number::int8, ms_of(a.started_at), a.code::int8, a.error::int8, a.error_text, a.address, " \
    "a.dns_us::int8, a.connect_us::int8, a.tls_us::int8, a.first_byte_us::int8, a.total_us::int8"

/* A request's head that begins so has the mark of its body (struct body_mark) before it: no head begins so, nor what
 * core/shorthand.h writes. head_bytes() in migrations/ knows of it. */
#define WORK_MARKED 0x02

/* A webhook that gathers gets one request at a time: each takes all that is due, and none overtakes another. */
#define AT_ONCE "case when w.batch_max > 1 then 1 else w.concurrency end::int8"

/* What queue_entry_read() reads, of a delivery d and its webhook w. */
#define QUEUE_ENTRY                                                                   \
    "d.id, d.webhook_id, d.app_id, d.test, ms_of(d.next_at) - ms_of(now()), " AT_ONCE \
    ", w.rate_limit::int8"

/* The same of a row r that comes from lanes_wake(). */
#define WOKEN_ENTRY "r.id, r.webhook_id, r.app_id, r.test, r.delay_ms, r.concurrency, r.rate_limit"

/* The lane of a delivery of an event e to a webhook w. An array is in the order of its events; what is gathered does
 * not wait for what was. */
#define LANE_OF(e)                                                                          \
    "case when w.batch_max > 1 then null when w.ordering = " ORDERED " then " WHOLE_WEBHOOK \
    " else " e ".lane end"

/* Of a webhook w: its last secret does not sign yet. Then the one before it is the one that does. */
#define SECRET_IS_AHEAD "now() < w.secret_from"
#define SIGNING_SECRET  "case when " SECRET_IS_AHEAD " then w.previous_secret else w.secret end"

/* What is kept of the one before, and that as long as it is valid beside the one that signs. */
#define SECRET_BEFORE   "case when w.previous_until > now() then w.previous_secret end"
#define PREVIOUS_SECRET "case when (" SECRET_IS_AHEAD ") is not true then " SECRET_BEFORE " end"

/* Of a webhook. The version goes up even when the clock does not. */
#define TOUCH "updated_at = greatest(now(), updated_at + interval '1 us')"

/* A webhook's row stays, without its secrets, for the history that points to it; what is under way
 * follows (job_step_settle). */
#define DELETE_WEBHOOK \
    "deleted_at = now(), secret = '', previous_secret = null, headers = '', auth = '', tls = ''"

/* Takes what has these apps and numbers out of `published`: by key, however much waits there. */
#define PUBLISHED_TAKE(apps_and_numbers)                                                 \
    "delete from published where ctid = any (array(select p.ctid from " apps_and_numbers \
    " x (app_id, n) cross join lateral (select ctid from published p"                    \
    "  where p.app_id = x.app_id and p.n = x.n offset 0) p))"

/* The audit log of a statement: a row for each of `rows`, one of its tables, in the same commit. `deed`: AUDIT_DEED() of
 * the parameters that DB_DEED() binds. `about`: the app, the id of what is changed, and if that is null its name. */
#define AUDITED(rows, deed, about)                                                             \
    ", audited as (insert into audit select audit.* from " rows ", audit_row(" deed ", " about \
    ") audit)"
/* Those of `rows` of which a field was set, which stands in the last parameter of the deed. */
#define IF_ANY_SET(rows, f) "(select * from " rows " where cardinality($" #f "::text[]) > 0) " rows
#define AUDIT_DEED(a, b, c, d, e, f) \
    "$" #a "::int8, $" #b "::int8, $" #c "::uuid, $" #d "::text, $" #e "::uuid, $" #f "::text[]"
#define DB_DEED(d)                                                                             \
    DB_I64((d)->action), DB_I64((d)->actor), store_id_or_null((d)->key), DB_STR((d)->address), \
        store_id_or_null((d)->request), DB_TEXTS((d)->fields, (d)->field_count)

/* A page of webhooks (webhooks_chosen() of migrations/), and what it takes: $1 to $8. */
#define WEBHOOKS_CHOSEN \
    "webhooks_chosen($1::uuid, $2::uuid, $3::int8, $4::text, $5::bool, $6::int8, $7::int8, $8::int8) c"
#define WEBHOOK_CHOICE(c)                                                             \
    DB_ID((c)->app), DB_ID((c)->before), DB_I64((c)->status), DB_STR((c)->search),    \
        DB_BOOL((c)->sees_all), DB_I64((c)->needs_attention), DB_I64(STORE_SCAN_MAX), \
        DB_I64((c)->limit)

#endif
