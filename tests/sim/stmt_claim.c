/* store/work_claim.c and store/claim_sql.h. */
#include "ledger.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "mutants.h"
#include "oracle.h"
#include "world.h"

#include <stdlib.h>

#define SLACK_US MS(5)

/* LOST */
static bool is_lost(const struct row_delivery *d, int64_t owner)
{
    if (d->lease_us == 0 || d->lease_us >= ledger_now_us() || d->owner == owner)
        return false;
    for (int i = 0; i < ledger.lease_count; i++) {
        const struct row_lease *l = &ledger.leases[i];
        if (l->owner == d->owner && l->token == d->token && l->at_us > postgres.started_us)
            return true;
    }
    return false;
}

/* CLAIM_SET */
void claim_one(struct row_delivery *d, int64_t token, int64_t owner, bool *takes_over)
{
    const struct row_webhook *w = &ledger.webhooks[d->webhook];
    int64_t now = ledger_now_us();
    bool sent = w->status == WEBHOOK_ACTIVE || is_mutant(MUTANT_CLAIM_PAUSED);
    bool lost = sent && is_lost(d, owner);
    bool given_up = lost && d->crashes + 1 >= DELIVERY_CRASHES_MAX;

    *takes_over = d->lease_us != 0;
    d->state = !sent ? DELIVERY_HELD : given_up ? DELIVERY_FAILED : DELIVERY_PENDING;
    d->completed_us = given_up ? now : 0;
    if (given_up)
        d->last_error = DELIVERY_CRASHED;
    int64_t end =
        (now + MS(is_mutant(MUTANT_LEASE_SHORT) ? 1000 : DELIVERY_LEASE_MS)) / 1000 * 1000;
    d->lease_us = sent && !given_up ? end + *takes_over : 0;
    d->token = token;
    d->owner = owner;
    d->attempts += sent && !given_up;
    d->crashes = lost ? d->crashes + 1 : d->crashes;
}

/* CLAIM_NOTED */
void note_claim(int64_t owner, int64_t token, uint64_t claimed)
{
    if (claimed == 0 || is_mutant(MUTANT_LEASES_FORGOTTEN))
        return;
    assert(ledger.lease_count < LEASE_ROWS_MAX);
    oracle_claimed(token);
    ledger.leases[ledger.lease_count++] =
        (struct row_lease){owner, token, ledger_now_us(), claimed};
}

/* CLAIM_ROW */
void put_claim(struct db_rows *rows, const struct row_delivery *d, bool takes_over)
{
    const struct row_webhook *w = &ledger.webhooks[d->webhook];
    const struct world_webhook *text = &world.webhooks[d->webhook];

    put_id(rows, d->id);
    put_id(rows, d->event);
    put_id(rows, w->id);
    put_id(rows, d->app);
    put_i64(rows, d->state);
    put_i64(rows, d->attempts);
    put_i64(rows, d->step);
    put_bool(rows, false); /* test */
    put_bool(rows, false); /* along */
    put_ms(rows, d->attempts > 1 ? d->next_us : 0);
    put_i64(rows, 1); /* batch_max */
    put_str(rows, STR_LIT(WORLD_TYPE));
    put_str(rows, STR_LIT(WORLD_DATA));
    put_i64(rows, sizeof WORLD_DATA - 1);
    put_bool(rows, true); /* fits */
    put_str(rows, str_of(text->url));
    put_str(rows, STR_LIT("default"));
    put_str(rows, STR_LIT("{}"));
    put_str(rows, text->sealed);
    put_null(rows);
    put_str(rows, STR_LIT(""));
    put_str(rows, STR_LIT(""));
    put_str(rows, STR_LIT(""));
    put_str(rows, text->schedule);
    put_i64(rows, WORLD_TIMEOUT_MS);
    put_i64(rows, d->waits);
    if (d->waiting_us != 0)
        put_i64(rows, round_ms(ledger_now_us()) - round_ms(d->waiting_us));
    else
        put_null(rows);
    put_bool(rows, w->gate_failures > 0 || w->gate_limit > 0 || w->gate_openings > 0);
    put_null(rows); /* asleep */
    put_null(rows); /* woken */
    put_i64(rows, w->concurrency);
    if (w->rate_limit > 0)
        put_i64(rows, w->rate_limit);
    else
        put_null(rows);
    put_i64(rows, d->crashes);
    put_bool(rows, takes_over);
}

static bool is_plain(const struct row_delivery *d)
{
    return d->lease_us == 0 && d->crashes == 0 &&
           (ledger.webhooks[d->webhook].status == WEBHOOK_ACTIVE || is_mutant(MUTANT_CLAIM_PAUSED));
}

static struct db_rows *claim(const struct values *v, bool plain)
{
    enum { COLUMNS = 34 };
    uint64_t asked = value_deliveries(v, 1), claimed = 0;
    int64_t token = value_i64(v, 2), owner = value_i64(v, 3), now = ledger_now_us();
    struct db_rows *rows = rows_create(COLUMNS);

    oracle_asked(asked);
    for (int i = 0; i < ledger.delivery_count; i++) {
        struct row_delivery *d = &ledger.deliveries[i];
        bool takes_over, early = is_mutant(MUTANT_CLAIM_EARLY),
                         leased = is_mutant(MUTANT_CLAIM_LEASED);
        if ((asked >> i & 1) == 0 || d->state != DELIVERY_PENDING ||
            (d->next_us > now + SLACK_US && !early) || (is_leased(d) && !leased) ||
            (plain && !is_plain(d)))
            continue;
        claim_one(d, token, owner, &takes_over);
        if (d->state == DELIVERY_PENDING)
            claimed |= UINT64_C(1) << i;
        put_claim(rows, d, takes_over);
    }
    note_claim(owner, token, claimed);
    return rows;
}

struct db_rows *model_work_claim(const struct values *v, int *err)
{
    (void)err;
    return claim(v, false);
}

struct db_rows *model_work_claim_plain(const struct values *v, int *err)
{
    (void)err;
    return claim(v, true);
}

struct db_rows *model_work_waiting(const struct values *v, int *err)
{
    uint64_t asked = value_deliveries(v, 1);
    int64_t now_ms = round_ms(ledger_now_us());
    struct db_rows *rows = rows_create(2);

    (void)err;
    for (int i = 0; i < ledger.delivery_count; i++) {
        const struct row_delivery *d = &ledger.deliveries[i];
        if ((asked >> i & 1) == 0 || d->state != DELIVERY_PENDING || is_leased(d))
            continue;
        int64_t wait_ms = round_ms(d->next_us) - now_ms;
        put_id(rows, d->id);
        put_i64(rows, wait_ms > 0 ? wait_ms : 0);
    }
    return rows;
}

static uint64_t given_back; /* by the last release */

/* A mutant's: again, and by then they may be somebody else's. */
static void on_release_again(void *arg)
{
    (void)arg;
    for (int i = 0; i < ledger.delivery_count; i++) {
        struct row_delivery *d = &ledger.deliveries[i];
        if ((given_back >> i & 1) != 0 && d->state == DELIVERY_PENDING)
            d->lease_us = d->token = d->owner = 0;
    }
}

struct db_rows *model_work_release(const struct values *v, int *err)
{
    uint64_t asked = value_deliveries(v, 1);
    int64_t token = value_i64(v, 2), now = ledger_now_us();
    struct db_rows *rows = rows_create(2);

    (void)err;
    for (int i = 0; i < ledger.delivery_count; i++) {
        struct row_delivery *d = &ledger.deliveries[i];
        if ((asked >> i & 1) == 0 || d->state != DELIVERY_PENDING || d->token != token)
            continue;
        d->attempts -= d->attempts > 0;
        d->lease_us = d->token = d->owner = 0;
        if (d->crashes >= DELIVERY_CRASHES_ALONE)
            d->next_us = now + MS(DELIVERY_ALONE_MS) + sim_between(0, MS(DELIVERY_ALONE_MS));
        put_id(rows, d->id);
        put_i64(rows, round_ms(d->next_us) - round_ms(now));
    }
    given_back = asked;
    for (int n = is_mutant(MUTANT_RELEASE_TWICE) ? 4 : 0; n > 0; n--)
        sim_in(sim_between(MS(1), MS(40)), NULL, on_release_again, NULL);
    return rows;
}
