/* Reads gates, applies the rules, writes them; what another worker has written meanwhile is read again. What comes
 * while that is under way goes together the next time. */
#include "gatekeeper.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

#define WAITING_MAX \
    4096 /* then what is new is given up: a gate forgets nothing by it but some attempts */
#define RETRY_MS   200
#define ROUNDS_MAX 5 /* a webhook whose row is locked is waited for, by all, for so many */

static void on_timeout(void *arg);
static char present; /* the value of who is in a map that is a set */

void gatekeeper_init(struct gatekeeper *g, struct loop *loop, struct db *db,
                     void (*on_idle)(void *arg), void *arg)
{
    *g = (struct gatekeeper){.db = db, .on_idle = on_idle, .arg = arg};
    g->timeout = timeout_create(loop, on_timeout, g);
}

void gatekeeper_fini(struct gatekeeper *g)
{
    db_cancel(g->op);
    timeout_destroy(g->timeout);
    idmap_fini(&g->restless);
    free(g->waiting);
}

bool gatekeeper_idle(const struct gatekeeper *g)
{
    return g->count == 0 || g->waiting[g->count - 1].rounds >= ROUNDS_MAX;
}

void gatekeeper_note(struct gatekeeper *g, struct id webhook)
{
    idmap_set(&g->restless, webhook, &present);
}

static void grow(struct gatekeeper *g)
{
    struct gatekeeper_news *waiting;

    g->room = g->room > 0 ? 2 * g->room : 64;
    waiting = xcalloc(g->room, sizeof *waiting);
    if (g->count > 0)
        memcpy(waiting, g->waiting, g->count * sizeof *waiting);
    free(g->waiting);
    g->waiting = waiting;
}

void gatekeeper_learn(struct gatekeeper *g, struct id webhook, const struct gate_news *news)
{
    bool nothing_new = (news->what == 0 || news->what == GATE_SUCCESS) && news->pause_ms == 0;

    if ((nothing_new && idmap_get(&g->restless, webhook) == NULL) || g->count == WAITING_MAX)
        return;
    gatekeeper_note(g, webhook);
    if (g->count == g->room)
        grow(g);
    g->waiting[g->count++] = (struct gatekeeper_news){webhook, *news, clock_mono_ms(), 0};
    if (g->op == NULL && !timeout_is_set(g->timeout))
        timeout_set(g->timeout, 0);
}

/* --- one round of it -------------------------------------------------------------------------- */

static void try_again(struct gatekeeper *g, int err)
{
    if (err != ERR_UNAVAILABLE)
        log_bounded(LOG_LEVEL_WARN, "gates_not_recorded", "error=%s", err_name(err));
    g->learning = 0;
    timeout_set(g->timeout, RETRY_MS);
}

static struct ledger_gate *find(struct gatekeeper *g, struct id webhook)
{
    for (size_t i = 0; i < g->gate_count; i++)
        if (id_eq(g->gates[i].webhook, webhook))
            return &g->gates[i];
    return NULL;
}

/* Of what was learnt now, only that stays whose gate could not be written: it is still among them. */
static void end_round(struct gatekeeper *g)
{
    size_t left = 0, learnt = g->learning;

    for (size_t i = 0; i < g->count; i++) {
        bool stays = i >= learnt || find(g, g->waiting[i].webhook) != NULL;
        g->waiting[i].rounds += i < learnt;
        if (stays)
            g->waiting[left++] = g->waiting[i];
    }
    bool moved = left < g->count;
    g->count = left;
    g->learning = 0;
    if (g->count > 0)
        timeout_set(g->timeout, moved ? 0 : RETRY_MS);
    if (gatekeeper_idle(g))
        g->on_idle(g->arg);
}

static void on_put(void *arg, int err, const struct db_rows *rows)
{
    struct gatekeeper *g = arg;

    g->op = NULL;
    if (err < 0) {
        try_again(g, err);
        return;
    }
    for (int i = 0; i < db_count(rows); i++) {
        struct ledger_gate *written = find(g, db_id(rows, i, 0));
        assert(written != NULL); /* the statement names the ids that it may answer with */
        if (gate_at_rest(&written->gate, written->now_ms))
            idmap_set(&g->restless, written->webhook, NULL);
        *written = g->gates[--g->gate_count];
    }
    end_round(g);
}

/* Said some time ago: it began that much earlier, and a pause that it asks for is that much shorter. */
static struct gate_news aged(const struct gatekeeper_news *n)
{
    struct gate_news news = n->news;
    int64_t age_ms = clock_mono_ms() - n->at_ms;

    news.took_ms = (int32_t)(news.took_ms + age_ms);
    news.pause_ms = news.pause_ms > age_ms ? (int32_t)(news.pause_ms - age_ms) : 0;
    return news;
}

static void on_got(void *arg, int err, const struct db_rows *rows)
{
    struct gatekeeper *g = arg;

    g->op = NULL;
    if (err < 0) {
        try_again(g, err);
        return;
    }
    g->gate_count = (size_t)db_count(rows);
    for (size_t i = 0; i < g->gate_count; i++)
        gates_read_ledger(rows, (int)i, &g->gates[i]);
    for (size_t i = 0; i < g->learning; i++) {
        struct ledger_gate *gate = find(g, g->waiting[i].webhook);
        struct gate_news news = aged(&g->waiting[i]);
        if (gate != NULL) /* else it was deleted */
            gate_learn(&gate->gate, &news, gate->concurrency, gate->now_ms);
    }
    if (g->gate_count > 0)
        g->op = gates_put(g->db, g->gates, g->gate_count, on_put, g);
    else
        end_round(g);
}

static int by_id(const void *a, const void *b)
{
    const struct id *x = a, *y = b;
    return id_cmp(*x, *y);
}

static void on_timeout(void *arg)
{
    struct gatekeeper *g = arg;
    struct id ids[GATEKEEPER_MAX];
    size_t count = 0;

    if (g->op != NULL || g->count == 0)
        return;
    g->learning = g->count < GATEKEEPER_MAX ? g->count : GATEKEEPER_MAX;
    for (size_t i = 0; i < g->learning; i++)
        ids[i] = g->waiting[i].webhook;
    qsort(ids, g->learning, sizeof ids[0], by_id);
    for (size_t i = 0; i < g->learning; i++)
        if (count == 0 || !id_eq(ids[count - 1], ids[i]))
            ids[count++] = ids[i];
    g->op = gates_get(g->db, ids, count, on_got, g);
}
