/* Gathering, as PostgreSQL does it: which deliveries come along with one that is claimed, and how long those
 * that are accepted wait for others. */
#include "io/dbsync.h"
#include "store/work.h"

#include "ledger_rig.h"

#include <stdio.h>

/* A webhook that gathers, and a delivery that is due. */
static void set_gathering(int batch_max)
{
    rig_scene();
    run_sql("update webhook set profile = 'marzban', batch_max = %d", batch_max);
}

/* --- statements --------------------------------------------------------------------------------- */

static size_t along;

static bool read_gathered(const struct db_rows *rows)
{
    struct claim c;

    along = 0;
    for (int i = 0; i < db_count(rows); i++) {
        claims_read(rows, i, &c);
        assert_int_equal(c.content.attempt, 2);
        assert_true(c.content.due_ms > 0);
        assert_true(id_eq(c.to.webhook, rig.webhook));
        assert_true(!c.along || id_eq(c.ref.app, rig.app));
        assert_true(c.along != id_eq(c.content.delivery, rig.delivery));
        along += c.along;
    }
    return true;
}

/* How many come along with the one that is claimed. */
static size_t gathered(void)
{
    rig.reader = NULL;
    assert_int_equal(
        rows_of(work_claim(rig.db, &rig.delivery, 1, OTHER, OWNER, 1 << 20, rig_on_done, NULL)), 1);
    rig.reader = read_gathered;
    int rows = rows_of(work_gather(rig.db, &rig.delivery, 1, OTHER, OWNER, rig_on_done, NULL));
    int64_t leased = number_of("select count(*) from delivery where lease_token = 78"
                               " and lease_owner = 5 and lease_until > now()");
    assert_int_equal(leased, along + 1);
    assert_int_equal(rows, along + 1);
    return along;
}

#define BESIDE "lpad('', 1000, 'x')"

/* Deliveries beside the claimed one, of the same webhook: the first is due earliest. */
static void add_beside(const char *set, int count)
{
    char w[HEX_SIZE], a[HEX_SIZE], d[HEX_SIZE];
    hex(w, rig.webhook);
    hex(a, rig.app);
    hex(d, rig.delivery);
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
    {"lease_until = now() - interval '1 min', lease_token = 1, lease_owner = 4711", 3,
     0}, /* lost */
    {"webhook_id = gen_random_uuid()", 3, 0},
};

static void test_gathering(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(besides); i++) {
        set_gathering(1000);
        run_sql("insert into lease (owner, token, ids) values (4711, 1, '{}')");
        add_beside(besides[i].set, besides[i].count);
        size_t come = gathered();
        if (come != besides[i].come)
            fail_msg("%s: %zu came, not %zu", besides[i].set, come, besides[i].come);
    }
}

static void test_batch_max(void **state)
{
    (void)state;
    set_gathering(7);
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
    struct dbsync *other = dbsync_open(rig.url, 5000);

    (void)state;
    assert_non_null(other);
    set_gathering(7);
    add_beside(NULL, 3);
    char d[HEX_SIZE], sql[200];
    hex(d, rig.delivery);
    snprintf(sql, sizeof sql,
             "begin; select from delivery where id <> '%s' order by id limit 1 for update", d);
    assert_int_equal(dbsync_script(other, sql), 0);
    assert_int_equal(gathered(), 2);
    dbsync_close(other);
}

/* Two accept at the same time: the second waits for the first, and takes its moment. */
static void test_one_window(void **state)
{
    struct dbsync *other = dbsync_open(rig.url, 5000);
    char w[HEX_SIZE], sql[600];

    (void)state;
    assert_non_null(other);
    set_gathering(1000);
    hex(w, rig.webhook);
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gathering),
        cmocka_unit_test(test_batch_max),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_one_window),
    };
    return cmocka_run_group_tests_name("gather", tests, rig_begin, rig_end);
}
