/* stmt_event_accept_plain and stmt_event_accept_unkeyed of store/events.c, for plain events of one type that all webhooks
 * of their app want. */
#include "ledger.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "mutants.h"
#include "oracle.h"
#include "world.h"

static struct row_event *find_key(struct id key)
{
    for (int i = ledger.keys_from; i < ledger.event_count; i++)
        if (ledger.events[i].keyed && id_eq(ledger.events[i].key, key))
            return &ledger.events[i];
    return NULL;
}

/* new_delivery_id() */
static struct id delivery_id(struct id event)
{
    struct id id = id_new();
    memcpy(id.b, event.b, 8);
    return id;
}

static struct row_delivery *deliver(const struct row_event *e, int webhook)
{
    const struct row_webhook *w = &ledger.webhooks[webhook];

    assert(ledger.delivery_count < DELIVERIES_MAX);
    struct id id = delivery_id(e->id);
    if (find_delivery(id) >= 0)
        fail_run("two have one id", "a delivery of event %d", (int)(e - ledger.events));
    struct row_delivery *d = &ledger.deliveries[ledger.delivery_count++];
    *d = (struct row_delivery){
        .id = id,
        .event = e->id,
        .app = e->app,
        .webhook = webhook,
        .state = w->status == WEBHOOK_ACTIVE ? DELIVERY_PENDING : DELIVERY_HELD,
        .next_us = ledger_now_us(),
    };
    return d;
}

static void put_owner(struct db_rows *rows, int64_t n, const struct row_event *owner, bool differs,
                      int64_t deliveries)
{
    put_i64(rows, n);
    put_id(rows, owner->id);
    put_bool(rows, differs);
    put_i64(rows, deliveries);
}

static bool wants(const struct row_webhook *w, struct id app)
{
    return id_eq(w->app, app) &&
           !(w->status == WEBHOOK_DISABLED && w->disabled_reason == DISABLED_BY_API);
}

static void put_deliveries(struct db_rows *rows, int64_t n, struct row_event *e)
{
    for (int w = 0; w < ledger.webhook_count; w++)
        e->deliveries += wants(&ledger.webhooks[w], e->app);
    for (int w = 0; w < ledger.webhook_count; w++) {
        if (!wants(&ledger.webhooks[w], e->app))
            continue;
        const struct row_delivery *d = deliver(e, w);
        put_owner(rows, n, e, false, 1);
        put_i64(rows, d->state);
        put_entry(rows, d);
    }
}

static struct row_event *store(const struct row_event *e)
{
    assert(ledger.event_count < EVENTS_MAX);
    oracle_stored(e->id);
    struct row_event *row = &ledger.events[ledger.event_count++];
    *row = *e;
    return row;
}

struct db_rows *model_event_accept_plain(const struct values *v, int *err)
{
    struct db_array ids = value_array(v, 1), apps = value_array(v, 2), keys = value_array(v, 5),
                    hashes = value_array(v, 6);
    struct db_rows *rows = rows_create(12);
    struct row_event e = {.keyed = true};

    (void)err;
    for (int64_t n = 1; next_id(&ids, &e.id); n++) {
        next_id(&apps, &e.app);
        next_id(&keys, &e.key);
        next_id(&hashes, &e.hash);
        const struct row_event *known = is_mutant(MUTANT_KEY_FORGOTTEN) ? NULL : find_key(e.key);
        if (known != NULL) {
            put_owner(rows, n, known, !id_eq(known->hash, e.hash), known->deliveries);
            put_nulls(rows, 8);
            continue;
        }
        struct row_event *row = store(&e);
        put_deliveries(rows, n, row);
        if (row->deliveries == 0) {
            put_owner(rows, n, row, false, 0);
            put_nulls(rows, 8);
        }
    }
    return rows;
}

/* All apps of runs have a webhook that wants their events. */
struct db_rows *model_event_accept_unkeyed(const struct values *v, int *err)
{
    struct db_array ids = value_array(v, 1), apps = value_array(v, 2);
    struct db_rows *rows = rows_create(12);
    struct row_event e = {.keyed = false};

    (void)err;
    for (int64_t n = 1; next_id(&ids, &e.id); n++) {
        next_id(&apps, &e.app);
        struct row_event *row = store(&e);
        put_deliveries(rows, n, row);
        assert(row->deliveries > 0);
    }
    return rows;
}
