/* store/queue against what goes wrong with Redis: workers that are gone, data of an earlier moment, what
 * others wrote under our keys. */
#include "queue_rig.h"

#include "base/err.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct {
    int calls, err;
    bool older;
} resynced;

static void on_resync(void *arg, int err, bool older)
{
    (void)arg;
    resynced.calls++;
    resynced.err = err;
    resynced.older = older;
}

static void resync(struct queue *which, const struct queue_ref *refs, size_t count)
{
    int calls = resynced.calls;
    queue_resync(which, &(struct queue_hand){.refs = refs, .count = count}, on_resync, NULL);
    WAIT(rig.loop, resynced.calls == calls + 1, 3000);
    assert_int_equal(resynced.calls, calls + 1);
    assert_int_equal(resynced.err, 0);
}

static bool was_claimed(const struct queue_ref *ref)
{
    for (size_t i = 0; i < rig.claimed.count; i++)
        if (memcmp(&rig.claimed.refs[i], ref, sizeof *ref) == 0)
            return true;
    return false;
}

static long long slots_of(const struct queue_ref *ref)
{
    char script[] = "return tonumber(redis.call('HGET', 'posthorn:{q}:slots', ARGV[1]) or 0)";
    return redis_server_sayf(&rig.server, "EVAL %s 0 %b", script, &ref->endpoint,
                             2 * sizeof(struct id));
}

/* --- workers that are gone -------------------------------------------------------------------- */

/* Killed between claim and ack, with a concurrency of one: its successor frees the slot at once. */
static void a_successor_frees_what_the_dead_held(void **state)
{
    (void)state;
    struct queue *dead = rig_open(7), *mine = rig.queue;
    put_many(hook, 3, 1, 0);
    rig.queue = dead;
    assert_int_equal(claim(10), 1);
    struct queue_ref held = rig.claimed.refs[0];
    queue_destroy(dead);
    rig.queue = mine;
    assert_int_equal(claim(10), 0);
    resync(mine, NULL, 0); /* another owner's has no say */
    assert_int_equal(claim(10), 0);

    struct queue *successor = rig_open(7);
    rig.wakes = 0;
    resync(successor, NULL, 0);
    assert_false(resynced.older);
    WAIT(rig.loop, rig.wakes >= 2, 500);
    assert_int_equal(rig.wakes, 2); /* both queues hear of it */
    assert_int_equal(claim(10), 1);
    assert_int_equal(slots_of(&held), 1);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight"), 1);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    assert_int_equal(claim(10), 1);
    ack(rig.claimed.refs[0], QUEUE_OUT);
    assert_int_equal(claim(10), 1);
    assert_true(was_claimed(&held)); /* not lost: the last, since it waits again since now */
    queue_destroy(successor);
}

/* A claim that Redis ran when nobody waited for its answer: it waits again when its lease has run out, and is in no list. */
static void what_nobody_heard_of_leaves_the_list(void **state)
{
    char late[] = "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, 0)) do"
                  " redis.call('ZADD', KEYS[1], 1, m) end";
    (void)state;
    put_many(hook, 3, 4, 0);
    assert_int_equal(claim(10), 3);
    redis_server_sayf(&rig.server, "EVAL %s 1 posthorn:{q}:inflight", late);
    sweep(rig.queue);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight"), 2);
    assert_int_equal(redis_server_say(&rig.server, "SCARD posthorn:{q}:own:0000000000000001"), 2);
    assert_int_equal(claim(10), 1);
    assert_int_equal(redis_server_say(&rig.server, "SCARD posthorn:{q}:own:0000000000000001"), 3);
}

/* Two workers have it, from a Redis that was older; the ledger refuses one of them, which hears so after the other's end. */
static void who_was_refused_leaves_the_retry(void **state)
{
    struct queue_ref ref;
    (void)state;
    put(id_new(), id_new(), 0, 32, 0);
    settle();
    assert_int_equal(claim(10), 1);
    ref = rig.claimed.refs[0];
    ack(ref, 60000);
    settle();
    queue_ack(rig.queue, &(struct queue_ack){ref, QUEUE_OUT, .refused = true}, 1);
    settle();
    assert_int_equal(claim(10), 0);
    assert_in_range(rig.claimed.next_ms, 59000, 60000);
}

static void what_it_really_has_stays(void **state)
{
    struct queue_ref real[2];
    (void)state;
    put_many(hook, 5, 4, 0);
    assert_int_equal(claim(10), 4);
    memcpy(real, rig.claimed.refs, sizeof real);
    for (int i = 0; i < 3; i++)
        resync(rig.queue, real, 2);
    assert_int_equal(slots_of(&real[0]), 2);
    assert_int_equal(redis_server_say(&rig.server, "SCARD posthorn:{q}:own:0000000000000001"), 2);
    assert_int_equal(claim(10), 2);
    assert_false(was_claimed(&real[0]) || was_claimed(&real[1]));
}

/* A Redis that was emptied learns what flies, and the concurrency holds. */
static void an_empty_redis_learns_what_flies(void **state)
{
    struct queue_ref real[3];
    (void)state;
    put_many(hook, 3, 3, 0);
    assert_int_equal(claim(10), 3);
    memcpy(real, rig.claimed.refs, sizeof real);
    redis_server_say(&rig.server, "FLUSHALL");
    rig_fill();
    for (int i = 0; i < 3; i++)
        put(real[i].delivery, hook, 0, 3, 0); /* who fills it does not know */
    put(id_new(), hook, 0, 3, 0);
    settle();
    resync(rig.queue, real, 3);
    assert_int_equal(slots_of(&real[0]), 3);
    assert_int_equal(claim(10), 0);
    ack(real[0], QUEUE_OUT);
    assert_int_equal(claim(10), 1);
    assert_false(was_claimed(&real[0]));
}

static void resyncing_many_is_quick(void **state)
{
    static struct queue_ref refs[4096];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refs); i++)
        refs[i] = (struct queue_ref){id_new(), id_new(), app};
    int64_t since = clock_mono_ms();
    resync(rig.queue, refs, ARRAY_LEN(refs));
    resync(rig.queue, refs, 100);
    assert_in_range(clock_mono_ms() - since, 0, 1000 * SLOWER);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight"), 100);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:slots"), 100);
}

/* --- an earlier moment ------------------------------------------------------------------------ */

/* Restarts Redis with what it had when `save` was said. */
static void roll_back(void)
{
    char path[128];
    int ups = rig.ups, downs = rig.downs;

    redis_server_kill(&rig.server);
    WAIT(rig.loop, rig.downs > downs, 3000);
    redis_server_start(&rig.server);
    WAIT(rig.loop, rig.ups > ups, 5000);
    assert_true(rig.ups > ups);
    snprintf(path, sizeof path, "%s/dump.rdb", rig.server.folder);
    assert_int_equal(unlink(path), 0);
}

static void older_data_loses_nothing_and_holds_no_slot(void **state)
{
    struct queue_ref ended, flies, taken;
    (void)state;
    sweep(rig.queue);
    put_many(hook, 4, 2, 0);
    assert_int_equal(claim(10), 2);
    ended = rig.claimed.refs[0];
    flies = rig.claimed.refs[1];
    redis_server_say(&rig.server, "SAVE");
    ack(ended, QUEUE_OUT);
    assert_int_equal(claim(10), 1);
    taken = rig.claimed.refs[0];
    sweep(rig.queue);
    sweep(rig.queue);

    roll_back(); /* to where `ended` flew and `taken` waited */
    resync(rig.queue, (struct queue_ref[]){flies, taken}, 2);
    assert_true(resynced.older);
    assert_int_equal(slots_of(&flies), 2);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight"), 2);
    assert_int_equal(claim(10), 0);
    ack(flies, QUEUE_OUT);
    ack(taken, QUEUE_OUT);
    settle();
    assert_int_equal(claim(10), 2);
    assert_false(was_claimed(&flies) || was_claimed(&taken));
    while (rig.claimed.count > 0) { /* `ended` too: the ledger says that it has */
        for (size_t i = 0; i < rig.claimed.count; i++)
            ack(rig.claimed.refs[i], QUEUE_OUT);
        claim(10);
    }
    settle();
    assert_clean();
}

static void the_same_data_is_not_older(void **state)
{
    (void)state;
    sweep(rig.queue);
    sweep(rig.queue);
    put_many(hook, 2, 2, 0);
    redis_server_say(&rig.server, "SAVE");
    roll_back();
    resync(rig.queue, NULL, 0);
    assert_false(resynced.older);
    assert_int_equal(claim(10), 2);
}

/* --- what others wrote ------------------------------------------------------------------------ */

static void on_any_claim(void *arg, int err, const struct queue_claim *claim)
{
    (void)arg;
    (void)err;
    rig.claimed.calls++;
    rig.claimed.count = 0;
    if (claim == NULL)
        return;
    assert_true(claim->count <= QUEUE_CLAIM_MAX);
    assert_true(claim->next_ms >= -1);
    for (size_t i = 0; i < claim->count; i++) /* all of it can be read */
        rig.claimed.refs[i] = claim->refs[i];
    rig.claimed.count = claim->count;
}

static void on_any_sweep(void *arg, int err, const struct queue_swept *result)
{
    (void)arg;
    (void)err;
    rig.swept.calls++;
    for (size_t i = 0; result != NULL && i < result->gate_count; i++)
        rig.swept.gates[i] = result->gates[i];
}

/* Everything that a queue can do, answered in whatever way. */
static void do_everything(struct queue *queue)
{
    int claims = rig.claimed.calls, sweeps = rig.swept.calls, resyncs = resynced.calls;
    struct queue_ref ref = {id_new(), hook, app};
    struct queue_gate gate = {{"other"}, {.failures = 1}};

    queue_enqueue(queue, &(struct queue_entry){ref, 0, 3, 10}, 1, QUEUE_FORCE);
    queue_ack(queue, &(struct queue_ack){ref, 0, {.what = GATE_FAILED | GATE_DEAD, .error = 3}}, 1);
    queue_claim(queue, &(struct queue_room){.max = 5, .free = 9}, on_any_claim, NULL);
    queue_sweep(queue, on_any_sweep, NULL);
    queue_resync(queue, &(struct queue_hand){.refs = &ref, .count = 1}, on_resync, NULL);
    queue_set_gates(queue, &gate, 1, true);
    WAIT(rig.loop,
         rig.claimed.calls > claims && rig.swept.calls > sweeps && resynced.calls > resyncs, 5000);
    assert_int_equal(rig.claimed.calls, claims + 1);
    assert_int_equal(rig.swept.calls, sweeps + 1);
    assert_int_equal(resynced.calls, resyncs + 1);
}

#define P "posthorn:{q}:"

/* One that was refused would come back after a pause that is longer each time. */
static void renew(void)
{
    queue_destroy(rig.queue);
    redis_server_say(&rig.server, "FLUSHALL");
    rig.queue = rig_open(1);
    rig_fill();
}

/* What it was answered may have been lost, or the gates that it sent. */
static void who_fills_is_told_so_until_it_is_done(void **state)
{
    (void)state;
    struct queue *other = rig_open(2);
    redis_server_say(&rig.server, "FLUSHALL");
    sweep(rig.queue);
    assert_int_equal(rig.swept.rebuilds, 1);
    sweep(other);
    assert_int_equal(rig.swept.rebuilds, 1);
    sweep(rig.queue);
    assert_int_equal(rig.swept.rebuilds, 2);
    rig_fill();
    sweep(rig.queue);
    assert_int_equal(rig.swept.rebuilds, 2);
    queue_destroy(other);
}

static void keys_of_another_type_break_nothing(void **state)
{
    static const char *const keys[] = {"apps",
                                       "inflight",
                                       "slots",
                                       "limits",
                                       "tat",
                                       "gates",
                                       "told",
                                       "news",
                                       "beat",
                                       "cursors",
                                       "own:0000000000000001",
                                       "epoch",
                                       "recount",
                                       "filling",
                                       "crowded"};
    char command[128];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (int type = 0; type < 2; type++) {
            snprintf(command, sizeof command,
                     type == 0 ? "SET %s%s nonsense" : "LPUSH %s%s nonsense", P, keys[i]);
            renew();
            redis_server_sayf(&rig.server, "DEL %s%s", P, keys[i]);
            redis_server_say(&rig.server, command);
            do_everything(rig.queue);
        }
    renew();
    put_many(hook, 2, 32, 0);
    assert_int_equal(claim(10), 2);
}

static void keys_of_endpoints_and_apps_too(void **state)
{
    static const char *const keys[] = {"e:", "ring:"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        renew();
        const struct id *id = i == 0 ? &hook : &app;
        redis_server_sayf(&rig.server, "SET %s%s%b nonsense", P, keys[i], id, sizeof *id);
        do_everything(rig.queue);
        redis_server_sayf(&rig.server, "ZADD %sapps 1 %b", P, &app, sizeof app);
        do_everything(rig.queue);
    }
    renew();
    put_many(hook, 2, 32, 0);
    assert_int_equal(claim(10), 2);
}

/* Fields that say nothing count as none: what waits goes on, at once. */
static void nonsense_in_our_fields_holds_nobody_up(void **state)
{
    static const struct {
        const char *key, *value;
    } fields[] = {
        {"gates", "nonsense"},
        {"gates", ""},
        {"gates", "1 2 3"},
        {"gates", "-1 -1 -1 -5000 -1 -1 -1 -1 -1"},
        {"gates", "0 0 0 -5000 0 0 0 0 0"},
        {"gates", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"},
        {"gates", "0 0 0 99999999999999999999999999999999 0 0 0 0 0"},
        {"gates", "nan 0 0 0 0 0 0 0 0"},
        {"limits", "nonsense"},
        {"limits", "5"},
        {"limits", "-5 -5"},
        {"limits", "99999999999999999999 0"},
        {"slots", "nonsense"},
        {"slots", "-7"},
        {"tat", "nonsense"},
        {"told", "nonsense"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct id ea[2] = {hook, app};
        size_t size = strcmp(fields[i].key, "slots") == 0 ? sizeof ea : sizeof hook;
        redis_server_say(&rig.server, "FLUSHALL");
        rig_fill();
        put_many(hook, 3, 32, i % 2 == 0 ? 0 : 1000);
        redis_server_sayf(&rig.server, "HSET %s%s %b %s", P, fields[i].key, ea, size,
                          fields[i].value);
        assert_int_equal(claim(2), 2);
        ack_news(rig.claimed.refs[0], QUEUE_OUT, GATE_FAILED | GATE_DEAD | GATE_CROWDED, 0);
        ack_news(rig.claimed.refs[1], QUEUE_OUT, GATE_SUCCESS, 0);
        settle();
        assert_int_equal(claim(2), 1);
        ack(rig.claimed.refs[0], QUEUE_OUT);
        settle();
        redis_server_say(&rig.server, "DEL " P "recount");
        sweep(rig.queue);
        assert_clean();
    }
}

/* A clock that was set back: nothing waits longer than the longest pause there is, or than its rate says. */
static void times_beyond_all_bounds_are_cut(void **state)
{
    (void)state;
    put_many(hook, 3, 32, 1000);
    redis_server_sayf(&rig.server, "HSET %stat %b 99999999999999", P, &hook, sizeof hook);
    assert_int_equal(claim(10), 3);
    ack(rig.claimed.refs[0], 0);
    settle();
    put_many(hook, 3, 32, 0);
    redis_server_sayf(&rig.server, "HSET %sgates %b %s", P, &hook, sizeof hook,
                      "9999999999999 9999999999999 1 0 1 0 0 0 9999999999999");
    assert_int_equal(claim(10), 0);
    assert_in_range(rig.claimed.next_ms, GATE_PAUSE_MAX_MS - 1000, GATE_PAUSE_MAX_MS + 1);
}

/* Members that are none of ours. */
static void foreign_members_are_thrown_out(void **state)
{
    static const char *const sizes[] = {"x", "a-little-longer-than-sixteen-bytes-it-is",
                                        "exactly-sixteen!"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        redis_server_say(&rig.server, "FLUSHALL");
        rig_fill();
        put_many(hook, 3, 32, 0);
        redis_server_sayf(&rig.server, "ZADD %sapps 1 %s", P, sizes[i]);
        redis_server_sayf(&rig.server, "ZADD %sring:%b 1 %s", P, &app, sizeof app, sizes[i]);
        redis_server_sayf(&rig.server, "ZADD %sinflight 1 %s", P, sizes[i]);
        redis_server_sayf(&rig.server, "SADD %snews %s", P, sizes[i]);
        redis_server_sayf(&rig.server, "HSET %sgates %s nonsense", P, sizes[i]);
        redis_server_sayf(&rig.server, "SADD %sown:0000000000000001 %s", P, sizes[i]);
        do_everything(rig.queue);
        resync(rig.queue, NULL, 0);
        sweep(rig.queue);
        for (int n = 0; n < 10; n++) {
            claim(10);
            for (size_t k = 0; k < rig.claimed.count; k++)
                ack(rig.claimed.refs[k], QUEUE_OUT);
            WAIT(rig.loop, false, rig.claimed.next_ms + 1); /* there is a rate now */
        }
        settle();
        assert_clean();
    }
}

static void a_foreign_delivery_takes_nobody_along(void **state)
{
    (void)state;
    put_many(hook, 5, 32, 0);
    redis_server_sayf(&rig.server, "ZADD %se:%b 1 x", P, &hook, sizeof hook);
    size_t count = claim(10);
    assert_int_equal(count + (count < 5 ? claim(10) : 0), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_successor_frees_what_the_dead_held),
        RIG_TEST(what_nobody_heard_of_leaves_the_list),
        RIG_TEST(who_was_refused_leaves_the_retry),
        RIG_TEST(what_it_really_has_stays),
        RIG_TEST(an_empty_redis_learns_what_flies),
        RIG_TEST(resyncing_many_is_quick),
        RIG_TEST(older_data_loses_nothing_and_holds_no_slot),
        RIG_TEST(the_same_data_is_not_older),
        RIG_TEST(who_fills_is_told_so_until_it_is_done),
        RIG_TEST(keys_of_another_type_break_nothing),
        RIG_TEST(keys_of_endpoints_and_apps_too),
        RIG_TEST(nonsense_in_our_fields_holds_nobody_up),
        RIG_TEST(times_beyond_all_bounds_are_cut),
        RIG_TEST(foreign_members_are_thrown_out),
        RIG_TEST(a_foreign_delivery_takes_nobody_along),
    };
    return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
