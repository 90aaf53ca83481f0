/* One pipelined connection: connect, prepare, send, read. Every statement is followed by a sync of
 * its own, so that one that fails never aborts its neighbours. */
#include "io/db_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define CONNECT_TIMEOUT_MS 5000
#define BACKOFF_MIN_MS     50
#define BACKOFF_MAX_MS     1000

static void on_io(void *arg, int events);
static void open_connection(struct connection *c);

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

/* libpq may move to the socket of another address while connecting. */
static void rewatch(struct connection *c, int events)
{
    int fd = PQsocket(c->pg);
    if (fd != c->fd) {
        watch_close(c->watch);
        c->fd = fd;
        c->watch = fd >= 0 ? watch_open(c->db->loop, fd, on_io, c) : NULL;
    }
    if (c->watch != NULL)
        watch_set(c->watch, events);
}

/* The first line of what libpq says; it names hosts, never passwords. */
static void log_failure(const struct connection *c, const char *event)
{
    char text[LOG_QUOTE_SIZE], line[256];
    snprintf(line, sizeof line, "%s", PQerrorMessage(c->pg));
    line[strcspn(line, "\n")] = '\0';
    log_quote(text, line);
    if (c->db->config.once)
        log_error(event, "error=%s", text);
    else
        log_warn(event, "retry_ms=%lld error=%s", (long long)c->backoff_ms, text);
}

void connection_fail(struct connection *c, int err)
{
    struct list ops;

    if (c->state == CONNECTION_READY)
        log_failure(c, "db_connection_lost");
    watch_close(c->watch);
    PQfinish(c->pg);
    c->watch = NULL;
    c->pg = NULL;
    c->fd = -1;
    c->broken = false;
    c->state = CONNECTION_CLOSED;
    c->sent_count = 0;
    list_init(&ops);
    list_move_all(&ops, &c->sent);
    if (c->db->config.once) {
        c->db->lost = true;
        db_tick_soon(c->db);
    } else if (!c->db->closing) {
        timeout_set(c->timeout, c->backoff_ms);
        c->backoff_ms = c->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : c->backoff_ms * 2;
    }
    while (!list_empty(&ops))
        db_op_finish(CONTAINER_OF(ops.next, struct db_op, node), err, NULL);
}

static void on_timeout(void *arg)
{
    struct connection *c = arg;
    if (c->state == CONNECTION_CLOSED) {
        open_connection(c);
    } else {
        log_failure(c, "db_connect_timeout");
        connection_fail(c, ERR_UNAVAILABLE);
    }
}

static void open_connection(struct connection *c)
{
    c->pg = PQconnectStart(c->db->config.url);
    if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD) {
        log_failure(c, "db_connect_failed");
        connection_fail(c, ERR_UNAVAILABLE);
        return;
    }
    PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    c->state = CONNECTION_CONNECTING;
    timeout_set(c->timeout, CONNECT_TIMEOUT_MS);
    rewatch(c, WATCH_WRITE);
}

void connection_init(struct connection *c, struct db *db)
{
    c->db = db;
    c->fd = -1;
    c->backoff_ms = BACKOFF_MIN_MS;
    c->timeout = timeout_create(db->loop, on_timeout, c);
    list_init(&c->sent);
    timeout_set(c->timeout, 0);
}

void connection_fini(struct connection *c)
{
    if (c->state == CONNECTION_READY)
        c->state = CONNECTION_PREPARING; /* closed on purpose: nothing to log */
    connection_fail(c, ERR_UNAVAILABLE);
    timeout_destroy(c->timeout);
}

static void flush(struct connection *c)
{
    int more = PQflush(c->pg);
    if (more < 0) {
        c->broken = true;
        db_tick_soon(c->db);
        return;
    }
    rewatch(c, WATCH_READ | (more > 0 ? WATCH_WRITE : 0));
}

static bool send_preparations(struct connection *c)
{
    const struct db_config *config = &c->db->config;
    if (PQsetnonblocking(c->pg, 1) != 0 || !PQenterPipelineMode(c->pg))
        return false;
    for (const char *const *sql = config->session; sql != NULL && *sql != NULL; sql++)
        if (!PQsendQueryParams(c->pg, *sql, 0, NULL, NULL, NULL, NULL, 0))
            return false;
    for (const struct db_stmt *const *stmt = config->stmts; *stmt != NULL; stmt++)
        if (!PQsendPrepare(c->pg, (*stmt)->name, (*stmt)->sql, 0, NULL))
            return false;
    return PQpipelineSync(c->pg) == 1;
}

static void on_connecting(struct connection *c)
{
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        rewatch(c, WATCH_READ);
        return;
    case PGRES_POLLING_WRITING:
        rewatch(c, WATCH_WRITE);
        return;
    case PGRES_POLLING_OK:
        c->state = CONNECTION_PREPARING;
        if (send_preparations(c)) {
            flush(c);
            return;
        }
        break;
    default:
        break;
    }
    log_failure(c, "db_connect_failed");
    connection_fail(c, ERR_UNAVAILABLE);
}

void connection_send(struct connection *c, struct db_op *op)
{
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];

    int count = db_args_split(&op->args, values, lengths);
    for (int i = 0; i < count; i++)
        formats[i] = 1;
    list_push(&c->sent, &op->node);
    c->sent_count++;
    if (!PQsendQueryPrepared(c->pg, op->stmt->name, count, values, lengths, formats, 1) ||
        !PQpipelineSync(c->pg)) {
        c->broken = true;
        db_tick_soon(c->db);
        return;
    }
    db_args_fini(&op->args); /* libpq has copied it */
    flush(c);
}

struct sqlstate_class {
    const char *prefix;
    int err;
};

/* https://www.postgresql.org/docs/15/errcodes-appendix.html; the first prefix that fits. */
static const struct sqlstate_class sqlstates[] = {
    {"23505", ERR_CONFLICT},    {"57014", ERR_TIMEOUT},  {"22", ERR_INVALID},
    {"23", ERR_INVALID},        {"08", ERR_UNAVAILABLE}, {"57P", ERR_UNAVAILABLE},
    {"53", ERR_UNAVAILABLE},    {"40", ERR_UNAVAILABLE}, {"55", ERR_UNAVAILABLE},
    {"25006", ERR_UNAVAILABLE}, /* a standby: the primary is elsewhere by now */
};

static int classify(const PGresult *r, const struct db_stmt *stmt)
{
    char text[LOG_QUOTE_SIZE];
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    int err = ERR_INTERNAL;

    for (size_t i = 0; i < ARRAY_LEN(sqlstates) && state != NULL && err == ERR_INTERNAL; i++)
        if (strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
            err = sqlstates[i].err;
    if (err == ERR_INTERNAL || err == ERR_UNAVAILABLE)
        log_warn("db_statement_failed", "stmt=%s sqlstate=%s error=%s", stmt->name,
                 state != NULL ? state : "-", log_quote(text, message != NULL ? message : ""));
    return err;
}

static void on_result(struct connection *c, const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);

    if (list_empty(&c->sent)) /* what was under way was preparing */
        return;
    struct db_op *op = CONTAINER_OF(c->sent.next, struct db_op, node);
    c->sent_count--;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        db_op_finish(op, 0, (const struct db_rows *)r);
    else
        db_op_finish(op, classify(r, op->stmt), NULL);
}

/* A statement that cannot be prepared is a schema that does not fit: say so and try again later. */
static bool on_prepared(struct connection *c, const PGresult *r)
{
    char text[LOG_QUOTE_SIZE];
    const char *message;

    switch (PQresultStatus(r)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        return true;
    case PGRES_PIPELINE_SYNC:
        c->state = CONNECTION_READY;
        c->backoff_ms = BACKOFF_MIN_MS;
        timeout_clear(c->timeout);
        return true;
    default:
        message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
        log_error("db_prepare_failed", "error=%s", log_quote(text, message ? message : ""));
        c->backoff_ms = BACKOFF_MAX_MS;
        return false;
    }
}

/* Handles the results that are there; false when the connection must be given up. A callback may
 * destroy what it likes, but not the pool. */
static bool read_results(struct connection *c)
{
    while (!PQisBusy(c->pg)) {
        PGresult *r = PQgetResult(c->pg);
        if (r == NULL) {
            if (PQstatus(c->pg) == CONNECTION_BAD)
                return false; /* what was sent will never have a result */
            if (c->state == CONNECTION_READY && list_empty(&c->sent))
                return true;
            continue;
        }
        bool good = true, was_ready = c->state == CONNECTION_READY;
        if (!was_ready)
            good = on_prepared(c, r);
        else if (PQresultStatus(r) != PGRES_PIPELINE_SYNC)
            on_result(c, r);
        PQclear(r);
        if (!good)
            return false;
        if (!was_ready && c->state == CONNECTION_READY && c->db->config.on_ready != NULL)
            c->db->config.on_ready(c->db->config.arg);
    }
    return true;
}

static void read_notifications(struct connection *c)
{
    PGnotify *n;
    while ((n = PQnotifies(c->pg)) != NULL) {
        if (c->db->config.on_notify != NULL)
            c->db->config.on_notify(c->db->config.arg, n->relname, n->extra);
        PQfreemem(n);
    }
}

static void on_io(void *arg, int events)
{
    struct connection *c = arg;
    (void)events;

    if (c->state == CONNECTION_CONNECTING) {
        on_connecting(c);
        return;
    }
    if (!PQconsumeInput(c->pg) || !read_results(c)) {
        connection_fail(c, ERR_UNAVAILABLE);
        db_kick(c->db);
        return;
    }
    read_notifications(c);
    flush(c);
    db_kick(c->db);
}
