/* Blocking PostgreSQL for the schema. */
#include "io/dbsync.h"

#include "base/err.h"
#include "base/log.h"
#include "io/db_internal.h"

#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"

struct dbsync {
    PGconn *pg;
};

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static void log_message(const char *event, const char *message)
{
    char text[LOG_QUOTE_SIZE], line[512];
    snprintf(line, sizeof line, "%s", message);
    line[strcspn(line, "\n")] = '\0';
    log_error(event, "error=%s", log_quote(text, line));
}

/* PQconnectdb() waits as long as the URL says; this waits as long as the caller says. */
static bool finish_connecting(PGconn *pg, int timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    while (want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
        struct pollfd p = {.fd = PQsocket(pg),
                           .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left = deadline - clock_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return false;
        want = PQconnectPoll(pg);
    }
    return want == PGRES_POLLING_OK;
}

/* --- where it is ------------------------------------------------------------------------------ */

struct looking {
    struct db_ways *ways;
    bool done;
};

static void on_stop(void *arg)
{
    (void)arg;
}

static void on_lookup(void *arg, struct db_ways ways, const char *why)
{
    struct looking *looking = arg;

    *looking->ways = ways;
    looking->done = true;
    if (ways.count == 0)
        log_message("db_lookup_failed", why);
}

/* As those who do not block have it, so that what can be checked here can be served; on a loop of its own. */
static void look_up(const struct db_servers *servers, int timeout_ms, struct db_ways *ways)
{
    struct looking looking = {.ways = ways};
    struct loop *loop = loop_create(on_stop, NULL);
    struct dns *dns = dns_create(loop, &DNS_FOR_OURS);

    db_lookup_start(dns, servers, timeout_ms, on_lookup, &looking);
    loop_run_until(loop, &looking.done);
    dns_destroy(dns);
    loop_destroy(loop);
}

/* --- connecting ------------------------------------------------------------------------------- */

static PGconn *connect_one(const struct db_servers *servers, const struct db_ways *ways,
                           int timeout_ms)
{
    for (size_t i = 0; i < ways->count; i++) {
        PGconn *pg = db_servers_connect(servers, ways, i);
        if (pg != NULL && PQstatus(pg) != CONNECTION_BAD && finish_connecting(pg, timeout_ms))
            return pg;
        if (i + 1 == ways->count) {
            const char *message = PQerrorMessage(pg);
            log_message("db_connect_failed", message[0] != '\0' ? message : "no answer in time");
        }
        PQfinish(pg);
    }
    return NULL;
}

struct dbsync *dbsync_open(const char *url, int timeout_ms)
{
    struct db_servers *servers = db_servers_create(url);
    struct db_ways ways = {0};

    if (db_lookup_needed(servers))
        look_up(servers, timeout_ms, &ways);
    else
        db_ways_of_places(&ways, servers);
    PGconn *pg = connect_one(servers, &ways, timeout_ms);
    db_ways_fini(&ways);
    db_servers_destroy(servers);
    if (pg == NULL)
        return NULL;
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    struct dbsync *db = xcalloc(1, sizeof *db);
    db->pg = pg;
    return db;
}

void dbsync_close(struct dbsync *db)
{
    if (db == NULL)
        return;
    PQfinish(db->pg);
    free(db);
}

static int check(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return 0;
    log_message("db_statement_failed", PQresultErrorMessage(r));
    return ERR_INTERNAL;
}

int dbsync_exec(struct dbsync *db, const char *sql, int count, const char *const *params,
                struct dbsync_rows **rows)
{
    PGresult *r = PQexecParams(db->pg, sql, count, NULL, params, NULL, NULL, 0);
    int err = check(r);
    if (err == 0 && rows != NULL)
        *rows = (struct dbsync_rows *)r;
    else
        PQclear(r);
    return err;
}

int dbsync_script(struct dbsync *db, const char *sql)
{
    PGresult *r = PQexec(db->pg, sql);
    int err = check(r);
    PQclear(r);
    return err;
}

int dbsync_count(const struct dbsync_rows *rows)
{
    return PQntuples((const PGresult *)rows);
}

const char *dbsync_text(const struct dbsync_rows *rows, int row, int column)
{
    const PGresult *r = (const PGresult *)rows;
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

void dbsync_rows_free(struct dbsync_rows *rows)
{
    PQclear((PGresult *)rows);
}
