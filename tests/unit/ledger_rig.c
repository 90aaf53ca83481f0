/* A PostgreSQL with a scene in it, and a statement at a time. */
#include "ledger_rig.h"

#include "base/err.h"
#include "core/order.h"
#include "io/dbsync.h"
#include "store/store.h"

#include "postgres_server.h"

#include <inttypes.h>
#include <stdio.h>

const struct deed rig_deed = {.actor = AUDIT_BY_COMMAND};

struct ledger_rig rig;

static struct postgres_server server;
static struct dbsync *sync_db; /* for what is there before, and what is there after */
static const struct db_stmt *stmts[128];

/* --- the group --------------------------------------------------------------------------------- */

/* Those of a list that are not there yet: some are of the API and of the worker. */
static size_t add_stmts(const struct db_stmt *const *list, size_t n)
{
    for (; *list != NULL; list++) {
        size_t i = 0;
        while (i < n && stmts[i] != *list)
            i++;
        stmts[i] = *list;
        n += i == n;
    }
    return n;
}

int rig_begin(void **state)
{
    (void)state;
    postgres_server_start(&server);
    rig.url = server.url;
    sync_db = dbsync_open(server.url, 5000);
    assert_non_null(sync_db);
    assert_int_equal(postgres_server_migrate(sync_db), 0);
    size_t n =
        add_stmts(store_worker_stmts, add_stmts(store_read_stmts, add_stmts(store_api_stmts, 0)));
    assert_true(n < ARRAY_LEN(stmts));
    rig.loop = loop_create(NULL, NULL);
    rig.db = db_create(rig.loop, &(struct db_config){.url = server.url,
                                                     .session = store_worker_session,
                                                     .stmts = stmts,
                                                     .connections = 3,
                                                     .queue_max = 10,
                                                     .patience_ms = 5000});
    WAIT(rig.loop, db_ready(rig.db), 5000);
    return db_ready(rig.db) ? 0 : -1;
}

int rig_end(void **state)
{
    (void)state;
    db_destroy(rig.db);
    loop_destroy(rig.loop);
    dbsync_close(sync_db);
    postgres_server_stop(&server);
    return 0;
}

/* --- what is there before, and after ----------------------------------------------------------- */

const char *hex(char out[HEX_SIZE], struct id id)
{
    for (size_t i = 0; i < sizeof id.b; i++)
        snprintf(out + 2 * i, 3, "%02x", id.b[i]);
    return out;
}

void rig_scene(void)
{
    char a[HEX_SIZE], w[HEX_SIZE], d[HEX_SIZE];

    run_sql("delete from attempt; delete from delivery; delete from event; delete from webhook;"
            " delete from job; delete from lease; delete from subscription");
    rig.app = id_new();
    rig.webhook = id_new();
    rig.delivery = id_new(); /* its event has the same id: they share the partition's range */
    hex(a, rig.app);
    hex(w, rig.webhook);
    hex(d, rig.delivery);
    run_sql("insert into webhook (id, app_id, url, events, profile, secret, headers,"
            " retry_schedule, timeout_ms, concurrency) values ('%s', '%s', 'http://a/', '{*}',"
            " 'default', '', '', '{}', 1000, 1)",
            w, a);
    run_sql("insert into subscription (app_id, pattern, webhook_id) values ('%s', '*', '%s')", a,
            w);
    run_sql(
        "insert into event (id, app_id, test, type, data) values ('%s', '%s', false, 't', '{}')", d,
        a);
    run_sql("insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
            " values ('%s', '%s', '%s', '%s', now() - interval '1 s', 0, false)",
            d, d, w, a);
}

void set_scene(const struct scene *scene, enum delivery_state state)
{
    const char *test = scene->test ? "true" : "false";

    rig_scene();
    run_sql("update webhook set status = %d, deleted_at = %s; delete from job", (int)scene->status,
            scene->deleted ? "now()" : "null");
    run_sql("update event set test = %s", test);
    run_sql("update delivery set state = %d, test = %s, attempts = %d, replaces = %" PRId64
            ", expires_at = %s",
            (int)state, test, scene->claim_lost ? 0 : 1, order_number(KEY),
            scene->replaced  ? "'-infinity'"
            : scene->erased  ? "'epoch'"
            : scene->expired ? "now() - interval '1 ms'"
                             : "null");
    if (scene->leased)
        run_sql("update delivery set lease_until = now() + interval '1 min', lease_token = %d,"
                " lease_owner = %d; insert into lease (owner, token, ids)"
                " select lease_owner, lease_token, array[id] from delivery",
                TOKEN, OWNER);
}

void run_sql(const char *format, ...)
{
    char sql[2048];
    va_list args;
    va_start(args, format);
    assert_in_range(vsnprintf(sql, sizeof sql, format, args), 1, sizeof sql - 1);
    va_end(args);
    assert_int_equal(dbsync_script(sync_db, sql), 0);
}

static struct dbsync_rows *one_row(const char *sql)
{
    struct dbsync_rows *rows;
    assert_int_equal(dbsync_exec(sync_db, sql, 0, NULL, &rows), 0);
    assert_int_equal(dbsync_count(rows), 1);
    return rows;
}

int64_t number_of(const char *sql)
{
    struct dbsync_rows *rows = one_row(sql);
    int64_t value;
    assert_true(str_to_i64(str_of(dbsync_text(rows, 0, 0)), INT64_MIN, INT64_MAX, &value));
    dbsync_rows_free(rows);
    return value;
}

void is(const char *sql, const char *want)
{
    struct dbsync_rows *rows = one_row(sql);
    assert_string_equal(dbsync_text(rows, 0, 0), want);
    dbsync_rows_free(rows);
}

/* --- the statement that runs ------------------------------------------------------------------- */

void rig_on_done(void *arg, int err, const struct db_rows *rows)
{
    (void)arg;
    rig.done = true;
    rig.err = err;
    rig.rows = err == 0 ? db_count(rows) : 0;
    rig.says = rig.rows > 0 && rig.reader != NULL && rig.reader(rows);
}

int rows_of(struct db_op *op)
{
    rig.done = false;
    assert_non_null(op);
    WAIT(rig.loop, rig.done, 10000);
    assert_true(rig.done);
    if (rig.err < 0)
        fail_msg("%s: %s", rig.running != NULL ? rig.running : "the statement", err_name(rig.err));
    return rig.rows;
}

bool finished(struct db_op *op)
{
    int rows = rows_of(op);
    return rig.reader != NULL ? rig.says : rows > 0;
}
