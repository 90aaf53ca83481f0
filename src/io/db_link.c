/* One pipelined connection: connect, prepare, send, read. Every statement is followed by a sync of
 * its own, so that one that fails never aborts its neighbours. */
#include "io/db_internal.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdatomic.h>

#define LOOKUP_MS          2000
#define CONNECT_TIMEOUT_MS 5000 /* shared by the servers of a URL: statements wait no longer */
#define CONNECT_SHARES_MAX 5
#define BACKOFF_MIN_MS     50
#define BACKOFF_MAX_MS     1000

static void on_io(void *arg, int events);
static void open_link(struct db_link *link);
static void connect_link(struct db_link *link);

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

/* libpq may move to the socket of another address while connecting. */
static void rewatch(struct db_link *link, int events)
{
    int fd = PQsocket(link->pg);
    if (fd != link->fd) {
        watch_close(link->watch);
        link->fd = fd;
        link->watch = fd >= 0 ? watch_open(link->loop, fd, on_io, link) : NULL;
    }
    if (link->watch != NULL)
        watch_set(link->watch, events);
}

/* The first line of what libpq says; it names hosts, never passwords. */
static void log_failure(const struct db_link *link, const char *event)
{
    char text[LOG_QUOTE_SIZE], line[256];
    snprintf(line, sizeof line, "%s", PQerrorMessage(link->pg));
    line[strcspn(line, "\n")] = '\0';
    log_quote(text, line);
    if (link->config->once)
        log_error(event, "error=%s", text);
    else
        log_warn(event, "connection=%u retry_ms=%lld error=%s", link->number,
                 (long long)link->backoff_ms, text);
}

static void close_link(struct db_link *link)
{
    if (link->state != DB_LINK_CLOSED)
        log_debug("db_closed", "connection=%u", link->number);
    db_lookup_cancel(link->lookup);
    link->lookup = NULL;
    watch_close(link->watch);
    PQclear(link->result);
    PQfinish(link->pg);
    link->result = NULL;
    link->watch = NULL;
    link->pg = NULL;
    link->fd = -1;
    link->broken = false;
    metric_add(METRIC_DATABASE_READY, link->state == DB_LINK_READY ? -1 : 0);
    link->state = DB_LINK_CLOSED;
}

void db_link_fail(struct db_link *link, int err)
{
    if (link->state == DB_LINK_READY)
        log_failure(link, "db_connection_lost");
    db_link_drop(link, err);
}

void db_link_drop(struct db_link *link, int err)
{
    struct list ops;

    close_link(link);
    if (!link->config->once) {
        timeout_set(link->timeout, link->backoff_ms);
        link->backoff_ms =
            link->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : link->backoff_ms * 2;
    }
    list_init(&ops);
    list_move_all(&ops, &link->sent);
    link->sent_count = 0;
    link->sent_bytes = 0;
    link->hooks->on_lost(link->arg, link, &ops, err);
}

/* At once, where nobody tries again. */
static void try_next(struct db_link *link)
{
    link->first++;
    if (link->config->once && link->first < link->ways.count) {
        close_link(link);
        connect_link(link);
        return;
    }
    db_link_fail(link, ERR_UNAVAILABLE);
}

static void on_timeout(void *arg)
{
    struct db_link *link = arg;
    if (link->state == DB_LINK_CLOSED) {
        open_link(link);
    } else {
        log_failure(link, "db_connect_timeout");
        try_next(link);
    }
}

static void connect_link(struct db_link *link)
{
    size_t ways = link->ways.count;
    int64_t shares = ways < CONNECT_SHARES_MAX ? (int64_t)ways : CONNECT_SHARES_MAX;

    log_debug("db_connecting", "connection=%u", link->number);
    link->pg = db_servers_connect(link->servers, &link->ways, link->first);
    if (link->pg == NULL || PQstatus(link->pg) == CONNECTION_BAD) {
        log_failure(link, "db_connect_failed");
        db_link_fail(link, ERR_UNAVAILABLE);
        return;
    }
    PQsetNoticeReceiver(link->pg, ignore_notice, NULL);
    link->state = DB_LINK_CONNECTING;
    timeout_set(link->timeout, CONNECT_TIMEOUT_MS / shares);
    rewatch(link, WATCH_WRITE);
}

static void on_lookup(void *arg, struct db_ways ways, const char *why)
{
    struct db_link *link = arg;
    char text[LOG_QUOTE_SIZE];

    link->lookup = NULL;
    db_ways_fini(&link->ways);
    link->ways = ways;
    if (ways.count > 0) {
        connect_link(link);
        return;
    }
    log_line(link->config->once ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "db_lookup_failed",
             "connection=%u retry_ms=%lld error=%s", link->number, (long long)link->backoff_ms,
             log_quote(text, why));
    db_link_fail(link, ERR_UNAVAILABLE);
}

static void open_link(struct db_link *link)
{
    if (link->dns == NULL) {
        connect_link(link);
        return;
    }
    link->state = DB_LINK_LOOKING;
    link->lookup = db_lookup_start(link->dns, link->servers, LOOKUP_MS, on_lookup, link);
}

void db_link_init(struct db_link *link, struct loop *loop, const struct db_config *config,
                  const struct db_servers *servers, struct dns *dns,
                  const struct db_link_hooks *hooks, void *arg)
{
    static atomic_uint count;

    link->number = ++count;
    link->loop = loop;
    link->config = config;
    link->hooks = hooks;
    link->arg = arg;
    link->servers = servers;
    link->dns = dns;
    if (dns == NULL)
        db_ways_of_places(&link->ways, servers);
    link->fd = -1;
    link->backoff_ms = BACKOFF_MIN_MS;
    link->timeout = timeout_create(loop, on_timeout, link);
    list_init(&link->sent);
    timeout_set(link->timeout, 0);
}

void db_link_fini(struct db_link *link)
{
    close_link(link);
    db_ways_fini(&link->ways);
    timeout_destroy(link->timeout);
}

/* libpq may have closed the socket, and the loop must not poll it once more. */
static void break_link(struct db_link *link)
{
    link->broken = true;
    if (link->watch != NULL)
        watch_set(link->watch, 0);
    link->hooks->on_broken(link->arg);
}

static void flush(struct db_link *link)
{
    int more = PQflush(link->pg);
    if (more < 0) {
        break_link(link);
        return;
    }
    rewatch(link, WATCH_READ | (more > 0 ? WATCH_WRITE : 0));
}

static bool prepare_all(struct db_link *link, const struct db_stmt *const *stmt)
{
    for (; stmt != NULL && *stmt != NULL; stmt++)
        if (!PQsendPrepare(link->pg, (*stmt)->name, (*stmt)->sql, 0, NULL))
            return false;
    return true;
}

static bool send_preparations(struct db_link *link)
{
    const struct db_config *config = link->config;
    if (PQsetnonblocking(link->pg, 1) != 0 || !PQenterPipelineMode(link->pg))
        return false;
    for (const char *const *sql = config->session; sql != NULL && *sql != NULL; sql++)
        if (!PQsendQueryParams(link->pg, *sql, 0, NULL, NULL, NULL, NULL, 0))
            return false;
    if (!prepare_all(link, config->stmts) || !prepare_all(link, config->listens))
        return false;
    return PQpipelineSync(link->pg) == 1;
}

static void on_connecting(struct db_link *link)
{
    switch (PQconnectPoll(link->pg)) {
    case PGRES_POLLING_READING:
        rewatch(link, WATCH_READ);
        return;
    case PGRES_POLLING_WRITING:
        rewatch(link, WATCH_WRITE);
        return;
    case PGRES_POLLING_OK:
        link->state = DB_LINK_PREPARING;
        if (send_preparations(link)) {
            flush(link);
            return;
        }
        break;
    default:
        break;
    }
    log_failure(link, "db_connect_failed");
    db_link_fail(link, ERR_UNAVAILABLE);
}

void db_link_send(struct db_link *link, struct db_op *op)
{
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];

    int count = db_args_split(&op->args, values, lengths);
    for (int i = 0; i < count; i++)
        formats[i] = 1;
    op->sent_us = clock_mono_us();
    op->sent = op->sent_us / 1000;
    list_push(&link->sent, &op->node);
    link->sent_count++;
    link->sent_bytes += op->sent_bytes = op->args.bytes.n;
    if (CRASH_POINT_FAILS(op->stmt->name, "before") ||
        !PQsendQueryPrepared(link->pg, op->stmt->name, count, values, lengths, formats, 1) ||
        !PQpipelineSync(link->pg)) {
        break_link(link);
        return;
    }
    db_args_fini(&op->args); /* libpq has copied it */
    flush(link);
    if (CRASH_POINT_FAILS(op->stmt->name, "sent"))
        break_link(link);
}

/* It does not write: the primary is elsewhere by now. */
#define OF_STANDBY "25006"

struct sqlstate_class {
    const char *prefix;
    int err;
};

/* https://www.postgresql.org/docs/15/errcodes-appendix.html; the first prefix that fits. */
static const struct sqlstate_class sqlstates[] = {
    {"PH001", ERR_TOO_LARGE}, {"PH002", ERR_WRONG_STATE},    {"PH003", ERR_LIMITED},
    {"23505", ERR_CONFLICT},  {"57014", ERR_TIMEOUT},        {"55P03", ERR_LOCKED},
    {"22", ERR_INVALID},      {"23", ERR_INVALID},           {"08", ERR_UNAVAILABLE},
    {"57P", ERR_UNAVAILABLE}, {"53", ERR_UNAVAILABLE},       {"40", ERR_UNAVAILABLE},
    {"55", ERR_UNAVAILABLE},  {OF_STANDBY, ERR_UNAVAILABLE},
};

/* Without a state it is libpq that failed, for lack of memory. */
static int classify(const PGresult *r, const struct db_stmt *stmt)
{
    char text[LOG_QUOTE_SIZE];
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    int err = state != NULL ? ERR_INTERNAL : ERR_UNAVAILABLE;

    for (size_t i = 0; i < ARRAY_LEN(sqlstates) && state != NULL && err == ERR_INTERNAL; i++)
        if (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
            err = sqlstates[i].err;
    if (err == ERR_INTERNAL || err == ERR_UNAVAILABLE || err == ERR_LOCKED) {
        metric_add(METRIC_STATEMENTS_FAILED, 1);
        log_bounded(LOG_LEVEL_WARN, "db_statement_failed", "stmt=%s sqlstate=%s error=%s",
                    stmt->name, state != NULL ? state : "-",
                    log_quote(text, message != NULL ? message : ""));
    }
    return err;
}

static bool is_of_standby(const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, OF_STANDBY) == 0;
}

/* Who connected while the name led to a standby stays there for as long as the connection lasts, though the name leads to
 * the primary again. */
static void leave_standby(struct db_link *link)
{
    link->backoff_ms = BACKOFF_MAX_MS;
    break_link(link);
}

/* A statement's transaction ends with its sync, and may fail there (a statement_timeout that passed while
 * rows were sent, a deferred constraint) after its rows: the last result before the sync is the answer. */
static void on_synced(struct db_link *link)
{
    PGresult *r = link->result;
    struct list *node = r != NULL ? list_pop(&link->sent) : NULL;

    link->result = NULL;
    if (node == NULL) {
        PQclear(r);
        return;
    }
    if (is_of_standby(r))
        leave_standby(link);
    ExecStatusType status = PQresultStatus(r);
    struct db_op *op = CONTAINER_OF(node, struct db_op, node);
    link->sent_count--;
    link->sent_bytes -= op->sent_bytes;
    metric_observe(HISTOGRAM_STATEMENT, clock_mono_us() - op->sent_us);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        link->hooks->on_answer(link->arg, op, 0, (const struct db_rows *)r);
    else
        link->hooks->on_answer(link->arg, op, classify(r, op->stmt), NULL);
    PQclear(r);
}

/* Takes it. */
static void on_result(struct db_link *link, PGresult *r)
{
    if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
        PQclear(r);
        on_synced(link);
        return;
    }
    PQclear(link->result);
    link->result = r;
}

/* A statement that cannot be prepared is a schema that does not fit: say so and try again later. */
static bool on_prepared(struct db_link *link, const PGresult *r)
{
    char text[LOG_QUOTE_SIZE];
    const char *message;

    switch (PQresultStatus(r)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        return true;
    case PGRES_PIPELINE_SYNC:
        link->state = DB_LINK_READY;
        metric_add(METRIC_DATABASE_READY, 1);
        link->backoff_ms = BACKOFF_MIN_MS;
        timeout_clear(link->timeout);
        log_debug("db_ready", "connection=%u backend=%d", link->number, PQbackendPID(link->pg));
        link->hooks->on_ready(link->arg, link);
        return true;
    default:
        message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
        log_error("db_prepare_failed", "connection=%u error=%s", link->number,
                  log_quote(text, message ? message : ""));
        link->backoff_ms = BACKOFF_MAX_MS;
        return false;
    }
}

/* Handles the results that are there; false when the connection must be given up. The link may be
 * closed on the way; or broken, and what is `sent` then may not have been. */
static bool read_results(struct db_link *link)
{
    while (link->pg != NULL && !link->broken && !PQisBusy(link->pg)) {
        PGresult *r = PQgetResult(link->pg);
        bool good = true;
        if (r == NULL) {
            if (PQstatus(link->pg) == CONNECTION_BAD)
                return false; /* what was sent will never have a result */
            if (link->state == DB_LINK_READY && list_empty(&link->sent))
                return true;
            continue;
        }
        if (link->state == DB_LINK_READY) {
            on_result(link, r);
        } else {
            good = on_prepared(link, r);
            PQclear(r);
        }
        if (!good)
            return false;
    }
    return true;
}

static void read_notifications(struct db_link *link)
{
    PGnotify *n;
    while (link->pg != NULL && (n = PQnotifies(link->pg)) != NULL) {
        link->hooks->on_notify(link->arg, n->relname, n->extra);
        PQfreemem(n);
    }
}

static void on_io(void *arg, int events)
{
    struct db_link *link = arg;

    if (events != 0)
        link->moved_ms = clock_mono_ms();
    if (link->state == DB_LINK_CONNECTING) {
        on_connecting(link);
        return;
    }
    if (!PQconsumeInput(link->pg) || !read_results(link)) {
        db_link_fail(link, ERR_UNAVAILABLE);
        return;
    }
    read_notifications(link);
    if (link->pg == NULL || link->broken)
        return;
    flush(link);
    link->hooks->on_read(link->arg);
}
