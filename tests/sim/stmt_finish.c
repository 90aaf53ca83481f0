/* store/work_finish.c. */
#include "ledger.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "mutants.h"
#include "oracle.h"

struct record {
    int delivery;
    int64_t token, state, error, number, started_ms, delay_ms, keeps_step;
    struct id gone;
};

/* The columns that a run needs of them. */
struct columns {
    bool plain;
    struct db_array id, token, number, started, state, error, delay, keeps, gone;
};

/* Of the plain statement no more is known than that all have delivered. */
static bool next_record(struct columns *c, struct record *r)
{
    struct id id;

    if (!next_id(&c->id, &id))
        return false;
    *r = (struct record){.state = DELIVERY_DELIVERED};
    r->delivery = find_delivery(id);
    next_i64(&c->token, &r->token);
    next_i64(&c->number, &r->number);
    next_i64(&c->started, &r->started_ms);
    if (c->plain)
        return true;
    next_i64(&c->state, &r->state);
    next_i64(&c->error, &r->error);
    next_i64(&c->delay, &r->delay_ms);
    next_i64(&c->keeps, &r->keeps_step);
    next_id(&c->gone, &r->gone);
    return true;
}

static bool is_leased_by(const struct row_delivery *d, const struct record *r)
{
    return d->state == DELIVERY_PENDING &&
           (d->token == r->token || is_mutant(MUTANT_FINISH_UNFENCED));
}

static bool moves(const struct row_delivery *d, const struct record *r)
{
    bool success = r->state == DELIVERY_DELIVERED;

    if (is_leased_by(d, r) || is_mutant(MUTANT_LATE_FAILURE))
        return true;
    if (is_mutant(MUTANT_SUCCESS_LOST))
        return false;
    return ((d->state == DELIVERY_PENDING && d->token == 0 && d->attempts < r->number) ||
            (success && d->state != DELIVERY_DELIVERED)) &&
           (is_mutant(MUTANT_FINISH_AGAIN) || !attempt_is_recorded(r->delivery, r->token));
}

static void move(struct row_delivery *d, const struct record *r)
{
    int64_t now = ledger_now_us();
    bool success = r->state == DELIVERY_DELIVERED;

    d->state = (int)r->state;
    d->attempts = r->number > d->attempts ? (int)r->number : d->attempts;
    d->step += !success && !r->keeps_step && !is_mutant(MUTANT_STEP_STAYS);
    d->waits = r->keeps_step ? d->waits + 1 : 0;
    d->waiting_us = !r->keeps_step ? 0 : d->waiting_us != 0 ? d->waiting_us : now;
    d->crashes = 0;
    d->last_error = (int)r->error;
    if (r->state == DELIVERY_PENDING)
        d->next_us =
            now + (r->delay_ms > 0 && !is_mutant(MUTANT_RETRY_AT_ONCE) ? MS(r->delay_ms) : 0);
    d->completed_us = r->state != DELIVERY_PENDING ? now : 0;
    if (success && !d->sent) {
        d->sent = true;
        d->sent_token = r->token;
    }
    d->lease_us = d->token = d->owner = 0;
}

static void disable(const struct record *r, struct db_rows *rows)
{
    static const struct id none;
    int w = id_eq(r->gone, none) ? -1 : find_webhook(r->gone);

    if (w < 0 || ledger.webhooks[w].status == WEBHOOK_DISABLED)
        return;
    set_status(w, WEBHOOK_DISABLED, DISABLED_GONE);
    put_null(rows);
    put_id(rows, ledger.webhooks[w].id);
    put_nulls(rows, 8);
}

static void put_moved(struct db_rows *rows, const struct row_delivery *d)
{
    put_id(rows, d->id);
    put_nulls(rows, 9);
}

/* What came of it is in its delivery's row, if it is the first that delivers, or in a row of its own. */
static void record(const struct record *r, struct db_rows *rows)
{
    struct row_delivery *d = &ledger.deliveries[r->delivery];
    bool moved = moves(d, r), is_new = moved || is_mutant(MUTANT_FINISH_AGAIN) ||
                                       !attempt_is_recorded(r->delivery, r->token);

    if (moved) {
        move(d, r);
        put_moved(rows, d);
    }
    if (is_new && !(moved && d->sent && d->sent_token == r->token))
        note_attempt(r->delivery, r->token, (int)r->number, (int)r->error, r->started_ms);
    if (is_new)
        disable(r, rows);
    if (r->state == DELIVERY_DELIVERED)
        oracle_success(r->delivery);
}

/* What is not in the model is not in its deliveries either: lanes, and events that expire. */
static void record_plain(const struct record *r, struct db_rows *rows)
{
    struct row_delivery *d = &ledger.deliveries[r->delivery];

    if (!is_leased_by(d, r) || d->sent)
        return;
    move(d, r);
    put_moved(rows, d);
    oracle_success(r->delivery);
}

static struct db_rows *record_all(struct columns *c,
                                  void record_one(const struct record *r, struct db_rows *rows))
{
    struct db_rows *rows = rows_create(10);
    struct record r;

    while (next_record(c, &r)) {
        if (r.delivery < 0) {
            fail_run("lost", "what was sent is not in the ledger");
            continue;
        }
        record_one(&r, rows);
        for (int i = 0; i < ledger.lease_count && is_mutant(MUTANT_LEASE_END_ALL); i++)
            if (ledger.leases[i].token == r.token)
                ledger.leases[i].deliveries = 0;
    }
    return rows;
}

struct db_rows *model_work_finish(const struct values *v, int *err)
{
    struct columns c = {false,
                        value_array(v, 1),
                        value_array(v, 2),
                        value_array(v, 3),
                        value_array(v, 4),
                        value_array(v, 19),
                        value_array(v, 20),
                        value_array(v, 22),
                        value_array(v, 24),
                        value_array(v, 25)};

    (void)err;
    return record_all(&c, record);
}

struct db_rows *model_work_finish_plain(const struct values *v, int *err)
{
    struct columns c = {.plain = true,
                        .id = value_array(v, 1),
                        .token = value_array(v, 2),
                        .number = value_array(v, 3),
                        .started = value_array(v, 4)};

    (void)err;
    return record_all(&c, record_plain);
}

struct db_rows *model_work_locked(const struct values *v, int *err)
{
    uint64_t locked = value_deliveries(v, 1) & postgres.locked;
    struct db_rows *rows = rows_create(1);

    (void)err;
    for (int i = 0; i < ledger.delivery_count; i++)
        if (locked >> i & 1)
            put_id(rows, ledger.deliveries[i].id);
    return rows;
}
