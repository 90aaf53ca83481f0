/* store/work_direct.c: its tables of the same names. Two askings never meet here, for a statement happens at once; now
 * and then one is told that another is at it all the same. */
#include "ledger.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "mutants.h"

#include <stdlib.h>

#define NEWEST   16
#define NO_LIMIT 1000000

/* w, and what q has of it. */
struct chosen {
    int webhook;
    int64_t width, closed_us, tokens;
    double burst, step_ms, ahead_ms;
    int busy;
};

/* A row of q that is not leased, and then of p. */
struct candidate {
    int delivery, at; /* in the list of the chosen */
    int place, app_place;
};

struct choice {
    struct chosen w[WEBHOOKS_MAX];
    int w_count;
    struct candidate q[DELIVERIES_MAX], p[DELIVERIES_MAX];
    int q_count, p_count, open_count; /* open: of q, within the rates */
    bool end;
    struct id after;
};

static int by_due(const void *a, const void *b)
{
    const struct row_delivery *x = &ledger.deliveries[*(const int *)a],
                              *y = &ledger.deliveries[*(const int *)b];
    if (x->next_us != y->next_us)
        return x->next_us < y->next_us ? -1 : 1;
    return id_cmp(x->id, y->id);
}

static bool is_due(const struct row_delivery *d)
{
    return d->state == DELIVERY_PENDING && d->next_us <= ledger_now_us();
}

static bool anything_due(void)
{
    for (int i = 0; i < ledger.delivery_count; i++)
        if (is_due(&ledger.deliveries[i]) && !is_leased(&ledger.deliveries[i]))
            return true;
    return false;
}

/* Webhooks are in the order of their ids. */
static unsigned walk(struct choice *c, struct id after, int64_t most)
{
    unsigned near = 0;

    c->end = true;
    for (int w = 0; w < ledger.webhook_count; w++) {
        bool waits = false;
        for (int i = 0; i < ledger.delivery_count; i++)
            waits = waits || (ledger.deliveries[i].webhook == w &&
                              ledger.deliveries[i].state == DELIVERY_PENDING);
        if (!waits || id_cmp(ledger.webhooks[w].id, after) <= 0)
            continue;
        near |= 1U << w;
        if (--most == 0) {
            c->end = false;
            c->after = ledger.webhooks[w].id;
            break;
        }
    }
    return near;
}

static unsigned newest(void)
{
    int due[DELIVERIES_MAX], count = 0;
    unsigned near = 0;

    for (int i = 0; i < ledger.delivery_count; i++)
        if (is_due(&ledger.deliveries[i]))
            due[count++] = i;
    qsort(due, (size_t)count, sizeof *due, by_due);
    for (int i = count > NEWEST ? count - NEWEST : 0; i < count; i++)
        near |= 1U << ledger.deliveries[due[i]].webhook;
    return near;
}

static void choose_webhooks(struct choice *c, unsigned near)
{
    int64_t now = ledger_now_us();

    for (int i = 0; i < ledger.webhook_count; i++) {
        const struct row_webhook *w = &ledger.webhooks[i];
        if ((near >> i & 1) == 0 || w->status != WEBHOOK_ACTIVE)
            continue;
        struct chosen *x = &c->w[c->w_count++];
        *x = (struct chosen){.webhook = i, .tokens = NO_LIMIT};
        x->width = w->gate_openings > 0 ? 1
                   : w->gate_limit >= 1000 && w->gate_limit <= w->concurrency * 1000
                       ? w->gate_limit / 1000
                       : w->concurrency;
        if (is_mutant(MUTANT_DIRECT_UNCAPPED))
            x->width = 1000;
        x->closed_us = w->gate_until_us > now ? w->gate_until_us - now : 0;
        if (w->rate_limit > 0) {
            x->burst = w->rate_limit / 10 > 1 ? w->rate_limit / 10 : 1;
            x->step_ms = 1000.0 / w->rate_limit;
            bool counts = w->rate_us > now &&
                          (double)(w->rate_us - now) <= (x->burst + 0.01) * x->step_ms * 1000;
            x->ahead_ms = counts ? (double)(w->rate_us - now) / 1000 : 0;
            x->tokens = (int64_t)(x->burst - x->ahead_ms / x->step_ms + 0.001);
        }
    }
}

static void look_at(struct choice *c, int at, int64_t max)
{
    struct chosen *w = &c->w[at];
    int due[DELIVERIES_MAX], count = 0, place = 0;
    int64_t extra = 2 * max / c->w_count, limit = w->width + (extra > 8 ? extra : 8);

    if (w->closed_us / 1000 > 0)
        return;
    for (int i = 0; i < ledger.delivery_count; i++)
        if (ledger.deliveries[i].webhook == w->webhook && is_due(&ledger.deliveries[i]))
            due[count++] = i;
    qsort(due, (size_t)count, sizeof *due, by_due);
    for (int i = 0; i < count && i < limit; i++) {
        if (is_leased(&ledger.deliveries[due[i]]))
            w->busy++;
        else
            c->q[c->q_count++] = (struct candidate){.delivery = due[i], .at = at, .place = ++place};
    }
}

static int64_t held_by(const struct values *v, struct id app)
{
    struct db_array apps = value_array(v, 7), counts = value_array(v, 8);
    struct id id;
    int64_t count;

    while (next_id(&apps, &id) && next_i64(&counts, &count))
        if (id_eq(id, app))
            return count;
    return 0;
}

/* What those may have more who have `has` of what is shared, with `left` of it left. */
static int64_t share(int64_t left, int64_t has)
{
    int64_t least = has > 0 ? 0 : 1, most = (3 * left - has) / 4;
    return most > least ? most : least;
}

static int by_place(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->place != y->place)
        return x->place - y->place;
    return by_due(&x->delivery, &y->delivery);
}

static int by_app_place(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->app_place != y->app_place ? x->app_place - y->app_place : by_place(a, b);
}

static void pick(struct choice *c, const struct values *v)
{
    int64_t max = value_i64(v, 5), free_places = value_i64(v, 6);

    qsort(c->q, (size_t)c->q_count, sizeof c->q[0], by_place);
    for (int i = 0; i < c->q_count; i++) {
        struct candidate x = c->q[i];
        const struct chosen *w = &c->w[x.at];
        struct id app = ledger.webhooks[w->webhook].app;
        int64_t held = held_by(v, app), app_share = share(free_places, held);
        int64_t own = share(app_share, w->busy < held ? w->busy : held);
        c->open_count += x.place <= w->tokens;
        if (x.place > w->width - w->busy || x.place > w->tokens || x.place > own)
            continue;
        x.app_place = 1;
        for (int k = 0; k < c->p_count; k++)
            x.app_place += id_eq(ledger.deliveries[c->p[k].delivery].app, app);
        if (x.app_place <= app_share)
            c->p[c->p_count++] = x;
    }
    qsort(c->p, (size_t)c->p_count, sizeof c->p[0], by_app_place);
    if (c->p_count > max)
        c->p_count = (int)max;
}

static void count_rates(const struct choice *c)
{
    for (int i = 0; i < c->w_count; i++) {
        const struct chosen *w = &c->w[i];
        int count = 0;
        for (int k = 0; k < c->p_count; k++)
            count += c->p[k].at == i;
        if (w->step_ms > 0 && count > 0)
            ledger.webhooks[w->webhook].rate_us =
                ledger_now_us() + (int64_t)((w->ahead_ms + count * w->step_ms) * 1000);
    }
}

static int64_t next_ms(const struct choice *c)
{
    int64_t now = ledger_now_us(), best = INT64_MAX;

    for (int i = 0; i < ledger.delivery_count; i++) {
        const struct row_delivery *d = &ledger.deliveries[i];
        if (d->state == DELIVERY_PENDING && d->next_us > now &&
            round_ms(d->next_us) - round_ms(now) < best)
            best = round_ms(d->next_us) - round_ms(now);
    }
    for (int i = 0; i < c->w_count; i++)
        if (c->w[i].closed_us / 1000 > 0 && c->w[i].closed_us / 1000 < best)
            best = c->w[i].closed_us / 1000;
    for (int i = 0; i < c->q_count; i++) {
        const struct chosen *w = &c->w[c->q[i].at];
        int64_t ms = (int64_t)(w->ahead_ms + ((double)w->tokens - w->burst + 1) * w->step_ms);
        if (c->q[i].place == w->tokens + 1 && ms < best)
            best = ms;
    }
    return best == INT64_MAX ? -1 : best;
}

static void put_answer(struct db_rows *rows, const struct choice *c, bool mine)
{
    put_bool(rows, mine);
    if (c->end)
        put_null(rows);
    else
        put_id(rows, c->after);
    put_bool(rows, c->open_count > c->p_count);
    put_i64(rows, next_ms(c));
}

struct db_rows *model_work_claim_due(const struct values *v, int *err)
{
    enum { CLAIM_COLUMNS = 34 };
    struct db_rows *rows = rows_create(CLAIM_COLUMNS + 4);
    struct choice c = {.end = true};
    bool mine = !sim_one_in(8), any = false;
    int64_t token = value_i64(v, 2), owner = value_i64(v, 3);
    uint64_t claimed = 0;

    (void)err;
    if (mine && anything_due() && !is_mutant(MUTANT_DIRECT_NONE)) {
        choose_webhooks(&c, walk(&c, value_id(v, 1), value_i64(v, 4)) | newest());
        for (int i = 0; i < c.w_count; i++)
            look_at(&c, i, value_i64(v, 5));
        pick(&c, v);
        count_rates(&c);
    }
    bool takes_over[DELIVERIES_MAX];
    for (int i = 0; i < c.p_count; i++)
        claim_one(&ledger.deliveries[c.p[i].delivery], token, owner, &takes_over[i]);
    for (int i = 0; i < c.p_count; i++) {
        const struct row_delivery *d = &ledger.deliveries[c.p[i].delivery];
        if (d->state == DELIVERY_PENDING)
            claimed |= UINT64_C(1) << c.p[i].delivery;
        put_claim(rows, d, takes_over[i]);
        put_answer(rows, &c, mine);
        any = true;
    }
    if (!any) {
        put_nulls(rows, CLAIM_COLUMNS);
        put_answer(rows, &c, mine);
    }
    note_claim(owner, token, claimed);
    return rows;
}
