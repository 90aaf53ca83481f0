/* io/redis against a real server that comes, goes, hangs and forgets. */
#include "base/err.h"
#include "io/redis_internal.h"

#include "redis_rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct redis_script echo = {"echo", "return {#KEYS, KEYS[1], ARGV[1], false}"};
static const struct redis_script wrong = {"wrong", "return redis.call('GET')"};
static const struct redis_script oom = {"oom", "return redis.error_reply('OOM test')"};
static const struct redis_script *const scripts[] = {&echo, &wrong, &oom, NULL};

static int64_t last_i64;
static char last_key[16], last_arg[16];
static bool last_nil;

static void note(char out[16], struct str s)
{
    snprintf(out, 16, "%.*s", STR_FMT(s));
}

static void on_answer(void *arg, int err, const struct redis_reply *reply)
{
    rig_on_answer(arg, err, reply);
    if (reply == NULL || redis_count(reply) != 4)
        return;
    last_i64 = redis_i64(redis_at(reply, 0));
    note(last_key, redis_str(redis_at(reply, 1)));
    note(last_arg, redis_str(redis_at(reply, 2)));
    last_nil = redis_str(redis_at(reply, 3)).p == NULL;
}

static struct redis_op *run(const struct redis_script *script, int64_t deadline_ms, int *calls)
{
    const struct str keys[] = {STR_LIT("k")}, args[] = {STR_LIT("a\0b")};
    return redis_eval(rig.redis, script, keys, 1, args, 1, deadline_ms, on_answer, calls);
}

static struct redis_config config(void)
{
    struct redis_config c = rig_config(scripts);
    c.channel = "wake";
    c.on_message = rig_on_message;
    return c;
}

static void open_redis(const char *url)
{
    struct redis_config c = config();
    c.url = url;
    rig.redis = redis_create(rig.loop, &c);
}

static void start_all(void)
{
    redis_server_start(&rig.server);
    open_redis(rig.server.url);
    WAIT(rig.loop, rig.ups == 1 && rig.messages == 1, 5000);
    assert_int_equal(rig.ups, 1);
    assert_int_equal(rig.messages, 1);
}

static void urls_are_checked(void **state)
{
    static const char *const good[] = {"redis://127.0.0.1",
                                       "redis://localhost:6380/3",
                                       "redis://u:p%40x@h:1/0",
                                       "redis://:secret@[::1]:6379",
                                       "unix:///tmp/x",
                                       "unix:///tmp/x?db=7",
                                       "rediss://h",
                                       "rediss://u:p@h:1/2",
                                       "redis+sentinel://h/mymaster",
                                       "redis+sentinel://u:p%40x@h:1,[::1]:2,10.0.0.1/a.b-c_9/3",
                                       "rediss+sentinel://:p@a,b,c,d,e,f,g,h/m/"};
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "rediss://",
                                      "redis://",
                                      "redis://h:0",
                                      "redis://h:",
                                      "redis://h:70000",
                                      "redis://h/x",
                                      "redis://u@h",
                                      "redis://[::1",
                                      "unix://x",
                                      "unix:///x?db=abc",
                                      "redis://u:%zz@h",
                                      "redis://:%00@h",
                                      "unix:///x?dc=1",
                                      "redis:///3",
                                      "redis://@h",
                                      "redis://:@h",
                                      "redis://u:@h",
                                      "redis://:a@b@h",
                                      "unix:///",
                                      "redis://h/65536",
                                      "redis://h/1?x=1",
                                      "redis://h/1#x",
                                      "unix:///x#y",
                                      "redis:h",
                                      "unix:/x",
                                      "redis://u:p@",
                                      "redis://:%4@h",
                                      "unix://h/x",
                                      "redis+sentinel://h",
                                      "redis+sentinel://h/",
                                      "redis+sentinel:///m",
                                      "redis+sentinel://h,/m",
                                      "redis+sentinel://,h/m",
                                      "redis+sentinel://h:0/m",
                                      "redis+sentinel://h:/m",
                                      "redis+sentinel://h:1x/m",
                                      "redis+sentinel://a b/m",
                                      "redis+sentinel://[::1/m",
                                      "redis+sentinel://u@h/m",
                                      "redis+sentinel://:a@b@h/m",
                                      "redis+sentinel://h/m m",
                                      "redis+sentinel://h/%6d",
                                      "redis+sentinel://h/m?db=1",
                                      "redis+sentinel://h/m#x",
                                      "redis+sentinel://h/m/x",
                                      "redis+sentinel://h/m/0/1",
                                      "redis+sentinel://h/m/70000",
                                      "redis+sentinel://a,b,c,d,e,f,g,h,i/m",
                                      "sentinel://h/m"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(redis_check_url(good[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(redis_check_url(bad[i]), ERR_INVALID);
}

static bool same(const char *text, const char *wanted)
{
    return text == NULL || wanted == NULL ? text == wanted : strcmp(text, wanted) == 0;
}

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *url, *path, *host, *user, *password;
        int port, db;
    } rows[] = {
        {"redis://127.0.0.1", NULL, "127.0.0.1", NULL, NULL, 6379, 0},
        {"redis://a_b:6380/3", NULL, "a_b", NULL, NULL, 6380, 3},
        {"redis://:p@[::1]:1/", NULL, "::1", NULL, "p", 1, 0},
        {"redis://u%3A:p%40%2f%25@h", NULL, "h", "u:", "p@/%", 6379, 0},
        {"unix:///tmp/../a%20b?db=7", "/tmp/../a b", "", NULL, NULL, 6379, 7},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_address got;
        assert_int_equal(redis_address_init(&got, rows[i].url), 0);
        if (!same(got.path, rows[i].path) || !same(got.server.host, rows[i].host) ||
            !same(got.user, rows[i].user) || !same(got.password, rows[i].password) ||
            got.server.port != rows[i].port || got.db != rows[i].db)
            fail_msg("%s: %s %s %s %s %d %d", rows[i].url, got.path, got.server.host, got.user,
                     got.password, got.server.port, got.db);
        redis_address_fini(&got);
    }
}

static void a_server_that_appears_later_is_found(void **state)
{
    int calls = 0;
    (void)state;
    open_redis(rig.server.url);
    run(&echo, 1000, &calls);
    assert_int_equal(calls, 0); /* never before the start returns */
    WAIT(rig.loop, calls == 1, 1000);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 1);
    WAIT(rig.loop, false, 300);
    assert_false(redis_up(rig.redis));
    redis_server_start(&rig.server);
    WAIT(rig.loop, rig.ups == 1 && rig.messages == 1, 3000);
    assert_true(redis_up(rig.redis));
    run(&echo, 1000, &calls);
    WAIT(rig.loop, calls == 2, 1000);
    assert_int_equal(count_of(0), 1);
    assert_int_equal(last_i64, 1);
    assert_string_equal(last_key, "k");
    assert_string_equal(last_arg, "a");
    assert_true(last_nil);
    assert_int_equal(rig.downs, 0);
}

/* Nobody listens: libuv reports the refusal as an error of the descriptor. */
static void a_refused_tcp_connection_is_retried(void **state)
{
    (void)state;
    open_redis("redis://127.0.0.1:1");
    WAIT(rig.loop, false, 300);
    assert_false(redis_up(rig.redis));
    assert_int_equal(rig.ups + rig.downs, 0);
}

static void killed_with_commands_under_way(void **state)
{
    int calls[50] = {0};
    (void)state;
    start_all();
    kill(rig.server.pid, SIGSTOP);
    for (int i = 0; i < 50; i++)
        run(&echo, 10000, &calls[i]);
    WAIT(rig.loop, false, 20);
    redis_server_kill(&rig.server);
    WAIT(rig.loop, rig.answered == 50 && rig.downs == 1, 2000);
    assert_int_equal(rig.answered, 50);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 50);
    assert_int_equal(rig.downs, 1);
    redis_server_start(&rig.server);
    WAIT(rig.loop, rig.ups == 2 && rig.messages == 2, 3000);
    assert_int_equal(rig.ups, 2);
    assert_int_equal(rig.messages, 2); /* subscribed again, and told so */
    for (int i = 0; i < 50; i++)
        assert_int_equal(calls[i], 1);
}

static void a_hung_server_is_noticed(void **state)
{
    (void)state;
    start_all();
    WAIT(rig.loop, false, 1200); /* heartbeats pass on both connections */
    assert_int_equal(rig.downs, 0);
    kill(rig.server.pid, SIGSTOP);
    int64_t since = clock_mono_ms();
    WAIT(rig.loop, rig.downs == 1, 4000);
    assert_in_range(clock_mono_ms() - since, 900, 1700);
    assert_int_equal(rig.downs, 1);
    kill(rig.server.pid, SIGCONT);
    WAIT(rig.loop, rig.ups == 2, 4000);
    assert_int_equal(rig.ups, 2);
}

/* The kernel takes the connection, and nobody ever speaks on it. */
static void a_server_that_hangs_at_connect_is_left(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", rig.server.socket);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 10), 0);
    open_redis(rig.server.url);
    WAIT(rig.loop, false, 100);
    unlink(rig.server.socket);
    redis_server_start(&rig.server);
    WAIT(rig.loop, rig.ups == 1 && rig.messages == 1, 3000);
    assert_int_equal(rig.ups, 1);
    assert_int_equal(rig.messages, 1);
    close(listener);
}

static void a_deadline_breaks_the_connection(void **state)
{
    int slow = 0, later = 0;
    (void)state;
    start_all();
    kill(rig.server.pid, SIGSTOP);
    run(&echo, 5000, &later);
    run(&echo, 200, &slow);
    int64_t since = clock_mono_ms();
    WAIT(rig.loop, rig.answered == 2, 2000);
    assert_in_range(clock_mono_ms() - since, 190, 500);
    assert_int_equal(count_of(ERR_TIMEOUT), 1);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 1);
    assert_int_equal(slow + later, 2);
    kill(rig.server.pid, SIGCONT);
}

/* Not the server stood still but this process: the answers are in the socket. */
static void a_pause_of_our_own_breaks_nothing(void **state)
{
    (void)state;
    start_all();
    kill(rig.server.pid, SIGSTOP);
    WAIT(rig.loop, false, 700); /* heartbeats are out */
    run(&echo, 300, NULL);
    WAIT(rig.loop, false, 20); /* so is this */
    kill(rig.server.pid, SIGCONT);
    usleep(1600 * 1000);
    WAIT(rig.loop, rig.answered == 1, 1000);
    assert_int_equal(count_of(0), 1);
    WAIT(rig.loop, false, 50);
    assert_int_equal(rig.downs, 0);
    assert_int_equal(rig.messages, 1);
}

static void forgotten_scripts_are_loaded_again(void **state)
{
    (void)state;
    start_all();
    redis_server_say(&rig.server, "SCRIPT FLUSH");
    for (int i = 0; i < 10; i++)
        run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.answered == 10, 2000);
    assert_int_equal(count_of(0), 10);
    assert_int_equal(rig.downs, 0);
}

static void errors_are_told_apart(void **state)
{
    (void)state;
    start_all();
    run(&wrong, 1000, NULL);
    WAIT(rig.loop, rig.answered == 1, 1000);
    assert_int_equal(count_of(ERR_INTERNAL), 1);
    WAIT(rig.loop, rig.downs == 1 && rig.ups == 2, 2000);
    assert_int_equal(rig.downs, 1);
    assert_int_equal(rig.ups, 2);
    assert_int_equal(redis_wrong_replies(rig.redis), 1);
    run(&oom, 1000, NULL);
    run(&echo, 1000, NULL); /* under way when the connection is dropped */
    WAIT(rig.loop, rig.answered == 3, 1000);
    assert_int_equal(count_of(ERR_UNAVAILABLE), 2);
    WAIT(rig.loop, rig.downs == 2 && rig.ups == 3, 1000);
    assert_int_equal(rig.downs, 2);
    assert_int_equal(rig.ups, 3);
    assert_int_equal(redis_wrong_replies(rig.redis), 1);
}

static void too_many_commands_are_refused(void **state)
{
    (void)state;
    start_all();
    for (int i = 0; i < 120; i++)
        run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.answered == 120, 2000);
    assert_int_equal(count_of(0), 100);
    assert_int_equal(count_of(ERR_BUSY), 20);
}

static void a_cancelled_command_is_silent(void **state)
{
    int calls = 0;
    (void)state;
    start_all();
    redis_cancel(run(&echo, 1000, &calls));
    redis_cancel(NULL);
    run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.answered == 1, 1000);
    assert_int_equal(calls, 0);
    redis_server_kill(&rig.server);
    WAIT(rig.loop, rig.downs == 1, 1000);
    redis_cancel(run(&echo, 1000, &calls)); /* refused, and told to nobody */
    WAIT(rig.loop, false, 50);
    assert_int_equal(calls, 0);
}

/* --- destroying ------------------------------------------------------------------------------- */

static void destroy(void)
{
    struct redis *mine = rig.redis;
    rig.redis = NULL;
    redis_destroy(mine);
}

/* Nothing calls back any more, whatever the loop still does. */
static void expect_silence(int answers_so_far)
{
    int seen = rig.ups + rig.downs + rig.messages;
    WAIT(rig.loop, false, 30);
    assert_int_equal(rig.answered, answers_so_far);
    assert_int_equal(rig.ups + rig.downs + rig.messages, seen);
}

static void destroying_cancels_what_is_under_way(void **state)
{
    (void)state;
    start_all();
    for (int i = 0; i < 120; i++) /* the last ones are refused */
        run(&echo, 1000, NULL);
    destroy();
    expect_silence(0);
}

static void destroying_while_connecting(void **state)
{
    static const char *const urls[] = {NULL, "redis://127.0.0.1:1", "redis://localhost:1",
                                       "redis://nobody.test:1"};
    (void)state;
    redis_server_start(&rig.server);
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        for (int turns = 0; turns < 12; turns++) {
            open_redis(urls[i] != NULL ? urls[i] : rig.server.url);
            run(&echo, 1000, NULL);
            for (int k = 0; k < turns; k++)
                uv_run(loop_uv(rig.loop), UV_RUN_NOWAIT);
            destroy();
            expect_silence(rig.answered);
        }
}

static void on_answer_destroy(void *arg, int err, const struct redis_reply *reply)
{
    assert_int_equal(err, *(int *)arg);
    destroy();
    if (reply != NULL) /* lent until the callback returns */
        assert_int_equal(redis_count(reply), 4);
    rig.answered++;
}

static void run_destroying(const struct redis_script *script, int64_t deadline_ms, int *err)
{
    const struct str keys[] = {STR_LIT("k")}, args[] = {STR_LIT("a")};
    redis_eval(rig.redis, script, keys, 1, args, 1, deadline_ms, on_answer_destroy, err);
}

static void an_answer_may_destroy(void **state)
{
    int err = 0;
    (void)state;
    start_all();
    run(&echo, 1000, NULL);
    run_destroying(&echo, 1000, &err);
    for (int i = 0; i < 90; i++) /* whose answers are in the same read */
        run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.redis == NULL, 1000);
    assert_null(rig.redis);
    expect_silence(2);
}

static void an_answer_that_drops_the_connection_may_destroy(void **state)
{
    int err = ERR_UNAVAILABLE;
    (void)state;
    start_all();
    run_destroying(&oom, 1000, &err);
    run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.redis == NULL, 1000);
    assert_null(rig.redis);
    expect_silence(1);
}

static void a_failure_may_destroy(void **state)
{
    int err = ERR_TIMEOUT;
    (void)state;
    start_all();
    kill(rig.server.pid, SIGSTOP);
    run_destroying(&echo, 100, &err);
    run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.redis == NULL, 1000);
    assert_null(rig.redis);
    kill(rig.server.pid, SIGCONT);
    expect_silence(1);
}

static void a_refusal_may_destroy(void **state)
{
    int err = ERR_UNAVAILABLE;
    (void)state;
    open_redis(rig.server.url);
    run_destroying(&echo, 100, &err);
    run(&echo, 1000, NULL);
    WAIT(rig.loop, rig.redis == NULL, 1000);
    assert_null(rig.redis);
    expect_silence(1);
}

static void on_event_destroy(void *arg)
{
    (void)arg;
    destroy();
}

/* In on_up, in on_message as the subscription comes up, in on_message, in on_down. */
static void an_event_may_destroy(void **state)
{
    (void)state;
    redis_server_start(&rig.server);
    for (int which = 0; which < 4; which++) {
        rig.ups = rig.messages = 0;
        struct redis_config c = config();
        c.on_up = which == 0 ? on_event_destroy : c.on_up;
        c.on_message = which == 1 ? on_event_destroy : c.on_message;
        c.on_down = which == 3 ? on_event_destroy : c.on_down;
        rig.redis = redis_create(rig.loop, &c);
        WAIT(rig.loop, rig.redis == NULL || rig.ups + rig.messages == 2, 3000);
        if (which == 2) {
            redis_destroy(rig.redis);
            rig.redis =
                redis_create(rig.loop, &(struct redis_config){.url = rig.server.url,
                                                              .channel = "wake",
                                                              .outstanding_max = 100,
                                                              .on_message = on_event_destroy});
        } else if (which == 3) {
            run(&echo, 1000, NULL);
            redis_server_kill(&rig.server);
        }
        WAIT(rig.loop, rig.redis == NULL, 3000);
        assert_null(rig.redis);
        expect_silence(rig.answered);
    }
}

/* --- and besides ------------------------------------------------------------------------------ */

static void messages_arrive(void **state)
{
    (void)state;
    start_all();
    redis_server_say(&rig.server, "PUBLISH wake x");
    redis_server_say(&rig.server, "PUBLISH other x");
    WAIT(rig.loop, rig.messages == 2, 1000);
    WAIT(rig.loop, false, 50);
    assert_int_equal(rig.messages, 2);
    redis_server_say(&rig.server, "CLIENT KILL TYPE pubsub");
    WAIT(rig.loop, rig.messages == 3, 2000);
    assert_int_equal(rig.messages, 3);
    assert_int_equal(rig.downs, 0);
}

static void a_password_and_a_database_are_used(void **state)
{
    char url[200], command[64];
    int port = 20000 + getpid() % 10000;
    (void)state;
    redis_server_start(&rig.server);
    snprintf(command, sizeof command, "CONFIG SET port %d", port);
    redis_server_say(&rig.server, command);
    redis_server_say(&rig.server, "ACL SETUSER joe on >p@ss ~* &* +@all");
    snprintf(url, sizeof url, "redis://joe:p%%40ss@127.0.0.1:%d/5", port);
    open_redis(url);
    WAIT(rig.loop, rig.ups == 1 && rig.messages == 1, 3000);
    assert_int_equal(rig.ups, 1);
    redis_destroy(rig.redis);
    snprintf(url, sizeof url, "redis://joe:wrong@127.0.0.1:%d/5", port);
    open_redis(url);
    WAIT(rig.loop, false, 300);
    assert_int_equal(rig.ups, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_checked),
        cmocka_unit_test(urls_are_taken_apart),
        RIG_TEST(a_server_that_appears_later_is_found),
        RIG_TEST(a_refused_tcp_connection_is_retried),
        RIG_TEST(killed_with_commands_under_way),
        RIG_TEST(a_hung_server_is_noticed),
        RIG_TEST(a_server_that_hangs_at_connect_is_left),
        RIG_TEST(a_deadline_breaks_the_connection),
        RIG_TEST(a_pause_of_our_own_breaks_nothing),
        RIG_TEST(forgotten_scripts_are_loaded_again),
        RIG_TEST(errors_are_told_apart),
        RIG_TEST(too_many_commands_are_refused),
        RIG_TEST(a_cancelled_command_is_silent),
        RIG_TEST(destroying_cancels_what_is_under_way),
        RIG_TEST(destroying_while_connecting),
        RIG_TEST(an_answer_may_destroy),
        RIG_TEST(an_answer_that_drops_the_connection_may_destroy),
        RIG_TEST(a_failure_may_destroy),
        RIG_TEST(a_refusal_may_destroy),
        RIG_TEST(an_event_may_destroy),
        RIG_TEST(messages_arrive),
        RIG_TEST(a_password_and_a_database_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
