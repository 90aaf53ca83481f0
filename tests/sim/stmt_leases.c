/* store/work_leases.c and the reconciler's half of store/work_sweep.c. */
#include "ledger.h"

#include "core/delivery.h"
#include "mutants.h"

#include <stdlib.h>

struct db_rows *model_work_leases(const struct values *v, int *err)
{
    int64_t owner = value_i64(v, 1);
    struct db_rows *rows = rows_create(1);

    (void)err;
    for (int i = 0; i < ledger.lease_count && !is_mutant(MUTANT_TAKE_BACK_NONE); i++)
        if (ledger.leases[i].owner == owner)
            put_i64(rows, ledger.leases[i].token);
    return rows;
}

/* Removes the lease of this claim; its deliveries. */
static uint64_t end_claim(int64_t owner, int64_t token)
{
    for (int i = 0; i < ledger.lease_count; i++) {
        struct row_lease *l = &ledger.leases[i];
        if (l->owner != owner || l->token != token)
            continue;
        uint64_t deliveries = l->deliveries;
        ledger.lease_count--;
        memmove(l, l + 1, (size_t)(ledger.lease_count - i) * sizeof *l);
        return deliveries;
    }
    return 0;
}

static void take_back(struct row_delivery *d, bool crashed)
{
    int64_t now = ledger_now_us();
    int crashes = d->crashes + 1;
    bool parked = crashed && crashes >= DELIVERY_CRASHES_MAX;

    d->lease_us = d->token = d->owner = 0;
    if (crashed && crashes >= DELIVERY_CRASHES_ALONE)
        d->next_us =
            now + crashes * (MS(DELIVERY_CRASHED_MS) + sim_between(0, MS(DELIVERY_CRASHED_MS)));
    d->crashes = crashed ? crashes : d->crashes;
    d->state = parked ? DELIVERY_FAILED : DELIVERY_PENDING;
    d->completed_us = parked ? now : 0;
    d->last_error = parked ? DELIVERY_CRASHED : d->last_error;
}

struct db_rows *model_work_take_back(const struct values *v, int *err)
{
    int64_t owner = value_i64(v, 1), token;
    struct db_array tokens = value_array(v, 2);
    bool crashed = value_bool(v, 3);
    struct db_rows *rows = rows_create(8);

    (void)err;
    while (next_i64(&tokens, &token)) {
        uint64_t deliveries = end_claim(owner, token);
        for (int i = 0; i < ledger.delivery_count; i++) {
            struct row_delivery *d = &ledger.deliveries[i];
            if ((deliveries >> i & 1) == 0 || d->state != DELIVERY_PENDING ||
                (d->token != token && !is_mutant(MUTANT_TAKE_BACK_ALL)))
                continue;
            take_back(d, crashed);
            put_entry(rows, d);
            put_bool(rows, d->state == DELIVERY_FAILED);
        }
    }
    return rows;
}

struct db_rows *model_work_lease_end(const struct values *v, int *err)
{
    int64_t owner = value_i64(v, 1), token;
    struct db_array tokens = value_array(v, 2);

    (void)err;
    while (next_i64(&tokens, &token))
        end_claim(owner, token);
    return rows_create(1);
}

/* --- the reconciler --------------------------------------------------------------------------- */

static int by_due(const void *a, const void *b)
{
    const struct row_delivery *x = &ledger.deliveries[*(const int *)a],
                              *y = &ledger.deliveries[*(const int *)b];
    if (x->next_us != y->next_us)
        return x->next_us < y->next_us ? -1 : 1;
    return id_cmp(x->id, y->id);
}

/* Those that wait and are due from `from_us` to before `before_us`, in order. */
static int waiting(int64_t from_us, int64_t before_us, int *found)
{
    int count = 0;

    for (int i = 0; i < ledger.delivery_count; i++) {
        const struct row_delivery *d = &ledger.deliveries[i];
        if (d->state == DELIVERY_PENDING && !is_leased(d) && d->next_us >= from_us &&
            d->next_us < before_us)
            found[count++] = i;
    }
    qsort(found, (size_t)count, sizeof *found, by_due);
    return count;
}

struct db_rows *model_work_overdue(const struct values *v, int *err)
{
    int found[DELIVERIES_MAX];
    struct db_rows *rows = rows_create(7);

    (void)v;
    (void)err;
    if (is_mutant(MUTANT_KEYS_EARLY))
        ledger.keys_from = ledger.event_count;
    int count = waiting(INT64_MIN, ledger_now_us() - MS(DELIVERY_OVERDUE_MS), found);
    while (count > 0 && !is_mutant(MUTANT_OVERDUE_NONE))
        put_entry(rows, &ledger.deliveries[found[--count]]);
    return rows;
}

struct db_rows *model_work_upcoming(const struct values *v, int *err)
{
    int64_t after_us = value_i64(v, 1) - EPOCH_MS * 1000, limit = value_i64(v, 3);
    struct id after = value_id(v, 2);
    int found[DELIVERIES_MAX];
    struct db_rows *rows = rows_create(8);

    (void)err;
    int count = waiting(after_us, ledger_now_us() + MS(DELIVERY_HORIZON_MS), found);
    for (int i = 0; i < count && limit > 0 && !is_mutant(MUTANT_UPCOMING_NONE); i++) {
        const struct row_delivery *d = &ledger.deliveries[found[i]];
        if (d->next_us == after_us && id_cmp(d->id, after) <= 0)
            continue;
        put_entry(rows, d);
        put_i64(rows, EPOCH_MS * 1000 + d->next_us);
        limit--;
    }
    return rows;
}
