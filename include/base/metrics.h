/* Numbers about this process, for whoever watches it: one table (metrics.c) of all that is counted. README.md lists the
 * same names; a test holds them equal. None is of an app, a webhook or anything else that people make: there are as many
 * as the table has.
 *
 * Each thread adds to numbers of its own, without a lock; what is shown is their sum. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

enum metric {
    /* Met limits that are options, in the order of their table. */
    METRIC_IN_FLIGHT_MET,
    METRIC_WORKER_MIB_MET,
    METRIC_LOOKUPS_MET,
    METRIC_LOOKUPS_PER_APP_MET,
    METRIC_TESTS_PER_APP_MET,
    METRIC_CONNECTIONS_PER_ADDRESS_MET,
    METRIC_LISTS_PER_APP_MET,
    METRIC_STREAMS_MET,
    METRIC_STREAMS_PER_APP_MET,
    METRIC_WEBHOOKS_PER_APP_MET,
    METRIC_SOURCES_PER_APP_MET,
    METRIC_EVENT_TYPES_PER_APP_MET,
    METRIC_KEY_LOOKUPS_MET,
    METRIC_BODIES_MIB_MET,
    METRIC_ANSWERS_MIB_MET,
    METRIC_AUDIT_ROWS_MET,
    METRIC_REQUESTS_PER_KEY_MET,

    /* And those that are none. */
    METRIC_CONNECTIONS_MET,
    METRIC_TESTS_MET,
    METRIC_ACCEPTING_MET,
    METRIC_PORTALS_PER_APP_MET,
    METRIC_JOBS_PER_APP_MET,
    METRIC_FANOUTS_PER_APP_MET,
    METRIC_STATEMENTS_MET,
    METRIC_FILES_MET,

    METRIC_BUDGET_WORKER,
    METRIC_BUDGET_BODIES,
    METRIC_BUDGET_STRANGE_BODIES,
    METRIC_BUDGET_ANSWERS,
    METRIC_BUDGET_ACCEPTING,
    METRIC_BUDGET_LIMIT_WORKER,
    METRIC_BUDGET_LIMIT_BODIES,
    METRIC_BUDGET_LIMIT_STRANGE_BODIES,
    METRIC_BUDGET_LIMIT_ANSWERS,
    METRIC_BUDGET_LIMIT_ACCEPTING,

    METRIC_IN_FLIGHT,
    METRIC_PLACES,
    METRIC_PLACES_LIMIT,
    METRIC_CONNECTIONS,
    METRIC_CONNECTIONS_LIMIT,

    METRIC_HELD_LOOKUPS,
    METRIC_HELD_GUESSES,
    METRIC_HELD_TESTS,
    METRIC_HELD_LISTS,
    METRIC_HELD_STREAMS,

    METRIC_WAITING_ACCEPT,
    METRIC_WAITING_STATEMENTS,
    METRIC_WAITING_REDIS,
    METRIC_WAITING_LOOKUPS,
    METRIC_WAITING_RECORD,

    METRIC_DIRECT_MODE,

    METRIC_DATABASE_READY,
    METRIC_DATABASE_WANTED,
    METRIC_REDIS_READY,
    METRIC_REDIS_WANTED,

    /* Of the ledger: what a worker counted last. */
    METRIC_LEDGER_DUE,
    METRIC_LEDGER_WAITING,
    METRIC_LEDGER_HELD,
    METRIC_LEDGER_OLDEST, /* microseconds */

    METRIC_EVENTS_ACCEPTED,
    METRIC_ATTEMPTS_SUCCEEDED,
    METRIC_ATTEMPTS_FAILED,

    /* Why they failed, in the order of enum attempt_error, which the first of them is for. */
    METRIC_ERROR_FIRST,
    METRIC_ERROR_BAD_URL = METRIC_ERROR_FIRST,
    METRIC_ERROR_DNS_FAILED,
    METRIC_ERROR_FORBIDDEN,
    METRIC_ERROR_CONNECT_FAILED,
    METRIC_ERROR_TLS_FAILED,
    METRIC_ERROR_TIMED_OUT,
    METRIC_ERROR_CONNECTION_LOST,
    METRIC_ERROR_BAD_RESPONSE,
    METRIC_ERROR_HTTP_STATUS,
    METRIC_ERROR_REDIRECT,
    METRIC_ERROR_GONE,
    METRIC_ERROR_INTERNAL,
    METRIC_ERROR_UNRECORDED,
    METRIC_ERROR_UNSENDABLE,
    METRIC_ERROR_TOKEN_FAILED,

    METRIC_RETRIES,
    METRIC_DELIVERIES_DELIVERED,
    METRIC_DELIVERIES_FAILED,
    METRIC_DELIVERIES_CRASHED,
    METRIC_WEBHOOKS_DISABLED,
    METRIC_AHEAD,

    METRIC_PUT_BACK_LOOKUPS,
    METRIC_PUT_BACK_FILES,
    METRIC_PUT_BACK_PROXY,
    METRIC_PUT_BACK_AHEAD,

    METRIC_ADDRESSES_FORBIDDEN,
    METRIC_ANSWERS_UNASKED,
    METRIC_REDIS_WRONG_REPLIES,
    METRIC_QUEUE_DROPPED,
    METRIC_LEASES_TAKEN_BACK,
    METRIC_LEASES_EXPIRED,
    METRIC_STATEMENTS_FAILED,
    METRIC_RECORDS_REFUSED,
    METRIC_RECORDS_LOCKED,
    METRIC_ACCEPTS_REFUSED,
    METRIC_JOB_STEPS_FAILED,
    METRIC_JOBS_FAILED,
    METRIC_PUBLISHED,
    METRIC_PUBLISHED_REFUSED,
    METRIC_LOG_SUPPRESSED,

    METRIC_BUILD, /* 1; its label is the version */

    METRIC_PROCESS_CPU, /* microseconds */
    METRIC_PROCESS_RESIDENT,
    METRIC_PROCESS_FILES,
    METRIC_PROCESS_FILES_LIMIT,

    METRIC_COUNT,
};

/* `n` more; of a gauge also less. Any thread. */
void metric_add(enum metric metric, int64_t n);

/* This thread's part of a gauge, or of a counter that somebody else counts. */
void metric_set(enum metric metric, int64_t value);

/* How long things take. */
enum histogram {
    HISTOGRAM_ACCEPT,        /* from a request's events to their 202 */
    HISTOGRAM_FIRST_ATTEMPT, /* from an event to the start of its first attempt */
    HISTOGRAM_ATTEMPT,
    HISTOGRAM_STATEMENT, /* of PostgreSQL, from sending to its answer */
    HISTOGRAM_REDIS,     /* likewise */
    HISTOGRAM_LOOP,      /* how much later than asked a timeout came */
    HISTOGRAM_COUNT,
};

/* One more, of so many microseconds; less than none counts as none. As metric_add(). */
void metric_observe(enum histogram histogram, int64_t us);

/* All of them as OpenMetrics 1.0 has it (https://prometheus.io/docs/specs/om/open_metrics_spec/#text-format), to the
 * end mark. At most METRICS_BYTES_MAX. Any thread. */
#define METRICS_BYTES_MAX ((size_t)64 << 10)
void metrics_write(struct buf *out);

#endif
