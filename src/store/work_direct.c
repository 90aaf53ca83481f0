/* Claiming without the queue: one statement chooses and leases. It looks at a bounded number of webhooks, each by the
 * index of what waits for it (webhook_id, next_at), which is walked from webhook to webhook and not from row to row
 * (migrations/README.md has the figures).
 *
 *   due    is this worker the one that asks, and is anything due at all
 *   walk   webhooks for which something waits, one step each
 *   near   those, and the webhooks of what came last: who is far from the walk is not forgotten meanwhile
 *   w      the active ones of them, with what their gates and rates let through
 *   q      the oldest due rows of each: what is under way is among them, since the oldest are always claimed first
 *   p      what is taken of it, in rounds over the apps
 *
 * Two workers ask one after the other. Should one have begun before the other's end was visible, it chooses the same
 * rows, and the update leaves those out that are leased by then, or were, and are due later. */
#include "claim_sql.h"
#include "store/store.h"
#include "store/work.h"

#define LOCK_KEY  "5773408362019374"
#define NEWEST    "16" /* rows */
#define TESTS_MAX "16"
#define NO_LIMIT  "1000000"

/* The first webhook behind one for which something waits: what stands before and after that one. */
#define FIRST_BEHIND \
    "(select d.webhook_id from delivery d where d.state = " PENDING " and d.webhook_id > "
#define IN_ORDER " order by d.webhook_id, d.next_at limit 1)"

#define ROW      CLAIM_ROW_WITHIN("$9::int8")
#define JOIN     CLAIM_JOIN("")

#define DUE      "state = " PENDING " and next_at <= now()"

/* width is core/gate.c's gate_width(). The rate is GCRA, as in store/lua/common.lua: an arrival further away than a
 * burst counts for nothing. Shares are as in store/lua/claim.lua: who has some of what is shared may take three times
 * as much as it leaves. */
const struct db_stmt stmt_work_claim_due = {
    "work_claim_due",
    "with recursive lock as materialized ("
    " select pg_try_advisory_xact_lock(" LOCK_KEY ") as mine"
    "), due as materialized ("
    " select mine, mine and exists (select from delivery where " DUE " and " NOT_LEASED
    "  ) as there from lock"
    "), walk as ("
    " select " FIRST_BEHIND "$1::uuid" IN_ORDER " as id, 1 as n from due where there"
    " union all"
    " select " FIRST_BEHIND "walk.id" IN_ORDER ", n + 1 from walk"
    "  where id is not null and n < $4::int8"
    "), near as ("
    " select id from walk where id is not null union select webhook_id from ("
    "  select d.webhook_id from due cross join lateral ("
    "   select webhook_id, next_at from delivery where due.there and " DUE
    "   order by next_at desc limit " NEWEST ") d) newest"
    "), w as materialized ("
    " select w.*, count(*) over () as many,"
    "  coalesce(floor(burst - ahead_ms / step_ms + 0.001), " NO_LIMIT ")::int8 as tokens"
    " from near cross join lateral ("
    "  select w.id, w.app_id, burst, step_ms,"
    "   case when gate_openings > 0 then 1"
    "    when gate_limit between 1000 and concurrency * 1000::int8 then gate_limit / 1000"
    "    else " AT_ONCE " end as width,"
    "   coalesce(greatest(ms_of(gate_until) - ms_of(now()), 0), 0) as closed_ms,"
    "   case when rate_at > now()"
    "    and rate_at <= now() + (burst + 0.01) * step_ms * interval '1 ms'"
    "    then extract(epoch from rate_at - now())::float8 * 1000 else 0 end as ahead_ms"
    "  from webhook w cross join lateral (select greatest(rate_limit / 10, 1) as burst,"
    "   1000::float8 / rate_limit as step_ms) rate"
    "  where w.id = near.id and w.status = " ACTIVE " and w.deleted_at is null offset 0) w"
    "), q as materialized ("
    " select w.*, d.id as delivery, d.next_at, d.leased,"
    "  row_number() over (partition by w.id, d.leased order by d.next_at, d.id) as place,"
    "  count(*) filter (where d.leased) over (partition by w.id) as busy"
    " from w cross join lateral ("
    "  select id, next_at, not " NOT_LEASED " as leased from delivery d"
    "  where d.webhook_id = w.id and " DUE " and not test order by d.webhook_id, next_at"
    "  limit w.width + greatest(8, 2 * $5::int8 / w.many)) d where w.closed_ms = 0"
    "), p as materialized ("
    " select id, delivery, ahead_ms, step_ms from ("
    "  select q.*, app_share,"
    "   row_number() over (partition by app_id order by place, next_at) as app_place"
    "  from q left join unnest($7::uuid[], $8::int8[]) as h (app_id, count) using (app_id)"
    "  cross join lateral (select coalesce(h.count, 0) as held) has cross join lateral (select"
    "   greatest((3 * $6::int8 - held) / 4, case when held > 0 then 0 else 1 end) as app_share,"
    "   least(busy, held) as own) share"
    "  where not leased and place <= least(width - busy, tokens,"
    "   greatest((3 * app_share - own) / 4, case when own > 0 then 0 else 1 end))) x"
    " where app_place <= app_share order by app_place, place, next_at limit $5::int8"
    "), rate as ("
    " update webhook set rate_at = now() + (n.ahead_ms + n.count * n.step_ms) * interval '1 ms'"
    " from (select id, ahead_ms, step_ms, count(*) from p where step_ms is not null"
    "  group by id, ahead_ms, step_ms order by id) n where webhook.id = n.id"
    "), picked as materialized (("
    "  select d.id from due cross join lateral (select id from delivery"
    "   where due.mine and test and " DUE " and " NOT_LEASED " order by next_at"
    "   limit " TESTS_MAX ") d"
    " ) union all select delivery from p limit $5::int8"
    "), c as ("
    " update delivery d set " CLAIM_SET " from picked, webhook w"
    " where d.id = picked.id and w.id = d.webhook_id and d.state + 0 = " PENDING
    "  and d.next_at + interval '0 s' <= now() and " NOT_LEASED " " CLAIM_RETURNING CLAIM_NOTED
    "), answer as ("
    " select due.mine, (select id from walk order by n desc limit 1) as after,"
    "  (select count(*) from q where not leased and place <= tokens)"
    "   > (select count(*) from p) as left_out,"
    "  least((select ms_of(next_at) - ms_of(now()) from delivery"
    "    where state = " PENDING
    " and next_at > now() and next_at < 'infinity' order by next_at limit 1),"
    "   (select min(closed_ms) from w where closed_ms > 0),"
    "   (select min(ahead_ms + (tokens - burst + 1) * step_ms) from q"
    "    where not leased and place = tokens + 1)::int8) as next_ms from due"
    ") select " ROW ","
    "  answer.mine, answer.after, answer.left_out, coalesce(answer.next_ms, -1)::int8"
    " from answer left join (" CLAIMS_OF("c") CLAIM_LANES JOIN ") on true",
    9};

enum { MINE = CLAIM_COLUMNS, AFTER, LEFT, NEXT_MS };

struct db_op *work_claim_due(struct db *db, const struct work_ask *ask, int64_t token,
                             int64_t owner, db_cb *cb, void *arg)
{
    const struct queue_room *room = &ask->room;
    struct db_args args =
        DB_ARGS(DB_ID(ask->after), DB_I64(token), DB_I64(owner), DB_I64(ask->webhooks),
                DB_I64((int64_t)room->max), DB_I64((int64_t)room->free));

    DB_ARRAY(&args, DB_TYPE_ID, room->held_count, DB_ID(room->held[i].app));
    DB_ARRAY(&args, DB_TYPE_I64, room->held_count, DB_I64(room->held[i].count));
    db_arg(&args, DB_I64(ask->bytes));
    return store_exec(db, &stmt_work_claim_due, args, cb, arg);
}

size_t claims_read_due(const struct db_rows *rows, struct work_due *due, struct queue_ref *refs)
{
    int all = db_null(rows, 0, CLAIM_ID) ? 0 : db_count(rows);
    size_t count = 0;

    *due = (struct work_due){
        .mine = db_bool(rows, 0, MINE),
        .end = db_null(rows, 0, AFTER),
        .left = db_bool(rows, 0, LEFT),
        .next_ms = db_i64(rows, 0, NEXT_MS),
    };
    if (!due->end)
        due->after = db_id(rows, 0, AFTER);
    for (int i = 0; i < all; i++)
        refs[count++] = queue_ref_of(db_id(rows, i, CLAIM_ID), db_id(rows, i, CLAIM_WEBHOOK),
                                     db_id(rows, i, CLAIM_APP), db_bool(rows, i, CLAIM_TEST));
    return count;
}
