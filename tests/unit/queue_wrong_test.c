/* The queue on a Redis that says what no Redis would: whatever it is, and to whatever it is the answer, the connection
 * ends, it is counted, who asked hears of a failure, and it counts as down. */
#include "base/err.h"
#include "base/log.h"
#include "store/queue_scripts.h"

#include "queue_rig.h"
#include "redis_fake.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 3 << 20 };

static struct {
    struct redis_server place; /* never started: its folder */
    struct redis_fake fake;
    struct loop *loop;
    struct queue *queue;
    int ups, downs;
    int answered, err; /* of the last that has an answer */
    size_t count;
} t;

static int begin(void **state)
{
    (void)state;
    redis_server_init(&t.place);
    return 0;
}

static int end(void **state)
{
    (void)state;
    redis_server_fini(&t.place);
    return 0;
}

static void on_up(void *arg)
{
    (void)arg;
    t.ups++;
}

static void on_down(void *arg)
{
    (void)arg;
    t.downs++;
}

static void on_wake(void *arg)
{
    (void)arg;
}

static void meet(const struct redis_lie *lie)
{
    t.ups = t.downs = t.answered = 0;
    t.loop = loop_create(NULL, NULL);
    redis_fake_start(&t.fake, t.place.folder, queue_scripts, lie);
    t.queue = queue_create(
        t.loop,
        &(struct queue_config){
            .url = t.fake.url, .owner = 3, .on_wake = on_wake, .on_up = on_up, .on_down = on_down});
}

static void leave(void)
{
    queue_destroy(t.queue);
    loop_destroy(t.loop);
    redis_fake_stop(&t.fake);
}

static void note(int err, size_t count)
{
    t.answered++;
    t.err = err;
    t.count = count;
}

static void on_claim(void *arg, int err, const struct queue_claim *claim)
{
    (void)arg;
    note(err, claim != NULL ? claim->count : 0);
}

static void on_sweep(void *arg, int err, const struct queue_swept *swept)
{
    (void)arg;
    note(err, swept != NULL ? swept->gate_count : 0);
}

static void on_resync(void *arg, int err, bool older)
{
    (void)arg;
    (void)older;
    note(err, 0);
}

static const struct queue_ref ref = {{{1}}, {{2}}, {{3}}};

static void do_enqueue(void)
{
    queue_enqueue(t.queue, &(struct queue_entry){ref, 0, 3, 10}, 1, QUEUE_FORCE);
}

static void do_ack(void)
{
    queue_ack(t.queue, &(struct queue_ack){ref, 0, {.what = GATE_SUCCESS}}, 1);
}

static void do_claim(void)
{
    queue_claim(t.queue, &(struct queue_room){.max = 128, .free = 200}, on_claim, NULL);
}

static void do_sweep(void)
{
    queue_sweep(t.queue, on_sweep, NULL);
}

static void do_resync(void)
{
    queue_resync(t.queue, &(struct queue_hand){.refs = &ref, .count = 1}, on_resync, NULL);
}

static void do_gates(void)
{
    queue_set_gates(t.queue, &(struct queue_gate){{{2}}, {.failures = 1}, 0}, 1, true);
}

static void do_forget(void)
{
    queue_forget_gate(t.queue, ref.endpoint, ref.app);
}

static void do_limits(void)
{
    queue_set_limits(t.queue, ref.endpoint, ref.app, 1, 0);
}

/* Every command that goes out; those without a function do by themselves. */
static const struct {
    const char *name;
    void (*start)(void);
    bool tells; /* its caller is called back */
} commands[] = {
    {"SCRIPT", NULL, false},        {"SUBSCRIBE", NULL, false},   {"probe", NULL, false},
    {"enqueue", do_enqueue, false}, {"ack", do_ack, false},       {"claim", do_claim, true},
    {"sweep", do_sweep, true},      {"resync", do_resync, true},  {"gates", do_gates, false},
    {"forget", do_forget, false},   {"limits", do_limits, false},
};

static void tell(size_t which, const struct redis_lie *lie)
{
    meet(lie);
    if (commands[which].start != NULL) {
        WAIT(t.loop, t.ups == 1, 3000);
        assert_int_equal(t.ups, 1);
        commands[which].start();
    }
}

/* A piece of the lie, for a message. */
static int shown(const struct redis_lie *lie)
{
    return lie->size < 40 ? (int)lie->size : 40;
}

static void expect_distrust(size_t which, const struct redis_lie *lie)
{
    tell(which, lie);
    WAIT(t.loop, queue_wrong_replies(t.queue) > 0, 3000);
    if (queue_wrong_replies(t.queue) != 1)
        fail_msg("%s took \"%.*s\"", lie->command, shown(lie), lie->bytes);
    if (commands[which].start != NULL) {
        WAIT(t.loop, t.downs == 1, 1000);
        assert_int_equal(t.downs, 1);
        assert_false(queue_up(t.queue));
    }
    assert_int_equal(t.answered, commands[which].tells);
    assert_true(!commands[which].tells || lie->after || t.err < 0);
    leave();
}

/* What is an answer to nothing that is asked. */
static const char *const never_right[] = {
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "*1\r\n:1\r\n",
    "*3\r\n*0\r\n*0\r\n*0\r\n",
    "*9\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    "*2147483647\r\n",
    "*2147483648\r\n",
    "$-2\r\n",
    "$99999999999999999999\r\n",
    ":99999999999999999999\r\n",
    ":\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\r\n",
    "%1\r\n+a\r\n+b\r\n",
};

static void whatever_is_answered_to_whatever_command(void **state)
{
    (void)state;
    for (size_t which = 0; which < ARRAY_LEN(commands); which++)
        for (size_t i = 0; i < ARRAY_LEN(never_right); i++)
            expect_distrust(which, &(struct redis_lie){.command = commands[which].name,
                                                       .bytes = never_right[i],
                                                       .size = strlen(never_right[i])});
}

static void what_nobody_asked_for(void **state)
{
    static const char *const more[] = {":1\r\n", "+OK\r\n", "$-1\r\n", "*2\r\n:1\r\n:2\r\n", "x"};
    (void)state;
    for (size_t which = 3; which < ARRAY_LEN(commands); which++)
        for (size_t i = 0; i < ARRAY_LEN(more); i++)
            expect_distrust(which, &(struct redis_lie){.command = commands[which].name,
                                                       .bytes = more[i],
                                                       .size = strlen(more[i]),
                                                       .after = true});
}

static void messages_that_are_none(void **state)
{
    static const char *const bad[] = {
        ":1\r\n",
        "*2\r\n$7\r\nmessage\r\n$17\r\nposthorn:{q}:wake\r\n",
        "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$1\r\nx\r\n",
        "*3\r\n:1\r\n$17\r\nposthorn:{q}:wake\r\n$1\r\nx\r\n",
        "*2\r\n$11\r\nunsubscribe\r\n$17\r\nposthorn:{q}:wake\r\n",
        "*3\r\n$11\r\nunsubscribe\r\n$17\r\nposthorn:{q}:wake\r\n:0\r\n",
        "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$17\r\nposthorn:{q}:wake\r\n$1\r\nx\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        meet(&(struct redis_lie){
            .command = "SUBSCRIBE", .bytes = bad[i], .size = strlen(bad[i]), .after = true});
        WAIT(t.loop, queue_wrong_replies(t.queue) > 0, 3000);
        assert_int_equal(queue_wrong_replies(t.queue), 1);
        leave();
    }
}

/* They would take memory for as long as a deadline lasts. */
static void replies_without_an_end(void **state)
{
    static const char *const heads[] = {"$2147483647\r\n", "+",
                                        "*3\r\n:1\r\n$9223372036854775807\r\n"};
    char *bytes = xcalloc(1, MANY);
    (void)state;
    memset(bytes, 'x', MANY);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        memcpy(bytes, heads[i], strlen(heads[i]));
        for (size_t which = 4; which < 7; which++)
            expect_distrust(which, &(struct redis_lie){.command = commands[which].name,
                                                       .bytes = bytes,
                                                       .size = MANY,
                                                       .hangs_up = true});
        memset(bytes, 'x', 64);
    }
    free(bytes);
}

static void a_reply_that_ends_in_its_middle_is_a_lost_connection(void **state)
{
    static const char *const halves[] = {"", "*3\r\n:1\r\n", "$10\r\nabc", ":12", "*"};
    (void)state;
    for (size_t which = 3; which < ARRAY_LEN(commands); which++)
        for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
            tell(which, &(struct redis_lie){.command = commands[which].name,
                                            .bytes = halves[i],
                                            .size = strlen(halves[i]),
                                            .hangs_up = true});
            WAIT(t.loop, t.downs == 1, 3000);
            assert_int_equal(t.downs, 1);
            assert_int_equal(t.answered, commands[which].tells);
            assert_int_equal(queue_wrong_replies(t.queue), 0);
            leave();
        }
}

/* Of the right shape: two numbers, what is between them, and of a claim what was claimed ahead. */
static void expect_with(const char *command, int64_t first, size_t size, int fill, int64_t last,
                        size_t ahead)
{
    char *bytes = xcalloc(1, size + ahead + 128), *p = bytes;
    bool is_claim = strcmp(command, "claim") == 0;
    size_t which = 0;

    while (strcmp(commands[which].name, command) != 0)
        which++;
    p += snprintf(p, 64, "*%d\r\n:%lld\r\n$%zu\r\n", is_claim ? 4 : 3, (long long)first, size);
    memset(p, fill, size);
    p += size;
    p += snprintf(p, 64, "\r\n:%lld\r\n", (long long)last);
    if (is_claim) {
        p += snprintf(p, 64, "$%zu\r\n", ahead);
        memset(p, 'm', ahead);
        p += ahead;
        p += snprintf(p, 64, "\r\n");
    }
    expect_distrust(which, &(struct redis_lie){
                               .command = command, .bytes = bytes, .size = (size_t)(p - bytes)});
    free(bytes);
}

static void expect_of(const char *command, int64_t first, size_t size, int fill, int64_t last)
{
    expect_with(command, first, size, fill, last, 0);
}

static void entries_that_were_not_asked_for(void **state)
{
    (void)state;
    expect_of("claim", 0, 129 * QUEUE_MEMBER_SIZE, 'm', 0);
    expect_of("claim", 0, 128 * QUEUE_MEMBER_SIZE + 1, 'm', 0);
    expect_of("claim", 0, QUEUE_MEMBER_SIZE - 1, 'm', 0);
    expect_of("claim", -2, 0, 'm', 0);
    expect_of("claim", 0, 0, 'm', 2);
    expect_with("claim", 0, 0, 'm', 0, 129 * QUEUE_MEMBER_SIZE);
    expect_with("claim", 0, 100 * QUEUE_MEMBER_SIZE, 'm', 0, 29 * QUEUE_MEMBER_SIZE);
    expect_with("claim", 0, 0, 'm', 0, QUEUE_MEMBER_SIZE + 1);
}

static void gates_that_nobody_could_keep(void **state)
{
    (void)state;
    expect_of("sweep", 0, 501 * QUEUE_GATE_SIZE, 0, 1);
    expect_of("sweep", 0, QUEUE_GATE_SIZE + 1, 0, 1);
    expect_of("sweep", 0, QUEUE_GATE_SIZE, 0x7f, 1);
    expect_of("sweep", 0, QUEUE_GATE_SIZE, 0xff, 1);
    expect_of("sweep", 3, 0, 0, 1);
}

/* The pauses: one second, and then longer ones, or what is asked anew would find it up again and again. */
static void who_lies_again_is_left_for_longer(void **state)
{
    int64_t since;
    (void)state;
    tell(5, &(struct redis_lie){.command = "claim", .bytes = ":1\r\n", .size = 4});
    for (int i = 0; i < 2; i++) {
        WAIT(t.loop, t.downs == i + 1, 1000);
        since = clock_mono_ms();
        WAIT(t.loop, t.ups == i + 2, 4000);
        assert_int_equal(t.ups, i + 2);
        assert_in_range(clock_mono_ms() - since, 900 << i, (1000 << i) + 900);
        do_claim();
    }
    WAIT(t.loop, t.downs == 3, 1000);
    assert_int_equal(queue_wrong_replies(t.queue), 3);
    leave();
}

static void a_heartbeat_without_a_pulse(void **state)
{
    (void)state;
    meet(&(struct redis_lie){.command = "PING", .bytes = "*0\r\n", .size = 4});
    WAIT(t.loop, queue_wrong_replies(t.queue) == 1, 3000);
    assert_int_equal(queue_wrong_replies(t.queue), 1);
    leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_answered_to_whatever_command),
        cmocka_unit_test(what_nobody_asked_for),
        cmocka_unit_test(messages_that_are_none),
        cmocka_unit_test(replies_without_an_end),
        cmocka_unit_test(a_reply_that_ends_in_its_middle_is_a_lost_connection),
        cmocka_unit_test(entries_that_were_not_asked_for),
        cmocka_unit_test(gates_that_nobody_could_keep),
        cmocka_unit_test(who_lies_again_is_left_for_longer),
        cmocka_unit_test(a_heartbeat_without_a_pulse),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, begin, end);
}
