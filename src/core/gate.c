/* The rules of an endpoint's gate. What is changed here is changed in store/lua/ too. */
#include "core/gate.h"

const char *const gate_health_names[] = {"healthy", "failing", "limited", "paused", "broken", NULL};

/* A pause that was asked for is never made shorter. */
static void wait_until(struct gate *g, int64_t ms)
{
    if (g->until_ms < ms)
        g->until_ms = ms;
}

static int64_t probe_ms(int32_t openings)
{
    int64_t ms = GATE_PROBE_MS;
    for (int32_t i = 0; i < openings && ms < GATE_PROBE_MAX_MS; i++)
        ms *= 2;
    return ms < GATE_PROBE_MAX_MS ? ms : GATE_PROBE_MAX_MS;
}

/* Something was answered: whoever had the breaker open starts again with one request. */
static void close_breaker(struct gate *g, int64_t now_ms)
{
    if (g->openings > 0) {
        g->limit = 1000;
        g->cut_ms = g->cut_ms > now_ms ? g->cut_ms : now_ms;
    }
    g->openings = g->streak = 0;
}

static void grow(struct gate *g, int concurrency)
{
    if (g->limit == 0)
        return;
    g->limit += (1000000 + g->limit - 1) / g->limit;
    if (g->limit >= concurrency * 1000LL)
        g->limit = 0;
}

static void cut(struct gate *g, const struct gate_news *news, int concurrency, int64_t now_ms)
{
    int64_t all = concurrency * 1000LL;
    int64_t half = (g->limit > 0 && g->limit < all ? g->limit : all) / 2;
    if (now_ms < g->cut_ms || now_ms - news->took_ms < g->cut_ms - GATE_CUT_MS)
        return;
    g->limit = half > 1000 ? half : 1000;
    g->cut_ms = now_ms + GATE_CUT_MS;
}

static void find_dead(struct gate *g, const struct gate_news *news, int64_t now_ms)
{
    g->streak++;
    if (g->openings > 0 ? now_ms - news->took_ms < g->until_ms : g->streak < GATE_STREAK)
        return;
    wait_until(g, now_ms + probe_ms(g->openings));
    g->openings++;
}

static void succeed(struct gate *g, int concurrency, int64_t now_ms)
{
    bool was_broken = g->openings > 0;
    close_breaker(g, now_ms);
    if (!was_broken)
        grow(g, concurrency);
    g->failures = 0;
    g->failing_ms = 0;
}

static void fail(struct gate *g, const struct gate_news *news, int concurrency, int64_t now_ms)
{
    if (g->failures == 0)
        g->failing_ms = now_ms;
    g->failures += g->failures < INT32_MAX;
    g->error = news->error;
    if (news->what & GATE_CROWDED)
        cut(g, news, concurrency, now_ms);
    if (news->what & GATE_DEAD)
        find_dead(g, news, now_ms);
    else
        close_breaker(g, now_ms);
}

static void age(struct gate *g, int64_t now_ms)
{
    if (g->openings == 0 && now_ms - g->cut_ms >= GATE_LIMIT_MS)
        g->limit = 0;
}

void gate_learn(struct gate *g, const struct gate_news *news, int concurrency, int64_t now_ms)
{
    age(g, now_ms);
    if (news->what & GATE_SUCCESS)
        succeed(g, concurrency, now_ms);
    else if (news->what & GATE_FAILED)
        fail(g, news, concurrency, now_ms);
    if (news->pause_ms > 0)
        wait_until(
            g, now_ms + (news->pause_ms < GATE_PAUSE_MAX_MS ? news->pause_ms : GATE_PAUSE_MAX_MS));
}

int gate_width(const struct gate *g, int concurrency)
{
    int limit = (int)(g->limit / 1000);
    if (g->openings > 0)
        return 1;
    return limit == 0 || limit > concurrency ? concurrency : limit;
}

enum gate_health gate_health(const struct gate *g, int64_t now_ms)
{
    return g->openings > 0                ? GATE_BROKEN
           : g->until_ms > now_ms         ? GATE_PAUSED
           : g->limit > 0                 ? GATE_LIMITED
           : g->failures >= GATE_FAILURES ? GATE_FAILING
                                          : GATE_HEALTHY;
}

bool gate_at_rest(const struct gate *g, int64_t now_ms)
{
    return g->failures == 0 && g->limit == 0 && g->openings == 0 && g->until_ms <= now_ms &&
           g->cut_ms <= now_ms;
}
