/* What a claim's answer has of events, as PostgreSQL answers it: the data of each once, however many webhooks get it;
 * none of what is large; and no more than was asked for. */
#include "store/work.h"

#include "ledger_rig.h"

#include <stdlib.h>

#define WEBHOOKS 3
#define SMALL    1000
#define LARGE    (WORK_DATA_MAX + 1)
#define ALL      ((int64_t)1 << 20)

static struct id ids[40], large_event;
static size_t count;

/* Events of so many bytes each, with a delivery each for WEBHOOKS webhooks. */
static void add_events(int events, int bytes)
{
    char a[HEX_SIZE], d[HEX_SIZE];

    hex(a, rig.app);
    hex(d, rig.delivery);
    run_sql("with e as (insert into event (id, app_id, test, type, data)"
            " select encode(substr(uuid_send('%s'), 1, 7) || set_byte('x', 0, 10 * %d + n)"
            "  || substr(uuid_send(gen_random_uuid()), 9), 'hex')::uuid, '%s', false, 't',"
            "  convert_to('\"' || lpad('', %d - 2, 'x') || '\"', 'utf8')"
            " from generate_series(1, %d) n returning id)"
            " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
            " select new_delivery_id(e.id), e.id, w.id, '%s', now() - interval '1 min', 0, false"
            " from e cross join webhook w",
            d, bytes > SMALL, a, bytes, events, a);
}

static bool read_ids(const struct db_rows *rows)
{
    for (count = 0; count < (size_t)db_count(rows); count++)
        ids[count] = db_id(rows, (int)count, 0);
    return true;
}

/* WEBHOOKS of them, and no deliveries. */
static void set_webhooks(const char *set)
{
    rig_scene();
    run_sql("delete from delivery; delete from event; update webhook set concurrency = 100");
    run_sql("insert into webhook (id, app_id, url, events, profile, secret, headers,"
            " retry_schedule, timeout_ms, concurrency) select gen_random_uuid(), app_id, url,"
            " events, profile, secret, headers, retry_schedule, timeout_ms, concurrency"
            " from webhook cross join generate_series(2, %d)",
            WEBHOOKS);
    if (set != NULL)
        run_sql("update webhook set %s", set);
}

/* What an answer has. */
static struct {
    int claims, fit, here, found, along, taken_over;
    size_t bytes, sizes;
} seen;

static bool read_claims(const struct db_rows *rows)
{
    seen.claims = db_count(rows);
    seen.fit = seen.here = seen.found = seen.along = seen.taken_over = 0;
    seen.bytes = claims_bytes(rows);
    seen.sizes = 0;
    for (int i = 0; i < db_count(rows); i++) {
        struct claim c;
        claims_read(rows, i, &c);
        struct str data = claims_data(rows, c.content.event);
        seen.fit += c.fits;
        seen.along += c.along;
        seen.taken_over += c.takes_over;
        seen.here += c.content.data.p != NULL;
        seen.found += data.p != NULL;
        seen.sizes += c.size;
        if (data.p != NULL)
            assert_int_equal(data.n, c.size);
        else
            large_event = c.content.event;
    }
    return true;
}

static void list_ids(void)
{
    rig.reader = read_ids;
    rows_of(work_overdue(rig.db, ARRAY_LEN(ids), rig_on_done, NULL));
}

static void claim(int64_t bytes)
{
    list_ids();
    rig.reader = read_claims;
    rows_of(work_claim(rig.db, ids, count, OTHER, OWNER, bytes, rig_on_done, NULL));
}

static void claim_due(int64_t bytes)
{
    struct work_ask ask = {.webhooks = 100, .bytes = bytes, .room = {.max = 100, .free = 1000}};
    rig.reader = read_claims;
    rows_of(work_claim_due(rig.db, &ask, OTHER, OWNER, rig_on_done, NULL));
}

static void (*const claimers[])(int64_t bytes) = {claim, claim_due};

static void test_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claimers); i++) {
        set_webhooks(NULL);
        add_events(4, SMALL);
        claimers[i](ALL);
        assert_int_equal(seen.claims, 4 * WEBHOOKS);
        assert_int_equal(seen.fit, 4 * WEBHOOKS);
        assert_int_equal(seen.found, 4 * WEBHOOKS);
        assert_int_equal(seen.here, 4);
        assert_int_equal(seen.bytes, 4 * SMALL);
    }
}

/* Who claims what was leased until its lease ran out is told so, and nobody after. */
static void test_taken_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claimers); i++) {
        set_webhooks(NULL);
        add_events(2, SMALL);
        claimers[i](ALL);
        assert_int_equal(seen.claims, 2 * WEBHOOKS);
        assert_int_equal(seen.taken_over, 0);
        run_sql(
            "delete from lease; update delivery set lease_until = now() - interval '1 ms' where id in"
            " (select id from delivery order by id limit 3);"
            " update delivery set lease_until = null, lease_token = null where lease_until > now()");
        claimers[i](ALL);
        assert_int_equal(seen.claims, 2 * WEBHOOKS);
        assert_int_equal(seen.taken_over, 3);
        run_sql("delete from lease; update delivery set lease_until = null, lease_token = null");
        claimers[i](ALL);
        assert_int_equal(seen.claims, 2 * WEBHOOKS);
        assert_int_equal(seen.taken_over, 0);
    }
}

static void claim_plain(void)
{
    rig.reader = read_claims;
    seen.claims = 0;
    rows_of(work_claim_plain(rig.db, ids, count, OTHER, OWNER, rig_on_done, NULL));
}

static void test_plain(void **state)
{
    (void)state;
    set_webhooks(NULL);
    add_events(1, SMALL);
    add_events(1, LARGE);
    list_ids();
    claim_plain();
    assert_int_equal(seen.claims, 2 * WEBHOOKS);
    assert_int_equal(seen.fit, 2 * WEBHOOKS);
    assert_int_equal(seen.here, WEBHOOKS);
    assert_int_equal(seen.bytes, WEBHOOKS * SMALL);
    assert_int_equal(seen.taken_over, 0);
    assert_int_equal(number_of("select sum(cardinality(ids)) from lease"), 2 * WEBHOOKS);
    claim_plain();
    assert_int_equal(seen.claims, 0);
}

/* Each of these is left as it is, and the others are claimed; then whoever looks at all has it, or moves it. */
static void test_not_plain(void **state)
{
    static const struct {
        const char *table, *set;
        int left;
        bool whole;
    } cases[] = {
        {"delivery", "lease_until = now() - interval '1 s', lease_token = 1, lease_owner = 1", 1,
         true},
        {"delivery", "lease_until = now() + interval '9 s', lease_token = 1, lease_owner = 1", 1,
         false},
        {"delivery", "lane = 1", 1, true},
        {"delivery", "crashes = 1", 1, true},
        {"delivery", "expires_at = now()", 1, true},
        {"delivery", "next_at = now() + interval '9 s'", 1, false},
        {"delivery", "state = 1, completed_at = now()", 1, false},
        {"webhook", "status = 1", 2, true},
        {"webhook", "deleted_at = now()", 2, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_webhooks(NULL);
        run_sql("delete from lease");
        add_events(2, SMALL);
        list_ids();
        run_sql("update %s set %s where id = (select id from %s order by id limit 1)",
                cases[i].table, cases[i].set, cases[i].table);
        claim_plain();
        assert_int_equal(seen.claims, 2 * WEBHOOKS - cases[i].left);
        seen.claims = 0;
        rows_of(work_claim(rig.db, ids, count, OTHER + 1, OWNER, ALL, rig_on_done, NULL));
        assert_int_equal(seen.claims, cases[i].whole ? cases[i].left : 0);
    }
}

static size_t bytes_of_data;

static bool read_data(const struct db_rows *rows)
{
    bytes_of_data = db_str(rows, 0, 0).n;
    return true;
}

/* It comes when it is wanted, and nothing after it is kept away by it. */
static void test_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claimers); i++) {
        set_webhooks(NULL);
        add_events(2, LARGE);
        add_events(1, SMALL);
        claimers[i](2 * SMALL);
        assert_int_equal(seen.claims, 3 * WEBHOOKS);
        assert_int_equal(seen.fit, 3 * WEBHOOKS);
        assert_int_equal(seen.found, WEBHOOKS);
        assert_int_equal(seen.bytes, SMALL);
        assert_int_equal(seen.sizes, (2 * LARGE + SMALL) * WEBHOOKS);
        rig.reader = read_data;
        assert_int_equal(rows_of(work_data(rig.db, large_event, rig_on_done, NULL)), 1);
        assert_int_equal(bytes_of_data, LARGE);
    }
}

/* In the order of their ids, and those of webhooks with headers: the bound is on what comes. */
static void test_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claimers); i++) {
        set_webhooks(NULL);
        add_events(4, SMALL);
        claimers[i](SMALL + 1);
        assert_int_equal(seen.claims, 4 * WEBHOOKS);
        assert_int_equal(seen.bytes, 2 * SMALL);
        assert_int_equal(seen.fit, WEBHOOKS + 1);
        assert_int_equal(seen.found, 2 * WEBHOOKS);

        set_webhooks("headers = convert_to(lpad('', 1000, 'h'), 'utf8')");
        add_events(4, SMALL);
        claimers[i](SMALL + 2000 + 1);
        assert_int_equal(seen.fit, 3);
        assert_int_equal(seen.here, 1);
    }
}

/* What comes along is of the same events as what it comes along with, or not. */
static void test_gathered(void **state)
{
    (void)state;
    set_webhooks("profile = 'marzban', batch_max = 100");
    add_events(4, SMALL);
    list_ids();
    struct id first[WEBHOOKS];
    memcpy(first, ids, sizeof first); /* of one event */
    rig.reader = NULL;
    assert_int_equal(
        rows_of(work_claim(rig.db, first, WEBHOOKS, OTHER, OWNER, ALL, rig_on_done, NULL)),
        WEBHOOKS);
    rig.reader = read_claims;
    rows_of(work_gather(rig.db, first, WEBHOOKS, OTHER, OWNER, rig_on_done, NULL));
    assert_int_equal(seen.claims, 4 * WEBHOOKS);
    assert_int_equal(seen.along, 3 * WEBHOOKS);
    assert_int_equal(seen.here, 4);
    assert_int_equal(seen.found, 4 * WEBHOOKS);
    assert_int_equal(seen.bytes, 4 * SMALL);
}

/* The data of an erased event is empty; of one that is gone there is none. */
static void test_gone(void **state)
{
    (void)state;
    set_webhooks(NULL);
    add_events(1, LARGE);
    claim(ALL);
    run_sql("update event set data = '', erased_at = now()");
    rig.reader = read_data;
    assert_int_equal(rows_of(work_data(rig.db, large_event, rig_on_done, NULL)), 1);
    assert_int_equal(bytes_of_data, 0);
    run_sql("delete from delivery; delete from event");
    rig.reader = NULL;
    assert_int_equal(rows_of(work_data(rig.db, large_event, rig_on_done, NULL)), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),     cmocka_unit_test(test_large),
        cmocka_unit_test(test_bound),    cmocka_unit_test(test_taken_over),
        cmocka_unit_test(test_gathered), cmocka_unit_test(test_gone),
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_not_plain),
    };
    return cmocka_run_group_tests_name("claim", tests, rig_begin, rig_end);
}
