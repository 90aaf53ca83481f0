/* Batches and their forms. */
#include "batch.h"

#include <stdlib.h>

struct batch *batch_create(void *owner)
{
    struct batch *b = xcalloc(1, sizeof *b);

    list_init(&b->node);
    b->owner = owner;
    return b;
}

void batch_destroy(struct batch *b)
{
    list_remove(&b->node);
    db_cancel(b->op);
    for (size_t i = 0; i < b->count; i++)
        sending_forget(b->attempts[i]);
    free(b);
}

static int by_delivery(const void *a, const void *b)
{
    const struct attempt *const *x = a, *const *y = b;
    return id_cmp((*x)->finish.delivery, (*y)->finish.delivery);
}

void batch_sort(struct batch *b)
{
    qsort(b->attempts, b->count, sizeof b->attempts[0], by_delivery);
}

bool batch_has(const struct batch *b, struct id delivery)
{
    for (size_t i = 0; i < b->count; i++)
        if (id_eq(b->attempts[i]->finish.delivery, delivery))
            return true;
    return false;
}

struct batch *batch_take(struct batch *b, const bool *chosen)
{
    struct batch *taken = batch_create(b->owner);
    size_t left = 0;

    taken->tried = b->tried;
    taken->refusals = b->refusals;
    taken->refused_ms = b->refused_ms;
    for (size_t i = 0; i < b->count; i++) {
        if (chosen[i])
            taken->attempts[taken->count++] = b->attempts[i];
        else
            b->attempts[left++] = b->attempts[i];
    }
    b->count = left;
    return taken;
}

/* --- forms ------------------------------------------------------------------------------------ */

static struct finish strip(const struct finish *f)
{
    struct finish lesser = *f;

    lesser.response_head = lesser.response_body = (struct str){0};
    lesser.address = STR_LIT("");
    lesser.error_text =
        f->error == ATTEMPT_OK ? STR_LIT("") : STR_LIT("the rest of it could not be recorded");
    return lesser;
}

static struct finish park(const struct finish *f)
{
    return (struct finish){
        .delivery = f->delivery,
        .event = f->event,
        .webhook = f->webhook,
        .token = f->token,
        .state = DELIVERY_FAILED,
        .error = ATTEMPT_UNRECORDED,
        .test = f->test,
        .number = f->number,
        .started_ms = f->started_ms,
        .url = f->url,
        .address = STR_LIT(""),
        .error_text = STR_LIT("what came of it could not be recorded"),
        .request_head = STR_LIT(""),
    };
}

bool batch_is_plain(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (!b->attempts[i]->behind || !finish_is_plain(&b->attempts[i]->finish))
            return false;
    return !b->tried;
}

void batch_list(const struct batch *b, const struct finish **list, struct finish *lesser)
{
    assert(b->form == BATCH_WHOLE || b->count == 1);
    for (size_t i = 0; i < b->count; i++)
        list[i] = &b->attempts[i]->finish;
    if (b->form == BATCH_WHOLE)
        return;
    *lesser = b->form == BATCH_STRIPPED ? strip(list[0]) : park(list[0]);
    list[0] = lesser;
}

void batch_settle(struct batch *b)
{
    if (b->form == BATCH_PARKED)
        b->attempts[0]->finish = park(&b->attempts[0]->finish);
    else if (b->form == BATCH_STRIPPED)
        b->attempts[0]->finish = strip(&b->attempts[0]->finish);
    b->form = BATCH_WHOLE;
}

/* --- what rows say ---------------------------------------------------------------------------- */

static struct attempt *const *find(const struct batch *b, struct id delivery)
{
    struct attempt key = {.finish.delivery = delivery};
    const struct attempt *wanted = &key;
    return bsearch(&wanted, b->attempts, b->count, sizeof b->attempts[0], by_delivery);
}

void batch_find_moved(const struct batch *b, const struct db_rows *rows, bool *moved)
{
    struct finished f;

    for (int i = 0; i < db_count(rows); i++) {
        finished_read(rows, i, &f);
        struct attempt *const *found = f.kind == FINISHED_MOVED ? find(b, f.id) : NULL;
        if (found == NULL)
            continue;
        moved[found - b->attempts] = true;
        if (f.sooner)
            (*found)->finish.delay_ms = f.retry_ms;
    }
}

struct db_op *batch_ask_locked(const struct batch *b, struct db *db, db_cb *cb, void *arg)
{
    struct id ids[BATCH_MAX], webhooks[BATCH_MAX];
    size_t webhook_count = 0;

    for (size_t i = 0; i < b->count; i++) {
        ids[i] = b->attempts[i]->finish.delivery;
        if (b->attempts[i]->verdict.disable)
            webhooks[webhook_count++] = b->attempts[i]->webhook;
    }
    return work_locked(db, ids, b->count, webhooks, webhook_count, cb, arg);
}

size_t batch_find_locked(const struct batch *b, const struct db_rows *rows, bool *locked)
{
    size_t count = 0;

    for (int i = 0; i < db_count(rows); i++) {
        struct id id = db_id(rows, i, 0);
        for (size_t j = 0; j < b->count; j++) {
            const struct attempt *a = b->attempts[j];
            if (id_eq(a->finish.delivery, id) || (a->verdict.disable && id_eq(a->webhook, id)))
                locked[j] = true;
        }
    }
    for (size_t i = 0; i < b->count; i++)
        count += locked[i];
    return count;
}
