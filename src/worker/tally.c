/* What is gathered of a webhook is a node in a list, by the time of the first of it. */
#include "tally.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

#define HOUR_MS 3600000

struct gathered {
    struct list node;
    struct tally_row row;
    int64_t begun_ms; /* monotonic */
};

/* In microseconds: 2^(i/2) ms, of which the last has no end. */
static const int64_t bounds[TALLY_TIMES - 1] = {
    1000,     1414,     2000,     2828,     4000,     5657,     8000,    11314,   16000,
    22627,    32000,    45255,    64000,    90510,    128000,   181019,  256000,  362039,
    512000,   724077,   1024000,  1448155,  2048000,  2896309,  4096000, 5792619, 8192000,
    11585238, 16384000, 23170475, 32768000, 46340950, 65536000,
};

void tally_init(struct tally *t, struct db *db)
{
    *t = (struct tally){.db = db};
    list_init(&t->waiting);
    list_init(&t->sent);
}

static struct gathered *gathered_at(struct list *node)
{
    return CONTAINER_OF(node, struct gathered, node);
}

static void forget(struct list *list)
{
    struct list *node;

    while ((node = list_pop(list)) != NULL)
        free(gathered_at(node));
}

void tally_fini(struct tally *t)
{
    db_cancel(t->op);
    forget(&t->waiting);
    forget(&t->sent);
    idmap_fini(&t->of_webhooks);
}

static struct gathered *find(struct tally *t, const struct attempt *a)
{
    struct gathered *g = idmap_get(&t->of_webhooks, a->webhook);

    if (g != NULL)
        return g;
    if (t->of_webhooks.count == TALLY_WEBHOOKS_MAX) {
        log_bounded(LOG_LEVEL_WARN, "tally_bounded", "webhooks=%d", TALLY_WEBHOOKS_MAX);
        return NULL;
    }
    g = xcalloc(1, sizeof *g);
    g->begun_ms = clock_mono_ms();
    g->row.app = a->ref.app;
    g->row.webhook = a->webhook;
    g->row.hour_ms = a->finish.started_ms - a->finish.started_ms % HOUR_MS;
    list_push(&t->waiting, &g->node);
    idmap_set(&t->of_webhooks, a->webhook, g);
    return g;
}

static size_t place_of(int64_t us)
{
    size_t i = 0;

    while (i < ARRAY_LEN(bounds) && us > bounds[i])
        i++;
    return i;
}

void tally_count(struct tally *t, const struct attempt *a)
{
    const struct finish *f = &a->finish;
    int64_t ended_ms = f->started_ms + f->total_us / 1000;
    struct gathered *g = f->test ? NULL : find(t, a);

    if (g == NULL)
        return;
    g->row.attempts++;
    g->row.exhausted += f->state == DELIVERY_FAILED;
    g->row.times[place_of(f->total_us)]++;
    if (f->state == DELIVERY_DELIVERED) {
        g->row.succeeded++;
        g->row.last_success_ms = ended_ms;
    } else {
        g->row.last_fail_ms = ended_ms;
    }
}

static void send(struct tally *t);

static void on_added(void *arg, int err, const struct db_rows *rows)
{
    struct tally *t = arg;

    (void)rows;
    t->op = NULL;
    if (err < 0)
        log_bounded(LOG_LEVEL_WARN, "tally_lost", "error=%s", err_name(err));
    forget(&t->sent);
    if (t->ending)
        send(t);
}

static void send(struct tally *t)
{
    const struct tally_row *list[TALLY_ROWS_MAX];
    int64_t now_ms = clock_mono_ms();
    size_t count = 0;

    while (count < TALLY_ROWS_MAX && !list_empty(&t->waiting)) {
        struct gathered *g = gathered_at(t->waiting.next);
        if (!t->ending && now_ms - g->begun_ms < TALLY_AFTER_MS)
            break;
        list_remove(&g->node);
        list_push(&t->sent, &g->node);
        idmap_set(&t->of_webhooks, g->row.webhook, NULL);
        list[count++] = &g->row;
    }
    if (count > 0)
        t->op = tallies_add(t->db, list, count, on_added, t);
}

void tally_tick(struct tally *t)
{
    if (t->op == NULL && db_ready(t->db))
        send(t);
}

bool tally_end(struct tally *t)
{
    t->ending = true;
    tally_tick(t);
    return (t->op == NULL && list_empty(&t->waiting)) || !db_ready(t->db);
}
