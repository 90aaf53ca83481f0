/* What both ways of claiming have in common, by ids (work_claim.c) and without them (work_direct.c): the token is $2,
 * the owner $3. */
#ifndef STORE_CLAIM_SQL_H
#define STORE_CLAIM_SQL_H

#include "sql.h"

/* Redis's clock and ours differ by less when all is well; nothing is sent earlier by more than that. */
#define SLACK "interval '5 ms'"

/* What goes along with what was claimed, in all and for each webhook. Data may grow in what is sent, so that not
 * all of it goes in one request: what is over is given back. */
#define ALONG_MAX       "4096"
#define ALONG_BYTES     "102400"
#define ALONG_BYTES_ALL "4194304"

/* What claiming does to a delivery d of a webhook w. What is leased is an attempt, and counted: the number that its
 * receiver may be told is nobody else's, whether or not what comes of it is ever recorded. */
#define CLAIM_SET                                                                       \
    "state = case when w.deleted_at is not null then " CANCELLED " when not d.test and" \
    " w.status <> " ACTIVE " then " HELD " else " PENDING " end,"                       \
    " completed_at = case when w.deleted_at is not null then now() end,"                \
    " lease_token = $2::int8, lease_owner = $3::int8,"                                  \
    " lease_until = case when " SENT " then now() + " LEASE " end,"                     \
    " attempts = least(d.attempts + case when " SENT " then 1 else 0 end, 32767)"

/* What is needed of a delivery that was claimed. */
#define CLAIMED(d)                                                                           \
    d ".id, " d ".event_id, " d ".webhook_id, " d ".app_id, " d ".state, " d ".attempts, " d \
      ".step, " d ".test, " d ".next_at, " d ".waits, " d ".waiting_since"

/* The claimed, c. */
#define CLAIM_RETURNING "returning " CLAIMED("d") ", w.batch_max"

/* s: what goes along with them. l: the claim's own row, by which its owner finds it. m: all of them with their events;
 * `bounds` of the events of c keep the planner off partitions. */
#define CLAIM_MEMBERS(bounds)                                                                  \
    "), g as ("                                                                                \
    " select webhook_id, batch_max - count(*) as most, count(*) over () as webhooks from c"    \
    " where batch_max > 1 and state = " PENDING " and not test group by webhook_id, batch_max" \
    "), s as materialized ("                                                                   \
    " select s.* from g"                                                                       \
    "  cross join lateral gather_claim(g.webhook_id, $2::int8, $3::int8, now() + " SLACK ","   \
    "   now() + " LEASE ", greatest(least(g.most, " ALONG_MAX " / g.webhooks), 0),"            \
    "   least(" ALONG_BYTES ", " ALONG_BYTES_ALL " / g.webhooks)) s"                           \
    "), l as ("                                                                                \
    " insert into lease (owner, token, ids) select $3::int8, $2::int8, array_agg(id) from ("   \
    "  select id from c where state = " PENDING " union all select id from s) x"               \
    " having count(*) > 0"                                                                     \
    "), m as ("                                                                                \
    " select " CLAIMED(                                                                        \
        "c") ", e.type, e.data, e.profile_options, false as along from c"                      \
             "  cross join lateral (select type, data, profile_options from event"             \
             "   where event.id = c.event_id " bounds " offset 0) e"                           \
             " union all select " CLAIMED(                                                     \
                 "s") ", e.type, e.data, e.profile_options, true from s"                       \
                      "  cross join lateral (select type, data, profile_options from event"    \
                      "   where event.id = s.event_id offset 0) e"

/* What is large goes to the first whose sizes, all those before it together, stay within a bound; what goes along
 * has its own. */
#define CLAIM_FITS(bytes)                                                                     \
    "(m.along or coalesce(sum(octet_length(m.data) + octet_length(w.headers)) over (order by" \
    " m.along, m.id rows between unbounded preceding and 1 preceding), 0) < " bytes ")"

/* What claims_read() reads, of m and its webhook w. */
#define CLAIM_ROW(bytes)                                                                         \
    "m.id, m.event_id, m.webhook_id, m.app_id, m.state::int8, m.attempts::int8, "                \
    "m.step::int8, m.test, m.along, ms_of(m.next_at), w.batch_max::int8, m.type, "               \
    "case when " CLAIM_FITS(                                                                     \
        bytes) " then m.data end, w.url, w.profile, "                                            \
               "coalesce(m.profile_options, w.profile_options), w.secret, " PREVIOUS_SECRET ", " \
               "case when " CLAIM_FITS(                                                          \
                   bytes) " then w.headers end, w.retry_schedule, "                              \
                          "w.timeout_ms::int8, m.waits::int8, ms_of(now()) - ms_of(m.waiting_since)"

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
    CLAIM_URL,
    CLAIM_PROFILE,
    CLAIM_OPTIONS,
    CLAIM_SECRET,
    CLAIM_PREVIOUS,
    CLAIM_HEADERS,
    CLAIM_SCHEDULE,
    CLAIM_TIMEOUT_MS,
    CLAIM_WAITS,
    CLAIM_WAITED_MS,
    CLAIM_COLUMNS
};

#endif
