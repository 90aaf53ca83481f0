/* Gathering, as PostgreSQL does it: which deliveries come along with one that is claimed, and how long those
 * that are accepted wait for others. */
#include "base/err.h"
#include "io/dbsync.h"
#include "store/store.h"
#include "store/work.h"

#include "postgres_server.h"
#include "unit.h"
#include "wait.h"

#include <inttypes.h>
#include <stdio.h>

#define TOKEN 78
#define OWNER 5

static struct postgres_server server;
static struct dbsync *sync_db; /* for what is there before, and what is there after */
static struct loop *loop;
static struct db *db;
static struct id app, webhook, delivery;

static void run_sql(const char *format, ...) PRINTF_LIKE(1, 2);

static void run_sql(const char *format, ...)
{
    char sql[2048];
    va_list args;
    va_start(args, format);
    assert_in_range(vsnprintf(sql, sizeof sql, format, args), 1, sizeof sql - 1);
    va_end(args);
    assert_int_equal(dbsync_script(sync_db, sql), 0);
}

static int64_t number_of(const char *sql)
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

/* A webhook that gathers, and a delivery that is due. */
static void set_scene(int batch_max)
{
    char a[HEX_SIZE], w[HEX_SIZE], d[HEX_SIZE];

    run_sql("delete from lease; delete from delivery; delete from event; delete from webhook");
    app = id_new();
    webhook = id_new();
    delivery = id_new(); /* its event has the same id: they share the partition's range */
    hex(a, app);
    hex(w, webhook);
    hex(d, delivery);
    run_sql("insert into webhook (id, app_id, url, events, profile, secret, headers,"
            " retry_schedule, timeout_ms, concurrency, batch_max)"
            " values ('%s', '%s', 'http://a/', '{*}', 'marzban', '', '', '{}', 1000, 1, %d)",
            w, a, batch_max);
    run_sql(
        "insert into event (id, app_id, test, type, data) values ('%s', '%s', false, 't', '{}')", d,
        a);
    run_sql("insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
            " values ('%s', '%s', '%s', '%s', now() - interval '1 s', 0, false)",
            d, d, w, a);
}

/* --- statements --------------------------------------------------------------------------------- */

static struct {
    bool done;
    int rows;
    size_t along;
} answer;

static void on_done(void *arg, int err, const struct db_rows *rows)
{
    (void)arg;
    (void)rows;
    assert_int_equal(err, 0);
    answer.done = true;
    answer.rows = db_count(rows);
}

static void on_gathered(void *arg, int err, const struct db_rows *rows)
{
    struct claim c;

    on_done(arg, err, rows);
    answer.along = 0;
    for (int i = 0; i < db_count(rows); i++) {
        claims_read(rows, i, &c);
        assert_int_equal(c.content.attempt, 2);
        assert_true(c.content.due_ms > 0);
        assert_true(id_eq(c.to.webhook, webhook));
        assert_true(!c.along || id_eq(c.ref.app, app));
        assert_true(c.along != id_eq(c.content.delivery, delivery));
        answer.along += c.along;
    }
}

static void finish(struct db_op *op)
{
    assert_non_null(op);
    WAIT(loop, answer.done, 10000);
    assert_true(answer.done);
    answer.done = false;
}

/* How many come along with the one that is claimed. */
static size_t gathered(void)
{
    finish(work_claim(db, &delivery, 1, TOKEN, OWNER, 1 << 20, on_done, NULL));
    assert_int_equal(answer.rows, 1);
    finish(work_gather(db, &delivery, 1, TOKEN, OWNER, on_gathered, NULL));
    int64_t leased = number_of("select count(*) from delivery where lease_token = 78"
                               " and lease_owner = 5 and lease_until > now()");
    assert_int_equal(leased, answer.along + 1);
    assert_int_equal(answer.rows, answer.along + 1);
    return answer.along;
}

#define BESIDE "lpad('', 1000, 'x')"

/* Deliveries beside the claimed one, of the same webhook: the first is due earliest. */
static void add_beside(const char *set, int count)
{
    char w[HEX_SIZE], a[HEX_SIZE], d[HEX_SIZE];
    hex(w, webhook);
    hex(a, app);
    hex(d, delivery);
    run_sql("with e as (insert into event (id, app_id, test, type, data)"
            " select encode(substr(uuid_send(id), 1, 7) || substr(uuid_send(gen_random_uuid()), 8),"
            "  'hex')::uuid, '%s', false, 't', convert_to('\"' || " BESIDE " || '\"', 'utf8')"
            " from event cross join generate_series(1, %d) limit %d returning id)"
            "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
            " select id, id, '%s', '%s', now() - interval '1 min', 0, false from e",
            a, count, count, w, a);
    if (set != NULL)
        run_sql("update delivery set %s where id <> '%s'", set, d);
    run_sql("update delivery set attempts = 1");
}

static const struct {
    const char *set; /* of those beside */
    int count;
    size_t come;
} besides[] = {
    {NULL, 3, 3},
    {NULL, 150, 102}, /* 100 KiB of 1,002 bytes each */
    {"next_at = now() + interval '1 s'", 3, 0},
    {"next_at = now() + interval '2 ms'", 3, 3},
    {"test = true", 3, 0},
    {"state = 4", 3, 0},
    {"state = 1", 3, 0},
    {"lease_until = now() + interval '1 min', lease_token = 1", 3, 0},
    {"lease_until = now() - interval '1 min', lease_token = 1", 3, 3},
    {"webhook_id = gen_random_uuid()", 3, 0},
};

static void test_gathering(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(besides); i++) {
        set_scene(1000);
        add_beside(besides[i].set, besides[i].count);
        size_t come = gathered();
        if (come != besides[i].come)
            fail_msg("%s: %zu came, not %zu", besides[i].set, come, besides[i].come);
    }
}

static void test_batch_max(void **state)
{
    (void)state;
    set_scene(7);
    add_beside(NULL, 6);
    run_sql("update delivery set step = 1");
    add_beside("next_at = case step when 0 then now() else next_at end", 14);
    assert_int_equal(gathered(), 6);
    assert_int_equal(number_of("select count(*) from delivery where lease_token = 78"
                               " and step = 0"),
                     0);
}

/* What another has locked is another's: nobody waits for it. */
static void test_locked(void **state)
{
    struct dbsync *other = dbsync_open(server.url, 5000);

    (void)state;
    assert_non_null(other);
    set_scene(7);
    add_beside(NULL, 3);
    char d[HEX_SIZE], sql[200];
    hex(d, delivery);
    snprintf(sql, sizeof sql,
             "begin; select from delivery where id <> '%s' order by id limit 1 for update", d);
    assert_int_equal(dbsync_script(other, sql), 0);
    assert_int_equal(gathered(), 2);
    dbsync_close(other);
}

/* Two accept at the same time: the second waits for the first, and takes its moment. */
static void test_one_window(void **state)
{
    struct dbsync *other = dbsync_open(server.url, 5000);
    char w[HEX_SIZE], sql[600];

    (void)state;
    assert_non_null(other);
    set_scene(1000);
    hex(w, webhook);
    snprintf(sql, sizeof sql, "update delivery set next_at = gather_due('%s', 3)", w);
    run_sql("%s", sql);
    snprintf(sql, sizeof sql,
             "select count(*) from delivery where next_at = gather_due('%s', 3)"
             " and next_at between now() + interval '1 s' and now() + interval '3 s'",
             w);
    assert_int_equal(number_of(sql), 1);
    snprintf(sql, sizeof sql, "begin; select gather_due('%s', 3)", w);
    assert_int_equal(dbsync_script(other, sql), 0);
    assert_int_equal(number_of("select count(*) from pg_locks where locktype = 'advisory'"), 1);
    dbsync_close(other);
}

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server);
    sync_db = dbsync_open(server.url, 5000);
    assert_non_null(sync_db);
    assert_int_equal(postgres_server_migrate(sync_db), 0);
    loop = loop_create(NULL, NULL);
    db = db_create(loop, &(struct db_config){.url = server.url,
                                             .session = store_worker_session,
                                             .stmts = store_worker_stmts,
                                             .connections = 1,
                                             .queue_max = 8,
                                             .patience_ms = 5000});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    db_destroy(db);
    loop_destroy(loop);
    dbsync_close(sync_db);
    postgres_server_stop(&server);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gathering),
        cmocka_unit_test(test_batch_max),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_one_window),
    };
    return cmocka_run_group_tests_name("gather", tests, start, stop);
}
