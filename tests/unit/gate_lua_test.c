/* The gate's rules are there twice, in core/gate.c and in the queue's Lua: the same lives through both, the
 * Lua in a real Redis whose clock is an argument. A life that differs is printed up to the step that does. */
#include "core/gate.h"

#include "unit.h"

#include "base/str.h"
#include "redis_server.h"
#include "store/queue_scripts.h"

#include <hiredis/hiredis.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIVES = 24, STEPS = 2500, NEWS_MAX = 3, SHOWN = 11, MOODS = 5, PIPELINE = 500 };

/* One call of the script: how it stands before, and what it is told. */
struct step {
    int64_t now_ms;
    int concurrency;
    bool forget; /* the sweep comes by as well */
    int count;
    struct gate_news news[NEWS_MAX];
};

/* A gate's fields in order, then its width, its health, and whether it is at rest. */
struct shown {
    long long values[SHOWN];
};

static const char *const names[SHOWN] = {"until_ms", "cut_ms", "failing_ms", "limit",
                                         "failures", "streak", "openings",   "error",
                                         "width",    "health", "at_rest"};

static struct redis_server server;
static redisContext *redis;
static char sha[64];
static const struct id endpoint = {"endpoint"};
static const int64_t start_ms = 1700000000000;

/* --- the script ------------------------------------------------------------------------------- */

static char *replace(const char *text, const char *what, const char *by)
{
    const char *at = strstr(text, what);
    assert_non_null(at);
    assert_null(strstr(at + 1, what));
    size_t size = strlen(text) + strlen(by) + 1;
    char *out = xcalloc(1, size);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
    return out;
}

/* ack, with the time as arguments 3 and 4, that answers what is stored at its end. */
static void load_script(void)
{
    char *timed = replace(queue_script_ack.lua, "call('TIME')", "{ARGV[3], ARGV[4]}");
    char *asked = replace(timed, "wake()\nreturn 1\n",
                          "local e, out = ARGV[5], {}\n"
                          "if ARGV[6] == '1' and gate_at_rest(gate_of(e)) then save_gate(e) end\n"
                          "gates, gate_texts, limit_texts = {}, {}, {}\n"
                          "local g, cap = gate_of(e), limits(e)\n"
                          "for i, n in ipairs(GATE) do out[i] = g[n] end\n"
                          "out[9], out[10] = gate_width(g, cap), gate_health(g)\n"
                          "out[11] = gate_at_rest(g) and 1 or 0\n"
                          "return out\n");
    redisReply *reply = redisCommand(redis, "SCRIPT LOAD %s", asked);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    snprintf(sha, sizeof sha, "%s", reply->str);
    freeReplyObject(reply);
    free(timed);
    free(asked);
}

static uint8_t *pack_i32(uint8_t *out, int32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)((uint32_t)value >> (24 - 8 * i));
    return out + 4;
}

static size_t pack(uint8_t *out, const struct step *step)
{
    uint8_t *end = out;
    for (int i = 0; i < step->count; i++) {
        memset(end, i, 16);
        memcpy(end + 16, endpoint.b, 16);
        memset(end + 32, 'a', 16);
        end = pack_i32(end + 48, -1);
        *end++ = (uint8_t)step->news[i].what;
        *end++ = (uint8_t)step->news[i].error;
        end = pack_i32(pack_i32(end, step->news[i].took_ms), step->news[i].pause_ms);
    }
    assert_int_equal(end - out, step->count * QUEUE_ACK_SIZE);
    return (size_t)(end - out);
}

static void send_step(const struct step *step, unsigned *seed)
{
    uint8_t packed[NEWS_MAX * QUEUE_ACK_SIZE];
    size_t size = pack(packed, step);
    char limits[24];

    snprintf(limits, sizeof limits, "%d 0", step->concurrency);
    redisAppendCommand(redis, "HSET " QUEUE_PREFIX "limits %b %s", endpoint.b, sizeof endpoint.b,
                       limits);
    redisAppendCommand(redis, "EVALSHA %s 0 %b owner %lld %d %b %d", sha, packed, size,
                       (long long)(step->now_ms / 1000),
                       (int)(step->now_ms % 1000) * 1000 + rand_r(seed) % 1000, endpoint.b,
                       sizeof endpoint.b, step->forget);
}

static void receive(struct shown *shown)
{
    redisReply *reply;
    assert_int_equal(redisGetReply(redis, (void **)&reply), REDIS_OK);
    freeReplyObject(reply);
    assert_int_equal(redisGetReply(redis, (void **)&reply), REDIS_OK);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s", reply->str);
    assert_int_equal(reply->elements, SHOWN);
    for (int i = 0; i < SHOWN; i++)
        shown->values[i] = reply->element[i]->integer;
    freeReplyObject(reply);
}

/* --- the rules of core ------------------------------------------------------------------------ */

static struct shown show(const struct gate *g, int concurrency, int64_t now_ms)
{
    return (struct shown){{g->until_ms, g->cut_ms, g->failing_ms, g->limit, g->failures, g->streak,
                           g->openings, g->error, gate_width(g, concurrency),
                           gate_health(g, now_ms), gate_at_rest(g, now_ms)}};
}

/* The queue does not write down a success that changes nothing; what it writes down at rest, it forgets. */
static bool learn(struct gate *g, const struct gate_news *news, int concurrency, int64_t now_ms)
{
    if (news->what == 0 && news->pause_ms == 0)
        return false;
    if (news->what == GATE_SUCCESS && news->pause_ms == 0 && gate_at_rest(g, now_ms))
        return false;
    gate_learn(g, news, concurrency, now_ms);
    return true;
}

/* --- lives ------------------------------------------------------------------------------------ */

static int any(unsigned *seed, int below)
{
    return rand_r(seed) % below;
}

static struct gate_news any_news(unsigned *seed, int mood)
{
    static const int whats[MOODS][6] = {
        {GATE_FAILED, GATE_FAILED, GATE_FAILED, GATE_FAILED, GATE_FAILED, 0},
        {GATE_SUCCESS, GATE_SUCCESS, GATE_SUCCESS, GATE_SUCCESS, GATE_FAILED, 0},
        {GATE_FAILED | GATE_CROWDED, GATE_SUCCESS, GATE_SUCCESS, GATE_SUCCESS, GATE_SUCCESS,
         GATE_FAILED},
        {GATE_FAILED | GATE_DEAD, GATE_FAILED | GATE_DEAD, GATE_FAILED | GATE_DEAD,
         GATE_FAILED | GATE_DEAD | GATE_CROWDED, GATE_FAILED | GATE_DEAD, GATE_FAILED | GATE_DEAD},
        {GATE_FAILED, GATE_FAILED | GATE_DEAD, GATE_SUCCESS, GATE_FAILED | GATE_CROWDED, 0,
         GATE_SUCCESS | GATE_FAILED | GATE_DEAD | GATE_CROWDED},
    };
    static const int pauses[] = {1, 300, 5000, 3600000, GATE_PAUSE_MAX_MS, INT32_MAX};
    static const int tooks[] = {0, 3, 500, 1000, 10000, 60000};
    struct gate_news news = {.what = whats[mood][any(seed, 6)]};

    if (news.what & GATE_FAILED)
        news.error = any(seed, 256);
    if (any(seed, 3) == 0)
        news.took_ms = tooks[any(seed, ARRAY_LEN(tooks))];
    if (any(seed, 30) == 0)
        news.pause_ms = pauses[any(seed, any(seed, 4) == 0 ? ARRAY_LEN(pauses) : 3)];
    return news;
}

/* To the very moments that matter, and just before and after; or a little on; or long after. */
static int64_t any_time(unsigned *seed, int64_t now_ms, const struct gate *g)
{
    int64_t moments[] = {g->until_ms, g->cut_ms, now_ms + any(seed, 100), now_ms + any(seed, 3000),
                         now_ms + any(seed, 100000000)};
    static const int which[] = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4};
    size_t pick = (size_t)any(seed, 40);
    int64_t at = now_ms;
    if (pick < ARRAY_LEN(which))
        at = moments[which[pick]] + any(seed, 3) - 1;
    return at > now_ms ? at : now_ms;
}

static int any_concurrency(unsigned *seed)
{
    static const int some[] = {1, 2, 3, 5, 32, 32, 100, 1024};
    return some[any(seed, ARRAY_LEN(some))];
}

static void print_life(unsigned seed, const struct step *steps, const struct shown *wanted,
                       const struct shown *is, int last)
{
    fprintf(stderr, "seed %u differs at step %d\n", seed, last);
    for (int i = last > 20 ? last - 20 : 0; i <= last; i++) {
        const struct step *s = &steps[i];
        fprintf(stderr, "%5d at %" PRId64 " of %d%s", i, s->now_ms - start_ms, s->concurrency,
                s->forget ? " swept" : "");
        for (int k = 0; k < s->count; k++)
            fprintf(stderr, " {what %d error %d took %d pause %d}", s->news[k].what,
                    s->news[k].error, s->news[k].took_ms, s->news[k].pause_ms);
        fprintf(stderr, "\n");
    }
    for (int i = 0; i < SHOWN; i++)
        fprintf(stderr, "%-10s core %lld, Lua %lld%s\n", names[i], wanted->values[i], is->values[i],
                wanted->values[i] != is->values[i] ? "  <--" : "");
}

/* Draws a life and leads core's gate through it. */
static void live(unsigned seed, struct step *steps, struct shown *wanted)
{
    struct gate g = {0};
    int64_t now_ms = start_ms;
    int concurrency = WEBHOOK_CONCURRENCY, mood = 0;

    for (int i = 0; i < STEPS; i++) {
        struct step *s = &steps[i];
        now_ms = any_time(&seed, now_ms, &g);
        if (any(&seed, 50) == 0)
            concurrency = any_concurrency(&seed);
        if (any(&seed, 25) == 0)
            mood = any(&seed, MOODS);
        *s = (struct step){
            now_ms, concurrency, any(&seed, 10) == 0, 1 + any(&seed, NEWS_MAX), {{0}}};
        gate_learn(&g, &(struct gate_news){0}, concurrency, now_ms); /* as whoever reads it */
        bool written = s->forget;
        for (int k = 0; k < s->count; k++) {
            s->news[k] = any_news(&seed, mood);
            written |= learn(&g, &s->news[k], concurrency, now_ms);
        }
        if (written && gate_at_rest(&g, now_ms))
            g = (struct gate){0};
        wanted[i] = show(&g, concurrency, now_ms);
    }
}

static void run_life(unsigned seed)
{
    static struct step steps[STEPS];
    static struct shown wanted[STEPS], is[STEPS];
    unsigned fraction = seed;

    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    live(seed, steps, wanted);
    for (int from = 0; from < STEPS; from += PIPELINE) {
        for (int i = from; i < from + PIPELINE; i++)
            send_step(&steps[i], &fraction);
        for (int i = from; i < from + PIPELINE; i++) {
            receive(&is[i]);
            if (memcmp(&wanted[i], &is[i], sizeof is[i]) != 0) {
                print_life(seed, steps, &wanted[i], &is[i], i);
                fail();
            }
        }
    }
}

static void the_same_lives_are_the_same(void **state)
{
    (void)state;
    load_script();
    for (unsigned seed = 1; seed <= LIVES; seed++)
        run_life(seed);
}

/* A life is worth running only if it comes through every state. */
static void lives_see_everything(void **state)
{
    static struct step steps[STEPS];
    static struct shown wanted[STEPS];
    int healths[GATE_BROKEN + 1] = {0}, widest = 0, openings = 0;
    (void)state;
    for (unsigned seed = 1; seed <= LIVES; seed++) {
        live(seed, steps, wanted);
        for (int i = 0; i < STEPS; i++) {
            healths[wanted[i].values[9]]++;
            widest += wanted[i].values[3] > 100000;
            openings += wanted[i].values[6] > 7;
        }
    }
    for (int h = GATE_HEALTHY; h <= GATE_BROKEN; h++)
        assert_true(healths[h] > LIVES * STEPS / 100);
    assert_true(widest > LIVES * STEPS / 100);
    assert_true(openings > LIVES * STEPS / 100);
}

static int begin(void **state)
{
    (void)state;
    redis_server_init(&server);
    redis_server_start(&server);
    redis = redisConnectUnix(server.socket);
    return redis->err;
}

static int end(void **state)
{
    (void)state;
    redisFree(redis);
    redis_server_fini(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_see_everything),
        cmocka_unit_test(the_same_lives_are_the_same),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
