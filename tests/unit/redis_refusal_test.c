/* io/redis against a real server that answers and does not do its work: full, or a replica. */
#include "base/err.h"
#include "io/redis.h"
#include "redis_server.h"
#include "unit.h"

#include <stdio.h>

static const struct redis_script echo = {"echo", "return 1"};
static const struct redis_script oom = {"oom", "return redis.error_reply('OOM test')"};
static const struct redis_script probe = {"probe", "return redis.call('SET', 'probe', '')"};
static const struct redis_script relief = {"relief", "return redis.call('DEL', 'large')"};
static const struct redis_script *const scripts[] = {&echo, &oom, &probe, &relief, NULL};

static struct redis_server server;
static struct loop *loop;
static struct redis *redis;
static int ups, downs, answered, answers[16]; /* by error: -err % 16 */

static void on_up(void *arg)
{
    (void)arg;
    ups++;
}

static void on_down(void *arg)
{
    (void)arg;
    downs++;
}

static int count_of(int err)
{
    return answers[-err % 16];
}

static void on_answer(void *arg, int err, const struct redis_reply *reply)
{
    (void)arg;
    answered++;
    answers[-err % 16]++;
    assert_true((err == 0) == (reply != NULL));
}

static void run(const struct redis_script *script)
{
    redis_eval(redis, script, NULL, 0, NULL, 0, 1000, on_answer, NULL);
}

static int set_up(void **state)
{
    (void)state;
    redis_server_init(&server);
    loop = loop_create(NULL, NULL);
    ups = downs = answered = 0;
    memset(answers, 0, sizeof answers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_destroy(redis);
    redis = NULL;
    loop_destroy(loop);
    redis_server_fini(&server);
    return 0;
}

static void open_probing(const struct redis_script *with)
{
    redis = redis_create(loop, &(struct redis_config){.url = server.url,
                                                      .scripts = scripts,
                                                      .probe = &probe,
                                                      .relief = with,
                                                      .outstanding_max = 100,
                                                      .on_up = on_up,
                                                      .on_down = on_down});
}

/* It answers -OOM: down, on the connection that there is, until a write is taken. */
static void who_refuses_is_down_until_it_takes_a_write(void **state)
{
    (void)state;
    redis_server_start(&server);
    open_probing(NULL);
    WAIT(loop, ups == 1, 3000);
    assert_int_equal(ups, 1);
    redis_server_say(&server, "CONFIG SET maxmemory 1");
    long long clients = redis_server_say(&server, "CLIENT ID");
    run(&oom);
    run(&echo); /* sent before that was known: it has its answer */
    WAIT(loop, answered == 2 && downs == 1, 1000);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 1);
    assert_int_equal(count_of(0), 1);
    assert_int_equal(downs, 1);
    assert_false(redis_up(redis));
    run(&echo);
    WAIT(loop, answered == 3, 1000);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 2);
    WAIT(loop, ups > 1, 2500);
    assert_int_equal(ups, 1);
    assert_int_equal(redis_server_say(&server, "CLIENT ID"), clients + 1);
    redis_server_say(&server, "CONFIG SET maxmemory 0");
    WAIT(loop, ups == 2, 3500); /* twice as long: it had just come up */
    assert_int_equal(ups, 2);
    assert_int_equal(downs, 1);
    run(&echo);
    WAIT(loop, answered == 4, 1000);
    assert_int_equal(count_of(0), 2);
}

static void who_refuses_from_the_start_is_never_up(void **state)
{
    (void)state;
    redis_server_start(&server);
    redis_server_say(&server, "CONFIG SET maxmemory 1");
    open_probing(NULL);
    WAIT(loop, ups > 0, 1500);
    assert_int_equal(ups, 0);
    redis_server_say(&server, "CONFIG SET maxmemory 0");
    WAIT(loop, ups == 1, 2000);
    assert_int_equal(ups, 1);
    assert_int_equal(downs, 0);
}

static void relief_makes_room(void **state)
{
    char command[64];
    (void)state;
    redis_server_start(&server);
    long long used = redis_server_say(
        &server,
        "EVAL return(tonumber(string.match(redis.call('INFO','memory'),'used_memory:(%%d+)'))) 0");
    redis_server_say(&server, "SETRANGE large 4000000 x");
    snprintf(command, sizeof command, "CONFIG SET maxmemory %lld", used + 3000000);
    redis_server_say(&server, command);
    open_probing(&relief);
    WAIT(loop, ups == 1, 4000);
    assert_int_equal(ups, 1);
}

/* A replica's name may lead to the next master. */
static void who_is_another_by_now_is_connected_to_again(void **state)
{
    (void)state;
    redis_server_start(&server);
    open_probing(NULL);
    WAIT(loop, ups == 1, 3000);
    redis_server_say(&server, "REPLICAOF 127.0.0.1 1");
    long long clients = redis_server_say(&server, "CLIENT ID");
    run(&probe);
    WAIT(loop, downs == 1, 1000);
    assert_int_equal(downs, 1);
    WAIT(loop, ups > 1, 2000);
    assert_int_equal(ups, 1);
    clients = redis_server_say(&server, "CLIENT ID") - clients;
    assert_in_range(clients, 2, 8);
    redis_server_say(&server, "REPLICAOF NO ONE");
    WAIT(loop, ups == 2, 2500);
    assert_int_equal(ups, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_refuses_is_down_until_it_takes_a_write),
        TEST(who_refuses_from_the_start_is_never_up),
        TEST(relief_makes_room),
        TEST(who_is_another_by_now_is_connected_to_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
