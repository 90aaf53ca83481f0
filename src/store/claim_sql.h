/* What both ways of claiming have in common, by ids (work_claim.c) and without them (work_direct.c): the token is $2,
 * the owner $3. */
#ifndef STORE_CLAIM_SQL_H
#define STORE_CLAIM_SQL_H

#include "sql.h"
#include "store/work.h"

/* Redis's clock and ours differ by less when all is well; nothing is sent earlier by more than that. */
#define SLACK "interval '5 ms'"

/* Of what is claimed while an earlier lease of it has run out: most likely whoever had it is gone, with all its machine,
 * since nobody has its slot any more who would have taken it back. Whoever lives and may speak to PostgreSQL records in
 * time, or gives back, and ends its note of the claim when all of it has ended. It says nothing of the owner that a
 * lease ran out while PostgreSQL was away for everybody, or that it is the claimer's own. Who was merely cut off for that
 * long counts, but the next record begins the row anew: only four in a row, with no record between them, give a delivery
 * up, and that is five minutes at least. Looked at only where there is such a lease. */
#define LOST                                                                                       \
    "case when d.lease_until < now() and d.lease_owner <> $3::int8 then exists (select from lease" \
    "  where owner = d.lease_owner and token = d.lease_token and at > pg_postmaster_start_time())" \
    " else false end"
#define IS_SENT  "(" SENT ")"
#define GIVEN_UP CRASHES " >= " CRASH_MAX " and " IS_SENT " and " LOST
#define GOES     IS_SENT " and (" GIVEN_UP ") is not true"

/* When the lease of a delivery d ends that is leased now: at a whole millisecond, and a microsecond later if it takes the
 * place of one that ran out. Of an update only the new row comes back, and this is how its claimer hears of the old one. */
#define LEASE_NEW "date_trunc('milliseconds', now() + " LEASE ")"
#define LEASE_END \
    LEASE_NEW " + case when d.lease_until is null then interval '0' else interval '1 us' end"
#define TAKES_OVER(c) "(" c ".lease_until <> date_trunc('milliseconds', " c ".lease_until)) is true"

/* What claiming does to a delivery d of a webhook w. What is leased is an attempt, and counted: the number that its
 * receiver may be told is nobody else's, whether or not what comes of it is ever recorded. */
#define CLAIM_SET                                                                                \
    "state = case when w.deleted_at is not null then " CANCELLED " when " EXPIRED " then "       \
    " case when " REPLACED " or " IS_ERASED " then " CANCELLED " else " FAILED " end"            \
    "  when not d.test and w.status <> " ACTIVE " then " HELD "  when " GIVEN_UP " then " FAILED \
    " else " PENDING " end,"                                                                     \
    " completed_at = case when w.deleted_at is not null or " EXPIRED " or (" GIVEN_UP            \
    ") then now() end,"                                                                          \
    " last_error = case when " GIVEN_UP " then " ERROR_CRASHED "  when (" EXPIRED                \
    ") is not true then d.last_error"                                                            \
    "  when " REPLACED " then " ERROR_SUPERSEDED "  when " IS_ERASED " then " ERROR_ERASED       \
    " else " ERROR_EXPIRED " end,"                                                               \
    " lease_token = $2::int8, lease_owner = $3::int8,"                                           \
    " lease_until = case when " GOES " then " LEASE_END " end,"                                  \
    " attempts = least(d.attempts + case when " GOES " then 1 else 0 end, 32767),"               \
    " crashes = case when " IS_SENT " and " LOST " then " CRASHES " else d.crashes end"
#define REPLACED  "d.expires_at = '-infinity'" /* while it was in flight */
#define IS_ERASED "d.expires_at = " ERASED     /* likewise */

/* What is needed of a delivery that was claimed. */
#define CLAIMED(d)                                                                           \
    d ".id, " d ".event_id, " d ".webhook_id, " d ".app_id, " d ".state, " d ".attempts, " d \
      ".step, " d ".test, " d ".next_at, " d ".waits, " d ".waiting_since, " d ".lane, " d   \
      ".crashes, " d ".lease_until"

/* The claimed are c; l notes them as what their owner has. */
#define CLAIM_RETURNING "returning " CLAIMED("d")
#define CLAIM_NOTED                                                                          \
    "), l as ("                                                                              \
    " insert into lease (owner, token, ids) select $3::int8, $2::int8, array_agg(id) from c" \
    "  where state = " PENDING " having count(*) > 0"

/* Of an answer's deliveries of one event the first brings its data, if that is not large. They stand together, since
 * ids begin as their events' do; events that begin alike may bring theirs twice. */
#define CLAIMS_OF(claimed)                                                                          \
    "(select *, lag(event_id) over (order by id) is distinct from event_id as brings from " claimed \
    ") c"
#define CLAIM_BRINGS "c.brings and e.size <= " TEXT_OF(WORK_DATA_MAX)

/* What else is large goes to the first whose sizes, all those before it together, stay within a bound. */
#define CLAIM_FITS(bytes)                                                      \
    "coalesce(sum(case when " CLAIM_BRINGS                                     \
    " then e.size else 0 end + octet_length(w.headers) + octet_length(w.tls))" \
    " over (order by c.id rows between unbounded preceding and 1 preceding), 0) < " bytes

/* What claims_read() reads: of c, its event e and its webhook w. When it was due is for retries to know. */
#define CLAIM_ROW(fits, along, asleep, woken)                                               \
    "c.id, c.event_id, c.webhook_id, c.app_id, c.state::int8, c.attempts::int8, "           \
    "c.step::int8, c.test, " along ", case when c.attempts > 1 then ms_of(c.next_at) end, " \
    "w.batch_max::int8, e.type, case when " CLAIM_BRINGS " and " fits                       \
    " then e.data end, e.size, " fits ", w.url, w.profile, "                                \
    "coalesce(e.profile_options, w.profile_options), " SIGNING_SECRET ", " PREVIOUS_SECRET  \
    ", case when " fits " then w.headers end"                                               \
    ", w.auth, case when " fits                                                             \
    " then w.tls end, w.retry_schedule, w.timeout_ms::int8, c.waits::int8, "                \
    "ms_of(now()) - ms_of(c.waiting_since), "                                               \
    "w.gate_failures > 0 or w.gate_limit > 0 or w.gate_openings > 0, " asleep ", " woken    \
    ", w.concurrency::int8, w.rate_limit::int8, coalesce(c.crashes, 0)::int8, " TAKES_OVER("c")
#define CLAIM_ROW_WITHIN(bytes) CLAIM_ROW(CLAIM_FITS(bytes), "false", "t.asleep", "t.woken")
#define CLAIM_ROW_OF(along)     CLAIM_ROW("true", along, "false", "null::uuid")

/* t: those that have a lane, looked at when all are leased, and only when there is such: who is not the first of his
 * is asleep again when his row comes back. */
#define CLAIM_LANES                                                   \
    " left join lanes_claim((select array_agg(id order by id) from c" \
    "  where lane is not null)) t on t.id = c.id"

/* Bounds of the events keep the planner off partitions. */
#define CLAIM_JOIN(bounds)                                                                      \
    " cross join lateral (select type, data, octet_length(data)::int8 as size, profile_options" \
    "  from event"                                                                              \
    "  where event.id = c.event_id " bounds " offset 0) e"                                      \
    " join webhook w on w.id = c.webhook_id"

enum {
    CLAIM_ID,
    CLAIM_EVENT,
    CLAIM_WEBHOOK,
    CLAIM_APP,
    CLAIM_STATE,
    CLAIM_ATTEMPTS,
    CLAIM_STEP,
    CLAIM_TEST,
    CLAIM_ALONG,
    CLAIM_DUE,
    CLAIM_BATCH_MAX,
    CLAIM_TYPE,
    CLAIM_DATA,
    CLAIM_SIZE,
    CLAIM_FIT,
    CLAIM_URL,
    CLAIM_PROFILE,
    CLAIM_OPTIONS,
    CLAIM_SECRET,
    CLAIM_PREVIOUS,
    CLAIM_HEADERS,
    CLAIM_AUTH,
    CLAIM_TLS,
    CLAIM_SCHEDULE,
    CLAIM_TIMEOUT_MS,
    CLAIM_WAITS,
    CLAIM_WAITED_MS,
    CLAIM_GATED,
    CLAIM_ASLEEP,
    CLAIM_WOKEN,
    CLAIM_CONCURRENCY,
    CLAIM_RATE_LIMIT,
    CLAIM_CRASHES,
    CLAIM_TAKES_OVER,
    CLAIM_COLUMNS
};

#endif
