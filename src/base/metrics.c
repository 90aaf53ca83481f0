/* The table of metrics, and a block of numbers for each thread. Blocks stay when their thread is gone: counters do not
 * go back. */
#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

struct family {
    const char *name;
    enum {
        COUNTER,
        GAUGE,
        GREATEST
    } type;            /* GREATEST: a gauge that several threads tell of the same */
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
    DATABASE,
    REDIS,
    LEDGER,
    LEDGER_OLDEST,
    EVENTS_ACCEPTED,
    ATTEMPTS,
    ATTEMPT_ERRORS,
    RETRIES,
    DELIVERED,
    DELIVERIES_FAILED,
    DELIVERIES_CRASHED,
    WEBHOOKS_DISABLED,
    AHEAD,
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
    PUBLISHED,
    PUBLISHED_REFUSED,
    LOG_SUPPRESSED,
    BUILD,
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
    [DATABASE] = {"posthorn_postgres_connections", GAUGE, "", "state",
                  "Connections to PostgreSQL that are ready, and those that there should be"},
    [REDIS] = {"posthorn_redis_connections", GAUGE, "", "state",
               "Connections to Redis that are ready, and those that there should be"},
    [LEDGER] = {"posthorn_ledger_deliveries", GREATEST, "", "state",
                "Deliveries in the ledger, by the last count, which ends at 20000"},
    [LEDGER_OLDEST] = {"posthorn_ledger_oldest_due_seconds", GREATEST, "seconds", "",
                       "How long the delivery that is due the longest has been due"},
    [EVENTS_ACCEPTED] = {"posthorn_events_accepted", COUNTER, "", "",
                         "Events that were answered with 202"},
    [ATTEMPTS] = {"posthorn_attempts", COUNTER, "", "result", "Attempts that ended"},
    [ATTEMPT_ERRORS] = {"posthorn_attempt_errors", COUNTER, "", "code", "Attempts that failed"},
    [RETRIES] = {"posthorn_retries", COUNTER, "", "", "Attempts that were not a delivery's first"},
    [DELIVERED] = {"posthorn_deliveries_delivered", COUNTER, "", "",
                   "Deliveries that their receiver took"},
    [DELIVERIES_FAILED] = {"posthorn_deliveries_failed", COUNTER, "", "",
                           "Deliveries that no attempt is left of"},
    [DELIVERIES_CRASHED] = {"posthorn_deliveries_crashed", COUNTER, "", "",
                            "Deliveries that were given up as worker_crashed"},
    [WEBHOOKS_DISABLED] = {"posthorn_webhooks_disabled", COUNTER, "", "",
                           "Webhooks that were disabled because of their receivers"},
    [AHEAD] = {"posthorn_deliveries_ahead", COUNTER, "", "",
               "Deliveries that were claimed ahead, and began when another ended"},
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
    [PUBLISHED] = {"posthorn_events_published", COUNTER, "", "",
                   "Events that came by posthorn.publish()"},
    [PUBLISHED_REFUSED] = {"posthorn_publish_refused", COUNTER, "", "",
                           "Calls of posthorn.publish() that did not become events"},
    [LOG_SUPPRESSED] = {"posthorn_log_suppressed", COUNTER, "", "",
                        "Lines that the log left out because there were too many of a kind"},
    [BUILD] = {"posthorn_build_info", GREATEST, "", "version", "The program"},
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
    [METRIC_STREAMS_MET] = {LIMIT_REACHED, "POSTHORN_STREAMS"},
    [METRIC_STREAMS_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_STREAMS_PER_APP"},
    [METRIC_WEBHOOKS_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_WEBHOOKS_PER_APP"},
    [METRIC_SOURCES_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_SOURCES_PER_APP"},
    [METRIC_EVENT_TYPES_PER_APP_MET] = {LIMIT_REACHED, "POSTHORN_EVENT_TYPES_PER_APP"},
    [METRIC_KEY_LOOKUPS_MET] = {LIMIT_REACHED, "POSTHORN_KEY_LOOKUPS"},
    [METRIC_BODIES_MIB_MET] = {LIMIT_REACHED, "POSTHORN_BODIES_MIB"},
    [METRIC_ANSWERS_MIB_MET] = {LIMIT_REACHED, "POSTHORN_ANSWERS_MIB"},
    [METRIC_AUDIT_ROWS_MET] = {LIMIT_REACHED, "POSTHORN_AUDIT_ROWS_PER_APP"},
    [METRIC_REQUESTS_PER_KEY_MET] = {LIMIT_REACHED, "POSTHORN_REQUESTS_PER_KEY"},
    [METRIC_CONNECTIONS_MET] = {LIMIT_REACHED, "connections"},
    [METRIC_TESTS_MET] = {LIMIT_REACHED, "tests"},
    [METRIC_ACCEPTING_MET] = {LIMIT_REACHED, "accepting"},
    [METRIC_PORTALS_PER_APP_MET] = {LIMIT_REACHED, "portals_per_app"},
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
    [METRIC_HELD_STREAMS] = {HELD, "streams"},
    [METRIC_WAITING_ACCEPT] = {WAITING, "accept"},
    [METRIC_WAITING_STATEMENTS] = {WAITING, "statements"},
    [METRIC_WAITING_REDIS] = {WAITING, "redis"},
    [METRIC_WAITING_LOOKUPS] = {WAITING, "lookups"},
    [METRIC_WAITING_RECORD] = {WAITING, "record"},
    [METRIC_DIRECT_MODE] = {DIRECT_MODE, ""},
    [METRIC_DATABASE_READY] = {DATABASE, "ready"},
    [METRIC_DATABASE_WANTED] = {DATABASE, "wanted"},
    [METRIC_REDIS_READY] = {REDIS, "ready"},
    [METRIC_REDIS_WANTED] = {REDIS, "wanted"},
    [METRIC_LEDGER_DUE] = {LEDGER, "due"},
    [METRIC_LEDGER_WAITING] = {LEDGER, "waiting"},
    [METRIC_LEDGER_HELD] = {LEDGER, "held"},
    [METRIC_LEDGER_OLDEST] = {LEDGER_OLDEST, ""},
    [METRIC_EVENTS_ACCEPTED] = {EVENTS_ACCEPTED, ""},
    [METRIC_ATTEMPTS_SUCCEEDED] = {ATTEMPTS, "success"},
    [METRIC_ATTEMPTS_FAILED] = {ATTEMPTS, "failure"},
    [METRIC_ERROR_BAD_URL] = {ATTEMPT_ERRORS, "bad_url"},
    [METRIC_ERROR_DNS_FAILED] = {ATTEMPT_ERRORS, "dns_failed"},
    [METRIC_ERROR_FORBIDDEN] = {ATTEMPT_ERRORS, "address_forbidden"},
    [METRIC_ERROR_CONNECT_FAILED] = {ATTEMPT_ERRORS, "connect_failed"},
    [METRIC_ERROR_TLS_FAILED] = {ATTEMPT_ERRORS, "tls_failed"},
    [METRIC_ERROR_TIMED_OUT] = {ATTEMPT_ERRORS, "timed_out"},
    [METRIC_ERROR_CONNECTION_LOST] = {ATTEMPT_ERRORS, "connection_lost"},
    [METRIC_ERROR_BAD_RESPONSE] = {ATTEMPT_ERRORS, "bad_response"},
    [METRIC_ERROR_HTTP_STATUS] = {ATTEMPT_ERRORS, "http_status"},
    [METRIC_ERROR_REDIRECT] = {ATTEMPT_ERRORS, "redirect"},
    [METRIC_ERROR_GONE] = {ATTEMPT_ERRORS, "gone"},
    [METRIC_ERROR_INTERNAL] = {ATTEMPT_ERRORS, "internal"},
    [METRIC_ERROR_UNRECORDED] = {ATTEMPT_ERRORS, "unrecorded"},
    [METRIC_ERROR_UNSENDABLE] = {ATTEMPT_ERRORS, "unsendable"},
    [METRIC_ERROR_TOKEN_FAILED] = {ATTEMPT_ERRORS, "token_failed"},
    [METRIC_RETRIES] = {RETRIES, ""},
    [METRIC_DELIVERIES_DELIVERED] = {DELIVERED, ""},
    [METRIC_DELIVERIES_FAILED] = {DELIVERIES_FAILED, ""},
    [METRIC_DELIVERIES_CRASHED] = {DELIVERIES_CRASHED, ""},
    [METRIC_WEBHOOKS_DISABLED] = {WEBHOOKS_DISABLED, ""},
    [METRIC_AHEAD] = {AHEAD, ""},
    [METRIC_PUT_BACK_LOOKUPS] = {PUT_BACK, "lookups"},
    [METRIC_PUT_BACK_FILES] = {PUT_BACK, "open_files"},
    [METRIC_PUT_BACK_PROXY] = {PUT_BACK, "egress_proxy"},
    [METRIC_PUT_BACK_AHEAD] = {PUT_BACK, "ahead"},
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
    [METRIC_PUBLISHED] = {PUBLISHED, ""},
    [METRIC_PUBLISHED_REFUSED] = {PUBLISHED_REFUSED, ""},
    [METRIC_LOG_SUPPRESSED] = {LOG_SUPPRESSED, ""},
    [METRIC_BUILD] = {BUILD, POSTHORN_VERSION},
    [METRIC_PROCESS_CPU] = {PROCESS_CPU, ""},
    [METRIC_PROCESS_RESIDENT] = {PROCESS_RESIDENT, ""},
    [METRIC_PROCESS_FILES] = {PROCESS_FILES, ""},
    [METRIC_PROCESS_FILES_LIMIT] = {PROCESS_FILES_LIMIT, ""},
};

/* Upper bounds of the buckets; what is above the last is in one more. */
static const int64_t bounds_us[] = {1000,    2500,    5000,     10000,    25000,
                                    50000,   100000,  250000,   500000,   1000000,
                                    2500000, 5000000, 10000000, 30000000, 60000000};
#define BUCKETS (ARRAY_LEN(bounds_us) + 1)

static const struct {
    const char *name, *help;
} histograms[HISTOGRAM_COUNT] = {
    [HISTOGRAM_ACCEPT] = {"posthorn_accept_seconds", "From a request's events to their 202"},
    [HISTOGRAM_FIRST_ATTEMPT] = {"posthorn_first_attempt_seconds",
                                 "From an event to the start of its delivery's first attempt"},
    [HISTOGRAM_ATTEMPT] = {"posthorn_attempt_seconds", "An attempt, from its start to its end"},
    [HISTOGRAM_STATEMENT] = {"posthorn_postgres_seconds",
                             "A statement of PostgreSQL, from sending it to its answer"},
    [HISTOGRAM_REDIS] = {"posthorn_redis_seconds",
                         "A command of Redis, from sending it to its answer"},
    [HISTOGRAM_LOOP] = {"posthorn_loop_lag_seconds",
                        "How much later than asked a thread got to what was timed"},
};

/* --- counting --------------------------------------------------------------------------------- */

/* Written by its thread alone, so that a plain load and store do. */
struct block {
    _Atomic int64_t at[METRIC_COUNT];
    _Atomic int64_t buckets[HISTOGRAM_COUNT][BUCKETS], us[HISTOGRAM_COUNT];
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

static struct block *own_block(void)
{
    if (own == NULL)
        own = block_create();
    return own;
}

static void add(_Atomic int64_t *part, int64_t n)
{
    int64_t value = atomic_load_explicit(part, memory_order_relaxed) + n;
    atomic_store_explicit(part, value, memory_order_relaxed);
}

void metric_add(enum metric metric, int64_t n)
{
    add(&own_block()->at[metric], n);
}

void metric_set(enum metric metric, int64_t value)
{
    atomic_store_explicit(&own_block()->at[metric], value, memory_order_relaxed);
}

void metric_observe(enum histogram histogram, int64_t us)
{
    struct block *block = own_block();
    size_t i = 0;

    us = us > 0 ? us : 0;
    while (i < ARRAY_LEN(bounds_us) && us > bounds_us[i])
        i++;
    add(&block->buckets[histogram][i], 1);
    add(&block->us[histogram], us);
}

/* --- showing ---------------------------------------------------------------------------------- */

struct sums {
    int64_t at[METRIC_COUNT];
    int64_t buckets[HISTOGRAM_COUNT][BUCKETS], us[HISTOGRAM_COUNT];
};

static int64_t load(const _Atomic int64_t *part)
{
    return atomic_load_explicit(part, memory_order_relaxed);
}

static void add_block(struct sums *sums, const struct block *b)
{
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        int64_t value = load(&b->at[m]), *sum = &sums->at[m];
        if (families[metrics[m].family].type != GREATEST)
            *sum += value;
        else if (value > *sum)
            *sum = value;
    }
    for (size_t h = 0; h < HISTOGRAM_COUNT; h++) {
        for (size_t i = 0; i < BUCKETS; i++)
            sums->buckets[h][i] += load(&b->buckets[h][i]);
        sums->us[h] += load(&b->us[h]);
    }
}

static void sum(struct sums *sums)
{
    pthread_mutex_lock(&blocks_lock);
    for (const struct block *b = blocks; b != NULL; b = b->next)
        add_block(sums, b);
    pthread_mutex_unlock(&blocks_lock);
}

static void write_metadata(struct buf *out, const struct family *f)
{
    buf_printf(out, "# TYPE %s %s\n", f->name, f->type == COUNTER ? "counter" : "gauge");
    if (f->unit[0] != '\0')
        buf_printf(out, "# UNIT %s %s\n", f->name, f->unit);
    buf_printf(out, "# HELP %s %s.\n", f->name, f->help);
}

static void write_seconds(struct buf *out, int64_t us)
{
    buf_printf(out, "%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
}

static void write_metric(struct buf *out, enum metric metric, int64_t value)
{
    const struct family *f = &families[metrics[metric].family];

    buf_printf(out, "%s%s", f->name, f->type == COUNTER ? "_total" : "");
    if (f->label[0] != '\0')
        buf_printf(out, "{%s=\"%s\"}", f->label, metrics[metric].value);
    buf_add_text(out, " ");
    if (strcmp(f->unit, "seconds") == 0)
        write_seconds(out, value);
    else
        buf_printf(out, "%" PRId64, value);
    buf_add_text(out, "\n");
}

static void write_histogram(struct buf *out, enum histogram h, const struct sums *sums)
{
    const char *name = histograms[h].name;
    int64_t count = 0;

    buf_printf(out, "# TYPE %s histogram\n# UNIT %s seconds\n# HELP %s %s.\n", name, name, name,
               histograms[h].help);
    for (size_t i = 0; i < BUCKETS; i++) {
        count += sums->buckets[h][i];
        if (i < ARRAY_LEN(bounds_us))
            buf_printf(out, "%s_bucket{le=\"%g\"} %" PRId64 "\n", name, (double)bounds_us[i] / 1e6,
                       count);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n%s_sum ", name, count, name);
    write_seconds(out, sums->us[h]);
    buf_printf(out, "\n%s_count %" PRId64 "\n", name, count);
}

void metrics_write(struct buf *out)
{
    struct sums sums = {0};

    metric_set(METRIC_BUILD, 1);
    sum(&sums);
    for (int family = 0; family < FAMILY_COUNT; family++) {
        write_metadata(out, &families[family]);
        for (int m = 0; m < METRIC_COUNT; m++)
            if (metrics[m].family == family)
                write_metric(out, (enum metric)m, sums.at[m]);
    }
    for (int h = 0; h < HISTOGRAM_COUNT; h++)
        write_histogram(out, (enum histogram)h, &sums);
    buf_add_text(out, "# EOF\n");
}
