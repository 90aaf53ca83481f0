/* What nobody waits for is freed piece by piece: the data with the last who waits, a body with its last message. */
#include "payloads.h"

#include "base/err.h"

#include <stdlib.h>

void payloads_init(struct payloads *p, struct db *db, struct places *places,
                   void (*on_come)(void *arg), void *arg)
{
    *p = (struct payloads){.db = db, .places = places, .on_come = on_come, .arg = arg};
}

void payloads_fini(struct payloads *p)
{
    assert(p->by_event.count == 0);
    idmap_fini(&p->by_event);
    idmap_fini(&p->weights);
}

static int app_weight(const struct payloads *p, struct id app)
{
    return (int)(uintptr_t)idmap_get(&p->weights, app);
}

static void weigh(struct payload *one, size_t bytes)
{
    struct payloads *p = one->payloads;
    int had = one->weight;

    one->weight = places_share(p->places, one->app, had, bytes);
    if (one->weight != had)
        idmap_set(&p->weights, one->app,
                  (void *)(uintptr_t)(app_weight(p, one->app) + one->weight - had));
}

static struct payload *create(struct payloads *p, const struct claim *claim)
{
    struct payload *one = xcalloc(1, sizeof *one);

    one->payloads = p;
    one->event = claim->content.event;
    one->app = claim->ref.app;
    one->size = claim->size;
    buf_init(&one->data, claim->size);
    bodies_init(&one->bodies);
    idmap_set(&p->by_event, one->event, one);
    return one;
}

static void take_data(struct payload *one, struct str data)
{
    one->state = data.n == one->size && data.n > 0 ? PAYLOAD_HERE : PAYLOAD_LOST;
    if (one->state == PAYLOAD_HERE)
        buf_add_str(&one->data, data);
    weigh(one, one->data.cap);
}

struct payload *payloads_wait(struct payloads *p, const struct claim *claim)
{
    struct payload *one = idmap_get(&p->by_event, claim->content.event);

    if (one == NULL)
        one = create(p, claim);
    one->waiting++;
    if (one->state == PAYLOAD_AWAY && claim->content.data.p != NULL)
        take_data(one, claim->content.data);
    return one;
}

bool payload_may_come(const struct payload *one)
{
    const struct payloads *p = one->payloads;
    int64_t left = (int64_t)places_left(p->places), has = app_weight(p, one->app);
    return has == 0 || 3 * left - has > 4 * (int64_t)(one->size / p->places->place_bytes);
}

static void on_data(void *arg, int err, const struct db_rows *rows)
{
    struct payload *one = arg;
    struct payloads *p = one->payloads;
    struct str none = {NULL, 0};

    one->op = NULL;
    p->coming--;
    take_data(one, err == 0 && db_count(rows) > 0 ? db_str(rows, 0, 0) : none);
    p->on_come(p->arg);
}

void payload_fetch(struct payload *one)
{
    assert(one->state == PAYLOAD_AWAY);
    one->state = PAYLOAD_COMING;
    one->payloads->coming++;
    weigh(one, one->size);
    one->op = work_data(one->payloads->db, one->event, on_data, one);
}

static void forget(struct payload *one)
{
    if (one->op != NULL)
        one->payloads->coming--;
    db_cancel(one->op);
    bodies_fini(&one->bodies);
    weigh(one, 0);
    idmap_set(&one->payloads->by_event, one->event, NULL);
    free(one);
}

/* What is left of it. */
static void tidy(struct payload *one)
{
    if (one->waiting == 0) {
        buf_fini(&one->data);
        bodies_trim(&one->bodies);
        if (one->state != PAYLOAD_COMING)
            one->state = PAYLOAD_AWAY;
    }
    if (one->waiting + one->users == 0)
        forget(one);
    else if (one->state != PAYLOAD_COMING)
        weigh(one, one->data.cap + bodies_bytes(&one->bodies));
}

void payload_leave(struct payload *one)
{
    assert(one->waiting > 0);
    one->waiting--;
    tidy(one);
}

void payload_use(struct payload *one)
{
    one->users++;
}

void payload_release(struct payload *one)
{
    assert(one->users > 0);
    one->users--;
    tidy(one);
}
