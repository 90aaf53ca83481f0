/* The table of metrics, and a block of numbers for each thread. Blocks stay when their thread is gone: counters do not
 * go back. */
#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

struct family {
    const char *name;
    enum { COUNTER, GAUGE } type;
    const char *unit;  /* which the name ends with; "": none */
    const char *label; /* "": there is one metric, without a label */
    const char *help;
};

enum {
    LIMIT_REACHED,
    BUDGET,
    BUDGET_LIMIT,
    IN_FLIGHT,
    PLACES,
    PLACES_LIMIT,
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    HELD,
    WAITING,
    DIRECT_MODE,
    EVENTS_ACCEPTED,
    ATTEMPTS,
    DELIVERIES_FAILED,
    DELIVERIES_CRASHED,
    WEBHOOKS_DISABLED,
    PUT_BACK,
    ADDRESSES_FORBIDDEN,
    ANSWERS_UNASKED,
    REDIS_WRONG_REPLIES,
    QUEUE_DROPPED,
    LEASES_TAKEN_BACK,
    LEASES_EXPIRED,
    STATEMENTS_FAILED,
    RECORDS_REFUSED,
    RECORDS_LOCKED,
    ACCEPTS_REFUSED,
    JOB_STEPS_FAILED,
    JOBS_FAILED,
    LOG_SUPPRESSED,
    PROCESS_CPU,
    PROCESS_RESIDENT,
    PROCESS_FILES,
    PROCESS_FILES_LIMIT,
    FAMILY_COUNT,
};

static const struct family families[FAMILY_COUNT] = {
    [LIMIT_REACHED] = {"posthorn_limit_reached", COUNTER, "", "limit",
                       "Times that something was refused, put off or made to wait by a limit"},
    [BUDGET] = {"posthorn_budget_bytes", GAUGE, "bytes", "budget",
                "Bytes that are taken of what is bounded by its bytes"},
    [BUDGET_LIMIT] = {"posthorn_budget_limit_bytes", GAUGE, "bytes", "budget",
                      "Bytes that may be taken, in all threads"},
    [IN_FLIGHT] = {"posthorn_in_flight_deliveries", GAUGE, "", "",
                   "Deliveries in workers' hands, from claim to record"},
    [PLACES] = {"posthorn_places", GAUGE, "", "", "Places that they take"},
    [PLACES_LIMIT] = {"posthorn_places_limit", GAUGE, "", "", "Places that there are"},
    [CONNECTIONS] = {"posthorn_connections", GAUGE, "", "", "Connections of clients of the API"},
    [CONNECTIONS_LIMIT] = {"posthorn_connections_limit", GAUGE, "", "",
                           "Connections that there may be"},
    [HELD] = {"posthorn_held", GAUGE, "", "what",
              "Requests to the API that have something which is bounded in number"},
    [WAITING] = {"posthorn_waiting", GAUGE, "", "queue", "What waits inside this process"},
    [DIRECT_MODE] = {"posthorn_direct_mode", GAUGE, "", "",
                     "Worker threads that ask PostgreSQL what to send, because Redis is away"},
    [EVENTS_ACCEPTED] = {"posthorn_events_accepted", COUNTER, "", "",
                         "Events that were answered with 202"},
    [ATTEMPTS] = {"posthorn_attempts", COUNTER, "", "result", "Attempts that ended"},
    [DELIVERIES_FAILED] = {"posthorn_deliveries_failed", COUNTER, "", "",
                           "Deliveries that no attempt is left of"},
    [DELIVERIES_CRASHED] = {"posthorn_deliveries_crashed", COUNTER, "", "",
                            "Deliveries that were given up as worker_crashed"},
    [WEBHOOKS_DISABLED] = {"posthorn_webhooks_disabled", COUNTER, "", "",
                           "Webhooks that were disabled because of their receivers"},
    [PUT_BACK] = {"posthorn_deliveries_put_back", COUNTER, "", "reason",
                  "Deliveries that were not sent for want of something, and go again"},
    [ADDRESSES_FORBIDDEN] = {"posthorn_addresses_forbidden", COUNTER, "", "",
                             "Requests that would have gone to an address that is not public"},
    [ANSWERS_UNASKED] = {"posthorn_answers_unasked", COUNTER, "", "",
                         "Connections that ended because their receiver sent more than its answer"},
    [REDIS_WRONG_REPLIES] = {"posthorn_redis_wrong_replies", COUNTER, "", "",
                             "Replies of Redis that it cannot have meant"},
    [QUEUE_DROPPED] = {"posthorn_queue_dropped", COUNTER, "", "",
                       "Entries that Redis was not told of, and is given later by the ledger"},
    [LEASES_TAKEN_BACK] = {"posthorn_leases_taken_back", COUNTER, "", "",
                           "Deliveries that were in nobody's hands any more"},
    [LEASES_EXPIRED] = {"posthorn_leases_expired", COUNTER, "", "",
                        "Deliveries that were sent anew since their lease had run out"},
    [STATEMENTS_FAILED] = {"posthorn_statements_failed", COUNTER, "", "",
                           "Statements that PostgreSQL refused"},
    [RECORDS_REFUSED] = {"posthorn_records_refused", COUNTER, "", "",
                         "Times that PostgreSQL refused what came of a single attempt"},
    [RECORDS_LOCKED] = {"posthorn_records_locked", COUNTER, "", "",
                        "Attempts that waited to be recorded for another session's locks"},
    [ACCEPTS_REFUSED] = {"posthorn_accepts_refused", COUNTER, "", "",
                         "Requests whose events PostgreSQL refused"},
    [JOB_STEPS_FAILED] = {"posthorn_job_steps_failed", COUNTER, "", "",
                          "Steps of jobs that failed"},
    [JOBS_FAILED] = {"posthorn_jobs_failed", COUNTER, "", "", "Jobs that were given up"},
    [LOG_SUPPRESSED] = {"posthorn_log_suppressed", COUNTER, "", "",
                        "Lines that the log left out because there were too many of a kind"},
    [PROCESS_CPU] = {"process_cpu_seconds", COUNTER, "seconds", "",
                     "Processor time of all threads"},
    [PROCESS_RESIDENT] = {"process_resident_memory_bytes", GAUGE, "bytes", "", "Memory in use"},
    [PROCESS_FILES] = {"process_open_fds", GAUGE, "", "", "Open files"},
    [PROCESS_FILES_LIMIT] = {"process_max_fds", GAUGE, "", "", "Open files that there may be"},
};

/* Limits that are options have their names. */
static const struct {
    int family;
    const char *value; /* of the label */
} metrics[METRIC_COUNT] = {
    [METRIC_IN_FLIGHT_MET] = {LIMIT_REACHED, "POSTHORN_WORKER_IN_FLIGHT"},
    [METRIC_WORKER_MIB_MET] = {LIMIT_REACHED, "POSTHORN_WORKER_MIB"},
    [METRIC_LOOKUPS_MET] = {LIMIT_REACHED, "POSTHORN_DNS_LOOKUPS"},
    [METRIC_LOOKUPS_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_DNS_LOOKUPS_PER_APP"},
    [METRIC_TESTS_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_TESTS_PER_APP"},
    [METRIC_CONNECTIONS_PER_ADDRESS_MET] = {LIMIT_REACHED, "POSTHORN_CONNECTIONS_PER_ADDRESS"},
    [METRIC_LISTS_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_LISTS_PER_APP"},
    [METRIC_WEBHOOKS_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_WEBHOOKS_PER_APP"},
    [METRIC_KEY_LOOKUPS_MET] = {LIMIT_REACHED, "POSTHORN_KEY_LOOKUPS"},
    [METRIC_BODIES_MIB_MET] = {LIMIT_REACHED, "POSTHORN_BODIES_MIB"},
    [METRIC_ANSWERS_MIB_MET] = {LIMIT_REACHED, "POSTHORN_ANSWERS_MIB"},
    [METRIC_AUDIT_ROWS_MET] = {LIMIT_REACHED, "POSTHORN_AUDIT_ROWS_PER_APP"},
    [METRIC_REQUESTS_PER_KEY_MET] = {LIMIT_REACHED, "POSTHORN_REQUESTS_PER_KEY"},
    [METRIC_CONNECTIONS_MET] = {LIMIT_REACHED, "connections"},
    [METRIC_TESTS_MET] = {LIMIT_REACHED, "tests"},
    [METRIC_ACCEPTING_MET] = {LIMIT_REACHED, "accepting"},
    [METRIC_JOBS_PER_APP_MET] = {LIMIT_REACHED, "jobs_per_app"},
    [METRIC_FANOUTS_PER_APP_MET] = {LIMIT_REACHED, "fanouts_per_app"},
    [METRIC_STATEMENTS_MET] = {LIMIT_REACHED, "statements"},
    [METRIC_FILES_MET] = {LIMIT_REACHED, "open_files"},
    [METRIC_BUDGET_WORKER] = {BUDGET, "worker"},
    [METRIC_BUDGET_BODIES] = {BUDGET, "bodies"},
    [METRIC_BUDGET_STRANGE_BODIES] = {BUDGET, "strange_bodies"},
    [METRIC_BUDGET_ANSWERS] = {BUDGET, "answers"},
    [METRIC_BUDGET_ACCEPTING] = {BUDGET, "accepting"},
    [METRIC_BUDGET_LIMIT_WORKER] = {BUDGET_LIMIT, "worker"},
    [METRIC_BUDGET_LIMIT_BODIES] = {BUDGET_LIMIT, "bodies"},
    [METRIC_BUDGET_LIMIT_STRANGE_BODIES] = {BUDGET_LIMIT, "strange_bodies"},
    [METRIC_BUDGET_LIMIT_ANSWERS] = {BUDGET_LIMIT, "answers"},
    [METRIC_BUDGET_LIMIT_ACCEPTING] = {BUDGET_LIMIT, "accepting"},
    [METRIC_IN_FLIGHT] = {IN_FLIGHT, ""},
    [METRIC_PLACES] = {PLACES, ""},
    [METRIC_PLACES_LIMIT] = {PLACES_LIMIT, ""},
    [METRIC_CONNECTIONS] = {CONNECTIONS, ""},
    [METRIC_CONNECTIONS_LIMIT] = {CONNECTIONS_LIMIT, ""},
    [METRIC_HELD_LOOKUPS] = {HELD, "key_lookups"},
    [METRIC_HELD_GUESSES] = {HELD, "key_guesses"},
    [METRIC_HELD_TESTS] = {HELD, "tests"},
    [METRIC_HELD_LISTS] = {HELD, "lists"},
    [METRIC_WAITING_ACCEPT] = {WAITING, "accept"},
    [METRIC_WAITING_STATEMENTS] = {WAITING, "statements"},
    [METRIC_WAITING_REDIS] = {WAITING, "redis"},
    [METRIC_WAITING_LOOKUPS] = {WAITING, "lookups"},
    [METRIC_WAITING_RECORD] = {WAITING, "record"},
    [METRIC_DIRECT_MODE] = {DIRECT_MODE, ""},
    [METRIC_EVENTS_ACCEPTED] = {EVENTS_ACCEPTED, ""},
    [METRIC_ATTEMPTS_SUCCEEDED] = {ATTEMPTS, "success"},
    [METRIC_ATTEMPTS_FAILED] = {ATTEMPTS, "failure"},
    [METRIC_DELIVERIES_FAILED] = {DELIVERIES_FAILED, ""},
    [METRIC_DELIVERIES_CRASHED] = {DELIVERIES_CRASHED, ""},
    [METRIC_WEBHOOKS_DISABLED] = {WEBHOOKS_DISABLED, ""},
    [METRIC_PUT_BACK_LOOKUPS] = {PUT_BACK, "lookups"},
    [METRIC_PUT_BACK_FILES] = {PUT_BACK, "open_files"},
    [METRIC_ADDRESSES_FORBIDDEN] = {ADDRESSES_FORBIDDEN, ""},
    [METRIC_ANSWERS_UNASKED] = {ANSWERS_UNASKED, ""},
    [METRIC_REDIS_WRONG_REPLIES] = {REDIS_WRONG_REPLIES, ""},
    [METRIC_QUEUE_DROPPED] = {QUEUE_DROPPED, ""},
    [METRIC_LEASES_TAKEN_BACK] = {LEASES_TAKEN_BACK, ""},
    [METRIC_LEASES_EXPIRED] = {LEASES_EXPIRED, ""},
    [METRIC_STATEMENTS_FAILED] = {STATEMENTS_FAILED, ""},
    [METRIC_RECORDS_REFUSED] = {RECORDS_REFUSED, ""},
    [METRIC_RECORDS_LOCKED] = {RECORDS_LOCKED, ""},
    [METRIC_ACCEPTS_REFUSED] = {ACCEPTS_REFUSED, ""},
    [METRIC_JOB_STEPS_FAILED] = {JOB_STEPS_FAILED, ""},
    [METRIC_JOBS_FAILED] = {JOBS_FAILED, ""},
    [METRIC_LOG_SUPPRESSED] = {LOG_SUPPRESSED, ""},
    [METRIC_PROCESS_CPU] = {PROCESS_CPU, ""},
    [METRIC_PROCESS_RESIDENT] = {PROCESS_RESIDENT, ""},
    [METRIC_PROCESS_FILES] = {PROCESS_FILES, ""},
    [METRIC_PROCESS_FILES_LIMIT] = {PROCESS_FILES_LIMIT, ""},
};

/* --- counting --------------------------------------------------------------------------------- */

/* Written by its thread alone, so that a plain load and store do. */
struct block {
    _Atomic int64_t at[METRIC_COUNT];
    struct block *next;
};

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;
static _Thread_local struct block *own;

static struct block *block_create(void)
{
    struct block *block = xcalloc(1, sizeof *block);

    pthread_mutex_lock(&blocks_lock);
    block->next = blocks;
    blocks = block;
    pthread_mutex_unlock(&blocks_lock);
    return block;
}

static _Atomic int64_t *own_part(enum metric metric)
{
    if (own == NULL)
        own = block_create();
    return &own->at[metric];
}

void metric_add(enum metric metric, int64_t n)
{
    _Atomic int64_t *part = own_part(metric);
    int64_t value = atomic_load_explicit(part, memory_order_relaxed) + n;
    atomic_store_explicit(part, value, memory_order_relaxed);
}

void metric_set(enum metric metric, int64_t value)
{
    atomic_store_explicit(own_part(metric), value, memory_order_relaxed);
}

/* --- showing ---------------------------------------------------------------------------------- */

static void sum(int64_t sums[METRIC_COUNT])
{
    pthread_mutex_lock(&blocks_lock);
    for (const struct block *b = blocks; b != NULL; b = b->next)
        for (size_t m = 0; m < METRIC_COUNT; m++)
            sums[m] += atomic_load_explicit(&b->at[m], memory_order_relaxed);
    pthread_mutex_unlock(&blocks_lock);
}

static void write_metadata(struct buf *out, const struct family *f)
{
    buf_printf(out, "# TYPE %s %s\n", f->name, f->type == COUNTER ? "counter" : "gauge");
    if (f->unit[0] != '\0')
        buf_printf(out, "# UNIT %s %s\n", f->name, f->unit);
    buf_printf(out, "# HELP %s %s.\n", f->name, f->help);
}

static void write_metric(struct buf *out, enum metric metric, int64_t value)
{
    const struct family *f = &families[metrics[metric].family];

    buf_printf(out, "%s%s", f->name, f->type == COUNTER ? "_total" : "");
    if (f->label[0] != '\0')
        buf_printf(out, "{%s=\"%s\"}", f->label, metrics[metric].value);
    if (metric == METRIC_PROCESS_CPU)
        buf_printf(out, " %" PRId64 ".%06" PRId64 "\n", value / 1000000, value % 1000000);
    else
        buf_printf(out, " %" PRId64 "\n", value);
}

void metrics_write(struct buf *out)
{
    int64_t sums[METRIC_COUNT] = {0};

    sum(sums);
    for (int family = 0; family < FAMILY_COUNT; family++) {
        write_metadata(out, &families[family]);
        for (int m = 0; m < METRIC_COUNT; m++)
            if (metrics[m].family == family)
                write_metric(out, (enum metric)m, sums[m]);
    }
    buf_add_text(out, "# EOF\n");
}
