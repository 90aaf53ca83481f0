/* Which server is next, and what a sentinel may say. */
#include "base/err.h"
#include "io/redis_internal.h"

#include "unit.h"

static struct redis_address address;
static struct redis_route route;

static void begin(const char *url)
{
    assert_int_equal(redis_address_init(&address, url), 0);
    route = (struct redis_route){.address = &address};
}

static int end(void **state)
{
    (void)state;
    redis_address_fini(&address);
    return 0;
}

static void expect_next(const char *host, int port, bool asks)
{
    const struct redis_place *place = redis_route_next(&route);

    assert_string_equal(place->host, host);
    assert_int_equal(place->port, port);
    assert_int_equal(route.asks, asks);
}

/* What the reader would make of these bytes is said to the route. */
static int hear(const char *bytes, size_t n, char why[100])
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    const char *words = NULL;

    assert_int_equal(redisReaderFeed(reader, bytes, n), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    int err = redis_route_hear(&route, reply, &words);
    snprintf(why, 100, "%s", words != NULL ? words : "");
    freeReplyObject(reply);
    redisReaderFree(reader);
    return err;
}

static void expect_heard(const char *bytes)
{
    char why[100];

    assert_int_equal(hear(bytes, strlen(bytes), why), 0);
    assert_string_equal(why, "");
}

static void without_sentinels_it_is_the_same_server(void **state)
{
    (void)state;
    begin("redis://[::1]:7");
    expect_next("::1", 7, false);
    redis_route_arrived(&route);
    expect_next("::1", 7, false);
}

static void the_address_is_several(void **state)
{
    (void)state;
    begin("redis+sentinel://u:p%40@a_b,[fd00::1]:2,10.0.0.1:65535/main.one/9");
    assert_int_equal(address.sentinel_count, 3);
    assert_string_equal(address.sentinels[0].host, "a_b");
    assert_int_equal(address.sentinels[0].port, 26379);
    assert_string_equal(address.sentinels[1].host, "fd00::1");
    assert_int_equal(address.sentinels[1].port, 2);
    assert_string_equal(address.sentinels[2].host, "10.0.0.1");
    assert_int_equal(address.sentinels[2].port, 65535);
    assert_string_equal(address.service, "main.one");
    assert_string_equal(address.user, "u");
    assert_string_equal(address.password, "p@");
    assert_int_equal(address.db, 9);
    assert_false(address.secure);
    redis_address_fini(&address);
    begin("rediss+sentinel://a/m");
    assert_true(address.secure);
    assert_null(address.password);
}

static void a_sentinel_comes_before_each_master(void **state)
{
    (void)state;
    begin("redis+sentinel://a:1,b:2/m");
    expect_next("a", 1, true);
    expect_heard("*2\r\n$8\r\n10.0.0.9\r\n$4\r\n6379\r\n");
    expect_next("10.0.0.9", 6379, false);
    expect_next("b", 2, true); /* it was not there */
    expect_heard("*2\r\n$3\r\n::1\r\n$5\r\n65535\r\n");
    expect_next("::1", 65535, false);
    redis_route_arrived(&route);
    expect_next("b", 2, true); /* who knew it is asked first when it is lost */
    expect_next("a", 1, true); /* who did not answer is last */
    expect_next("b", 2, true);
}

static void what_is_no_address_is_not_believed(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        int err;
        const char *why;
    } rows[] = {
#define ROW(bytes, err, why) {bytes, sizeof(bytes) - 1, err, why}
#define NOWHERE(bytes)       ROW(bytes, ERR_INVALID, "the sentinel does not say where the master is")
        ROW("*-1\r\n", ERR_NOT_FOUND, "the sentinel knows no master of that name"),
        ROW("$-1\r\n", ERR_NOT_FOUND, "the sentinel knows no master of that name"),
        ROW("-NOAUTH who?\r\n", ERR_NOT_FOUND, "NOAUTH who?"),
        NOWHERE("+OK\r\n"),
        NOWHERE(":1\r\n"),
        NOWHERE("$1\r\nh\r\n"),
        NOWHERE("*0\r\n"),
        NOWHERE("*1\r\n$1\r\nh\r\n"),
        NOWHERE("*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n1\r\n"),
        NOWHERE("*2\r\n$1\r\nh\r\n:1\r\n"),
        NOWHERE("*2\r\n$-1\r\n$1\r\n1\r\n"),
        NOWHERE("*2\r\n$0\r\n\r\n$1\r\n1\r\n"),
        NOWHERE("*2\r\n$1\r\nh\r\n$1\r\n0\r\n"),
        NOWHERE("*2\r\n$1\r\nh\r\n$2\r\n-1\r\n"),
        NOWHERE("*2\r\n$1\r\nh\r\n$5\r\n65536\r\n"),
        NOWHERE("*2\r\n$1\r\nh\r\n$2\r\n1 \r\n"),
        NOWHERE("*2\r\n$1\r\nh\r\n$0\r\n\r\n"),
        NOWHERE("*2\r\n$3\r\na\0b\r\n$1\r\n1\r\n"),
        NOWHERE("*2\r\n$3\r\na b\r\n$1\r\n1\r\n"),
        NOWHERE("*2\r\n$5\r\n/tmp/\r\n$1\r\n1\r\n"),
        NOWHERE("*2\r\n$9\r\n1.2.3.256\r\n$1\r\n1\r\n"),
    };
    char why[100], bytes[400];

    (void)state;
    begin("redis+sentinel://a:1,b:2/m");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redis_route_next(&route);
        assert_int_equal(hear(rows[i].bytes, rows[i].n, why), rows[i].err);
        assert_string_equal(why, rows[i].why);
        redis_route_next(&route);
        assert_true(route.asks); /* again */
    }
    int n = snprintf(bytes, sizeof bytes, "*2\r\n$254\r\n%0254d\r\n$1\r\n1\r\n", 1);
    assert_int_equal(hear(bytes, (size_t)n, why), ERR_INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_sentinels_it_is_the_same_server, end),
        cmocka_unit_test_teardown(the_address_is_several, end),
        cmocka_unit_test_teardown(a_sentinel_comes_before_each_master, end),
        cmocka_unit_test_teardown(what_is_no_address_is_not_believed, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
