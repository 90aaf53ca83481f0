/* io/redis against a real server that answers and does not do its work: full, or a replica. */
#include "base/err.h"

#include "redis_rig.h"

#include <stdio.h>

static const struct redis_script echo = {"echo", "return 1"};
static const struct redis_script oom = {"oom", "return redis.error_reply('OOM test')"};
static const struct redis_script probe = {"probe", "return redis.call('SET', 'probe', '')"};
static const struct redis_script relief = {"relief", "return redis.call('DEL', 'large')"};
static const struct redis_script *const scripts[] = {&echo, &oom, &probe, &relief, NULL};

static void run(const struct redis_script *script)
{
    redis_eval(rig.redis, script, NULL, 0, NULL, 0, 1000, rig_on_answer, NULL);
}

static void open_probing(const struct redis_script *with)
{
    struct redis_config config = rig_config(scripts);
    config.probe = &probe;
    config.relief = with;
    rig.redis = redis_create(rig.loop, &config);
}

/* It answers -OOM: down, on the connection that there is, until a write is taken. */
static void who_refuses_is_down_until_it_takes_a_write(void **state)
{
    (void)state;
    redis_server_start(&rig.server);
    open_probing(NULL);
    WAIT(rig.loop, rig.ups == 1, 3000);
    assert_int_equal(rig.ups, 1);
    redis_server_say(&rig.server, "CONFIG SET maxmemory 1");
    long long clients = redis_server_say(&rig.server, "CLIENT ID");
    run(&oom);
    run(&echo); /* sent before that was known: it has its answer */
    WAIT(rig.loop, rig.answered == 2 && rig.downs == 1, 1000);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 1);
    assert_int_equal(count_of(0), 1);
    assert_int_equal(rig.downs, 1);
    assert_false(redis_up(rig.redis));
    run(&echo);
    WAIT(rig.loop, rig.answered == 3, 1000);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 2);
    WAIT(rig.loop, rig.ups > 1, 2500);
    assert_int_equal(rig.ups, 1);
    assert_int_equal(redis_server_say(&rig.server, "CLIENT ID"), clients + 1);
    redis_server_say(&rig.server, "CONFIG SET maxmemory 0");
    WAIT(rig.loop, rig.ups == 2, 3500); /* twice as long: it had just come up */
    assert_int_equal(rig.ups, 2);
    assert_int_equal(rig.downs, 1);
    run(&echo);
    WAIT(rig.loop, rig.answered == 4, 1000);
    assert_int_equal(count_of(0), 2);
}

static void who_refuses_from_the_start_is_never_up(void **state)
{
    (void)state;
    redis_server_start(&rig.server);
    redis_server_say(&rig.server, "CONFIG SET maxmemory 1");
    open_probing(NULL);
    WAIT(rig.loop, rig.ups > 0, 1500);
    assert_int_equal(rig.ups, 0);
    redis_server_say(&rig.server, "CONFIG SET maxmemory 0");
    WAIT(rig.loop, rig.ups == 1, 2000);
    assert_int_equal(rig.ups, 1);
    assert_int_equal(rig.downs, 0);
}

static void relief_makes_room(void **state)
{
    char command[64];
    (void)state;
    redis_server_start(&rig.server);
    long long used = redis_server_say(
        &rig.server,
        "EVAL return(tonumber(string.match(redis.call('INFO','memory'),'used_memory:(%%d+)'))) 0");
    redis_server_say(&rig.server, "SETRANGE large 4000000 x");
    snprintf(command, sizeof command, "CONFIG SET maxmemory %lld", used + 3000000);
    redis_server_say(&rig.server, command);
    open_probing(&relief);
    WAIT(rig.loop, rig.ups == 1, 4000);
    assert_int_equal(rig.ups, 1);
}

/* A replica's name may lead to the next master. */
static void who_is_another_by_now_is_connected_to_again(void **state)
{
    (void)state;
    redis_server_start(&rig.server);
    open_probing(NULL);
    WAIT(rig.loop, rig.ups == 1, 3000);
    redis_server_say(&rig.server, "REPLICAOF 127.0.0.1 1");
    long long clients = redis_server_say(&rig.server, "CLIENT ID");
    run(&probe);
    WAIT(rig.loop, rig.downs == 1, 1000);
    assert_int_equal(rig.downs, 1);
    WAIT(rig.loop, rig.ups > 1, 2000);
    assert_int_equal(rig.ups, 1);
    clients = redis_server_say(&rig.server, "CLIENT ID") - clients;
    assert_in_range(clients, 2, 8);
    redis_server_say(&rig.server, "REPLICAOF NO ONE");
    WAIT(rig.loop, rig.ups == 2, 2500);
    assert_int_equal(rig.ups, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(who_refuses_is_down_until_it_takes_a_write),
        RIG_TEST(who_refuses_from_the_start_is_never_up),
        RIG_TEST(relief_makes_room),
        RIG_TEST(who_is_another_by_now_is_connected_to_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
