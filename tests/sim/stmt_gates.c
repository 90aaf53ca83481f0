/* store/gates.c. */
#include "ledger.h"

#include "mutants.h"

struct gate_columns {
    struct db_array id, until, failing, limit, failures, openings, error;
};

struct gate_value {
    int64_t until_ms, failing_ms, limit, failures, openings, error;
};

static struct gate_columns gate_columns(const struct values *v)
{
    return (struct gate_columns){value_array(v, 1), value_array(v, 2), value_array(v, 3),
                                 value_array(v, 4), value_array(v, 5), value_array(v, 6),
                                 value_array(v, 7)};
}

/* False: that was the last. `*w` is NULL when there is no such webhook. */
static bool next_gate(struct gate_columns *c, struct row_webhook **w, struct gate_value *g)
{
    struct id id;

    if (!next_id(&c->id, &id))
        return false;
    int at = find_webhook(id);
    *w = at >= 0 ? &ledger.webhooks[at] : NULL;
    next_i64(&c->until, &g->until_ms);
    next_i64(&c->failing, &g->failing_ms);
    next_i64(&c->limit, &g->limit);
    next_i64(&c->failures, &g->failures);
    next_i64(&c->openings, &g->openings);
    next_i64(&c->error, &g->error);
    return true;
}

static void set_gate(struct row_webhook *w, const struct gate_value *g)
{
    w->gate_limit = g->limit;
    w->gate_failures = (int)g->failures;
    w->gate_openings = (int)g->openings;
    w->gate_error = (int)g->error;
}

struct db_rows *model_gate_update(const struct values *v, int *err)
{
    struct gate_columns c = gate_columns(v);
    struct gate_value g;
    struct row_webhook *w;
    int64_t now = ledger_now_us();

    (void)err;
    while (next_gate(&c, &w, &g)) {
        if (w == NULL)
            continue;
        set_gate(w, &g);
        w->gate_until_us = g.until_ms > 0 ? now + MS(g.until_ms) : 0;
        w->failing_us = g.failures > 0 ? now - MS(g.failing_ms) : 0;
        w->gate_streak = 0;
        w->gate_cut_us = 0;
        w->gate_at_us = now;
    }
    return rows_create(1);
}

struct db_rows *model_gate_list(const struct values *v, int *err)
{
    struct id after = value_id(v, 1);
    int64_t limit = value_i64(v, 2), now_ms = round_ms(ledger_now_us());
    struct db_rows *rows = rows_create(8);

    (void)err;
    for (int i = 0; i < ledger.webhook_count && limit > 0; i++) {
        const struct row_webhook *w = &ledger.webhooks[i];
        if (id_cmp(w->id, after) <= 0 || is_mutant(MUTANT_GATES_FORGOTTEN) ||
            (w->gate_failures == 0 && w->gate_limit == 0 && w->gate_until_us == 0))
            continue;
        int64_t wait_ms = w->gate_until_us != 0 ? round_ms(w->gate_until_us) - now_ms : 0;
        int64_t age_ms = w->gate_at_us != 0 ? now_ms - round_ms(w->gate_at_us) : 3600000;
        put_id(rows, w->id);
        put_i64(rows, wait_ms > 0 ? wait_ms : 0);
        if (w->failing_us != 0)
            put_i64(rows, now_ms - round_ms(w->failing_us));
        else
            put_null(rows);
        put_i64(rows, w->gate_limit);
        put_i64(rows, w->gate_failures);
        put_i64(rows, w->gate_openings);
        put_i64(rows, w->gate_error);
        put_i64(rows, age_ms < 1000000000 ? age_ms : 1000000000);
        limit--;
    }
    return rows;
}

static int64_t shown_us(int64_t us)
{
    return us != 0 ? EPOCH_MS * 1000 + us : 0;
}

struct db_rows *model_gate_get(const struct values *v, int *err)
{
    struct db_array ids = value_array(v, 1);
    struct db_rows *rows = rows_create(12);
    struct id id;

    (void)err;
    while (next_id(&ids, &id)) {
        int at = find_webhook(id);
        if (at < 0)
            continue;
        const struct row_webhook *w = &ledger.webhooks[at];
        put_id(rows, w->id);
        put_ms(rows, w->gate_until_us);
        put_ms(rows, w->gate_cut_us);
        put_ms(rows, w->failing_us);
        put_i64(rows, w->gate_limit);
        put_i64(rows, w->gate_failures);
        put_i64(rows, w->gate_streak);
        put_i64(rows, w->gate_openings);
        put_i64(rows, w->gate_error);
        put_i64(rows, w->concurrency);
        if (w->gate_at_us != 0)
            put_i64(rows, shown_us(w->gate_at_us));
        else
            put_null(rows);
        put_ms(rows, ledger_now_us());
    }
    return rows;
}

/* As time_of() has it. */
static int64_t time_of(int64_t ms)
{
    return MS(ms - EPOCH_MS);
}

struct db_rows *model_gate_put(const struct values *v, int *err)
{
    struct gate_columns c = gate_columns(v);
    struct db_array cuts = value_array(v, 8), streaks = value_array(v, 9), ats = value_array(v, 10);
    struct db_rows *rows = rows_create(1);
    struct gate_value g;
    struct row_webhook *w;

    (void)err;
    while (next_gate(&c, &w, &g)) {
        int64_t cut_ms, streak, at_us, now = ledger_now_us();
        next_i64(&cuts, &cut_ms);
        next_i64(&streaks, &streak);
        next_i64(&ats, &at_us);
        if (w == NULL || shown_us(w->gate_at_us) != at_us)
            continue;
        set_gate(w, &g);
        w->gate_until_us = time_of(g.until_ms);
        w->gate_cut_us = time_of(cut_ms);
        w->failing_us = g.failures > 0 ? time_of(g.failing_ms) : 0;
        w->gate_streak = (int)streak;
        w->gate_at_us = now > w->gate_at_us ? now : w->gate_at_us + 1;
        put_id(rows, w->id);
    }
    return rows;
}
