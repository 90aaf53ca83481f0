/* A PostgreSQL with a scene in it, and a statement at a time. */
#include "moves_rig.h"

#include "base/err.h"
#include "core/order.h"
#include "io/dbsync.h"
#include "store/store.h"

#include "postgres_server.h"
#include "wait.h"

#include <inttypes.h>
#include <stdio.h>

struct moves_rig rig;

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
    sync_db = dbsync_open(server.url, 5000);
    assert_non_null(sync_db);
    assert_int_equal(postgres_server_migrate(sync_db), 0);
    size_t n = add_stmts(store_worker_stmts, add_stmts(store_api_stmts, 0));
    assert_true(n < ARRAY_LEN(stmts));
    rig.loop = loop_create(NULL, NULL);
    rig.db = db_create(rig.loop, &(struct db_config){.url = server.url,
                                                     .session = store_worker_session,
                                                     .stmts = stmts,
                                                     .connections = 1,
                                                     .queue_max = 8,
                                                     .patience_ms = 5000});
    return 0;
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

/* --- the statement that runs ------------------------------------------------------------------- */

void rig_on_done(void *arg, int err, const struct db_rows *rows)
{
    (void)arg;
    rig.answer.done = true;
    rig.answer.err = err;
    rig.answer.rows = err == 0 ? db_count(rows) : 0;
    rig.answer.says = rig.answer.rows > 0 && rig.reader != NULL && rig.reader(rows);
}

bool finished(struct db_op *op)
{
    rig.answer.done = false;
    assert_non_null(op);
    WAIT(rig.loop, rig.answer.done, 10000);
    assert_true(rig.answer.done);
    if (rig.answer.err < 0)
        fail_msg("%s: %s", rig.running, err_name(rig.answer.err));
    return rig.reader != NULL ? rig.answer.says : rig.answer.rows > 0;
}

/* --- what is there before ---------------------------------------------------------------------- */

void run_sql(const char *format, ...)
{
    char sql[2048];
    va_list args;
    va_start(args, format);
    assert_in_range(vsnprintf(sql, sizeof sql, format, args), 1, sizeof sql - 1);
    va_end(args);
    assert_int_equal(dbsync_script(sync_db, sql), 0);
}

int64_t number_of(const char *sql)
{
    struct dbsync_rows *rows;
    int64_t value;
    assert_int_equal(dbsync_exec(sync_db, sql, 0, NULL, &rows), 0);
    assert_int_equal(dbsync_count(rows), 1);
    assert_true(str_to_i64(str_of(dbsync_text(rows, 0, 0)), INT64_MIN, INT64_MAX, &value));
    dbsync_rows_free(rows);
    return value;
}

#define HEX_SIZE 33

static void hex(char out[HEX_SIZE], struct id id)
{
    for (size_t i = 0; i < sizeof id.b; i++)
        snprintf(out + 2 * i, 3, "%02x", id.b[i]);
}

void set_scene(const struct scene *scene, enum delivery_state state)
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
    run_sql("insert into webhook (id, app_id, url, events, status, profile, secret, headers,"
            " retry_schedule, timeout_ms, concurrency, unsettled, deleted_at)"
            " values ('%s', '%s', 'http://a/', '{*}', %d, 'default', '', '', '{}', 1000, 1, true,"
            " %s)",
            w, a, (int)scene->status, scene->deleted ? "now()" : "null");
    run_sql("insert into subscription (app_id, pattern, webhook_id) values ('%s', '*', '%s')", a,
            w);
    run_sql("insert into event (id, app_id, test, type, data) values ('%s', '%s', %s, 't', '{}')",
            d, a, scene->test ? "true" : "false");
    run_sql(
        "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, attempts,"
        " replaces, expires_at, lease_until, lease_token, lease_owner) values ('%s', '%s', '%s',"
        " '%s', now() - interval '1 s', %d, %s, %d, %" PRId64 ", %s, %s)",
        d, d, w, a, (int)state, scene->test ? "true" : "false", scene->claim_lost ? 0 : 1,
        order_number(KEY),
        scene->replaced  ? "'-infinity'"
        : scene->expired ? "now() - interval '1 ms'"
                         : "null",
        scene->leased ? "now() + interval '1 min', 77, 5" : "null, null, null");
    if (scene->leased)
        run_sql("insert into lease (owner, token, ids) values (5, 77, '{%s}')", d);
}
