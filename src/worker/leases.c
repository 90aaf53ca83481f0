/* Fenced claims, and their way back. */
#include "leases.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

#define STATEMENTS_MAX 4
#define SHARED_MAX     2    /* while several apps are served: who comes next waits behind them, */
#define SHARED_ROWS    24   /* each of so many */
#define MARGIN_MS      5000 /* of the lease, not used for sending */
#define PUT_BACK_MS    1000 /* when PostgreSQL did not answer the claim */
#define WAIT_MIN_MS    50   /* so that nobody asks for what is due at once again and again */

/* One fenced claim, until its rows are handed over; or, its outcome unknown, until its leases are
 * released. */
struct fenced {
    struct list node;
    struct leases *leases;
    struct db_op *op;
    int64_t token;
    int64_t started_ms;    /* monotonic: the lease cannot have begun earlier */
    bool unknown;          /* what became of it: it may still be run, after its release */
    bool gathers;          /* claimed already: what goes along with them is leased now */
    bool direct;           /* PostgreSQL chose, and keeps the gates */
    bool plain;            /* what it leaves out is claimed again, and not plainly */
    leases_due_cb *on_due; /* of one for which PostgreSQL chose; its refs come with the rows */
    void *arg;
    size_t count;
    struct queue_ref refs[LEASES_MAX]; /* sorted by delivery */
};

static void tell_end(struct leases *l)
{
    l->config.on_end(l->config.arg, NULL, 0, 0);
}

static void on_certain(void *arg)
{
    struct leases *l = arg;
    l->config.on_taken_over(l->config.arg);
    tell_end(l);
}

void leases_init(struct leases *l, const struct leases_config *config)
{
    *l = (struct leases){.config = *config};
    portion_init(&l->portion);
    list_init(&l->claiming);
    list_init(&l->releasing);
    owned_init(&l->owned, &(struct owned_config){config->db, config->queue, &config->places->tokens,
                                                 config->owner, on_certain, l});
}

static void free_all(struct list *list)
{
    struct list *node;
    while ((node = list_pop(list)) != NULL) {
        struct fenced *f = CONTAINER_OF(node, struct fenced, node);
        db_cancel(f->op);
        free(f);
    }
}

void leases_fini(struct leases *l)
{
    owned_fini(&l->owned);
    free_all(&l->claiming);
    free_all(&l->releasing);
}

bool leases_idle(const struct leases *l)
{
    return l->statements == 0 && owned_idle(&l->owned);
}

void leases_stop(struct leases *l)
{
    l->stopping = true;
}

size_t leases_room(const struct leases *l)
{
    bool shared = places_are_shared(l->config.places);
    size_t left = places_left(l->config.places), most = portion_rows(&l->portion),
           rows = shared ? SHARED_ROWS : LEASES_MAX;

    /* What is to be released takes the place of claims, so that a PostgreSQL that refuses them is not
     * asked for more. */
    if (l->stopping || !l->owned.certain || !db_ready(l->config.db) ||
        l->statements >= (shared ? SHARED_MAX : STATEMENTS_MAX))
        return 0;
    most = most < rows ? most : rows;
    return left < most ? left : most;
}

static int by_delivery(const void *a, const void *b)
{
    const struct queue_ref *x = a, *y = b;
    return id_cmp(x->delivery, y->delivery);
}

/* Where it is among the refs; -1: it is none of them. */
static int index_of(const struct fenced *f, struct id delivery)
{
    struct queue_ref key = {.delivery = delivery};
    const struct queue_ref *ref = bsearch(&key, f->refs, f->count, sizeof f->refs[0], by_delivery);
    return ref != NULL ? (int)(ref - f->refs) : -1;
}

/* Nothing is left to be done for it. */
static void finish(struct fenced *f)
{
    struct leases *l = f->leases;

    tokens_give_back(&l->config.places->tokens, f->token);
    list_remove(&f->node);
    free(f);
    l->statements--;
}

/* In one of the lists, until finish(). */
static struct fenced *fenced_create(struct leases *l, struct list *list, int64_t token)
{
    struct fenced *f = xcalloc(1, sizeof *f);

    f->leases = l;
    f->started_ms = clock_mono_ms();
    f->token = token;
    tokens_take(&l->config.places->tokens, token);
    list_push(list, &f->node);
    l->statements++;
    return f;
}

static void tell_answer(const struct fenced *f, const char *event, int err, int rows)
{
    log_debug(event, "asked=%zu rows=%d token=%016llx ms=%lld error=%s", f->count, rows,
              (unsigned long long)f->token, (long long)(clock_mono_ms() - f->started_ms),
              err < 0 ? err_name(err) : "none");
}

static void on_released(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct leases *l = f->leases;

    f->op = NULL;
    tell_answer(f, "release", err, err == 0 ? db_count(rows) : 0);
    if (err < 0)
        return; /* again: leases_tend() */
    int64_t delays_ms[LEASES_MAX];
    for (size_t i = 0; i < f->count; i++)
        delays_ms[i] = f->unknown ? PUT_BACK_MS : 0;
    for (int i = 0; i < db_count(rows); i++) {
        int at = index_of(f, db_id(rows, i, 0));
        if (at >= 0 && (!f->unknown || db_i64(rows, i, 1) > PUT_BACK_MS))
            delays_ms[at] = db_i64(rows, i, 1);
    }
    for (size_t i = 0; i < f->count; i++)
        queue_ack(l->config.queue, &(struct queue_ack){f->refs[i], delays_ms[i]}, 1);
    if (f->unknown)
        owned_expect(&l->owned);
    finish(f);
    tell_end(l);
}

static size_t ids_of(const struct fenced *f, struct id *ids)
{
    for (size_t i = 0; i < f->count; i++)
        ids[i] = f->refs[i].delivery;
    return f->count;
}

/* In the queue they stay in flight meanwhile: who claimed them now would find them leased. */
static void release(struct fenced *f)
{
    struct id ids[LEASES_MAX];
    f->op = work_release(f->leases->config.db, ids, ids_of(f, ids), f->token, on_released, f);
}

/* --- what came of a claim ----------------------------------------------------------------------- */

/* What was left out waits for its time, or is out of the queue: ended, held, or in other hands. */
static void on_waiting(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct leases *l = f->leases;
    struct queue_ack acks[LEASES_MAX];

    f->op = NULL;
    for (size_t i = 0; i < f->count; i++)
        acks[i] =
            (struct queue_ack){f->refs[i], err < 0 ? PUT_BACK_MS : QUEUE_OUT, .refused = true};
    for (int i = 0; err == 0 && i < db_count(rows); i++) {
        int at = index_of(f, db_id(rows, i, 0));
        int64_t wait_ms = db_i64(rows, i, 1);
        if (at >= 0)
            acks[at].delay_ms = wait_ms > WAIT_MIN_MS ? wait_ms : WAIT_MIN_MS;
    }
    queue_ack(l->config.queue, acks, f->count);
    finish(f);
    tell_end(l);
}

/* What came along has a place of its own only now; not what is in hand already, its lease run out for want
 * of recording. */
static bool take_along(const struct fenced *f, const struct claim *c)
{
    struct places *places = f->leases->config.places;

    if (places_has(places, c->ref.delivery))
        return false;
    places_take_along(places, &c->ref, f->token);
    return true;
}

/* What becomes of a delivery that was asked for. */
enum fate { LEFT_OUT, TAKEN, GATHERS, MOVED, TOO_MUCH };

/* Too much: there was no room for its content, it would go alone and another does, or, when this worker was stopped for
 * long between the claim and here, its lease runs out before its timeout. What goes alone may have been claimed ahead:
 * where all places are taken for long, nothing is claimed otherwise. One that gathers goes when it has gathered, unless
 * it fills a request by itself. */
static enum fate fate_of(const struct fenced *f, const struct claim *c)
{
    if (c->state != DELIVERY_PENDING || c->asleep)
        return MOVED;
    if (!c->fits || clock_mono_ms() > c->begin_by_ms || (c->ahead && c->batch_max > 1))
        return TOO_MUCH;
    if (c->alone)
        return places_take_alone(f->leases->config.places, c->ref.delivery) ? TAKEN : TOO_MUCH;
    bool gathers = c->batch_max > 1 && !c->content.test && c->size <= WORK_DATA_MAX;
    return gathers && !f->gathers ? GATHERS : TAKEN;
}

static void tell_given_up(const struct claim *c)
{
    char delivery[ID_TEXT_SIZE], webhook[ID_TEXT_SIZE];

    metric_add(METRIC_DELIVERIES_CRASHED, 1);
    log_bounded(LOG_LEVEL_ERROR, "delivery_failed", "delivery=%s webhook=%s error=%s",
                id_text(delivery, ID_DELIVERY, c->ref.delivery),
                id_text(webhook, ID_WEBHOOK, c->to.webhook), attempt_error_code(DELIVERY_CRASHED));
}

/* Reads what may be sent, and finds out what becomes of each that was asked for. */
static size_t read_claims(const struct fenced *f, const struct db_rows *rows, struct claim *claims,
                          enum fate *fates)
{
    int64_t lease_end_ms = f->started_ms + DELIVERY_LEASE_MS - MARGIN_MS;
    size_t count = 0, held = 0, cancelled = 0, expired = 0;
    struct content last = {0};

    for (int i = 0; i < db_count(rows); i++) {
        struct claim *c = &claims[count];
        claims_read(rows, i, c);
        int at = index_of(f, c->ref.delivery);
        if (c->along ? !take_along(f, c) : at < 0)
            continue; /* in hand already, its lease run out: recording it is under way */
        c->begin_by_ms = lease_end_ms - c->timeout_ms;
        if (c->content.data.p == NULL && c->size <= WORK_DATA_MAX)
            c->content.data = id_eq(c->content.event, last.event)
                                  ? last.data
                                  : claims_data(rows, c->content.event);
        last = c->content;
        c->ahead = places_is_ahead(f->leases->config.places, c->ref.delivery);
        enum fate fate = fate_of(f, c);
        if (!c->along)
            fates[at] = fate;
        else if (fate != TAKEN)
            places_give_back(f->leases->config.places, c->ref.delivery);
        c->gated = c->gated && f->direct;
        if (c->wakes)
            queue_enqueue(f->leases->config.queue, &c->woken, 1, QUEUE_WOKEN);
        count += fate == TAKEN;
        held += c->state == DELIVERY_HELD;
        cancelled += c->state == DELIVERY_CANCELLED;
        expired += c->state == DELIVERY_FAILED && !c->given_up;
        if (c->state == DELIVERY_FAILED && c->given_up)
            tell_given_up(c);
    }
    if (held + cancelled + expired > 0)
        log_bounded(LOG_LEVEL_INFO, "claims_moved", "held=%zu cancelled=%zu expired=%zu", held,
                    cancelled, expired);
    return count;
}

/* Moves those of one fate to `to`, which may be the same. */
static void pick(const struct fenced *f, const enum fate *fates, enum fate fate, struct fenced *to)
{
    size_t count = f->count;

    to->count = 0;
    for (size_t i = 0; i < count; i++)
        if (fates[i] == fate)
            to->refs[to->count++] = f->refs[i];
}

static void release_some(const struct fenced *f, const enum fate *fates)
{
    struct leases *l = f->leases;
    struct fenced *some = fenced_create(l, &l->releasing, f->token);

    pick(f, fates, TOO_MUCH, some);
    if (some->count > 0)
        release(some);
    else
        finish(some);
}

static void on_claimed(void *arg, int err, const struct db_rows *rows);

static void gather(const struct fenced *f, const enum fate *fates)
{
    struct leases *l = f->leases;
    struct fenced *some = fenced_create(l, &l->claiming, f->token);
    struct id ids[LEASES_MAX];

    some->started_ms = f->started_ms;
    some->direct = f->direct;
    some->gathers = true;
    pick(f, fates, GATHERS, some);
    if (some->count > 0)
        some->op = work_gather(l->config.db, ids, ids_of(some, ids), f->token, l->config.owner,
                               on_claimed, some);
    else
        finish(some);
}

static bool keeps_place(const struct fenced *f, enum fate fate)
{
    return fate == TAKEN || fate == GATHERS || (fate == LEFT_OUT && f->plain);
}

/* What was moved instead of leased goes out of the queue, what is too much back into it; the refs that
 * are left are those of rows that did not come. */
static size_t sort_out(struct fenced *f, const struct db_rows *rows, struct claim *claims)
{
    struct leases *l = f->leases;
    enum fate fates[LEASES_MAX] = {LEFT_OUT};
    size_t count = read_claims(f, rows, claims, fates);

    for (size_t i = 0; i < f->count; i++) {
        if (fates[i] == MOVED)
            queue_ack(l->config.queue,
                      &(struct queue_ack){f->refs[i], QUEUE_OUT, {.what = GATE_UNSENT}}, 1);
        if (!keeps_place(f, fates[i]))
            places_give_back(l->config.places, f->refs[i].delivery);
    }
    release_some(f, fates);
    gather(f, fates);
    pick(f, fates, LEFT_OUT, f);
    return count;
}

static void claim(struct fenced *f);

/* By a statement that looks at all that may be; and so are the next, which may be of the same kind. */
static void claim_rest(struct fenced *f)
{
    struct leases *l = f->leases;
    struct fenced *rest = fenced_create(l, &l->claiming, tokens_new());

    rest->count = f->count;
    memcpy(rest->refs, f->refs, f->count * sizeof f->refs[0]);
    for (size_t i = 0; i < rest->count; i++)
        places_lease(l->config.places, rest->refs[i].delivery, rest->token);
    finish(f);
    portion_learn_whole(&l->portion); /* this one too */
    claim(rest);
}

static void hand_over(struct fenced *f, const struct db_rows *rows)
{
    struct leases *l = f->leases;
    struct claim *claims = xcalloc((size_t)db_count(rows) + 1, sizeof *claims);
    struct id ids[LEASES_MAX];
    int64_t token = f->token;
    size_t count = sort_out(f, rows, claims);

    portion_learn_rows(&l->portion, rows);
    if (f->count == 0)
        finish(f);
    else if (f->plain)
        claim_rest(f);
    else
        f->op = work_waiting(l->config.db, ids, ids_of(f, ids), on_waiting, f);
    l->config.on_end(l->config.arg, claims, count, token);
    free(claims);
}

/* They are to be given back: nothing will be sent of them. */
static void give_up(struct fenced *f)
{
    for (size_t i = 0; i < f->count; i++)
        places_give_back(f->leases->config.places, f->refs[i].delivery);
    list_remove(&f->node);
    list_push(&f->leases->releasing, &f->node);
    release(f);
}

/* Another session has locked some, and nothing was leased: those go back, the others are claimed. */
static void on_locked(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct leases *l = f->leases;
    bool all = err < 0 || l->stopping, locked[LEASES_MAX] = {false};
    size_t left = 0;

    f->op = NULL;
    for (int i = 0; err == 0 && i < db_count(rows); i++) {
        int at = index_of(f, db_id(rows, i, 0));
        if (at >= 0)
            locked[at] = true;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (all || locked[i]) {
            places_give_back(l->config.places, f->refs[i].delivery);
            queue_ack(l->config.queue, &(struct queue_ack){f->refs[i], PUT_BACK_MS}, 1);
        } else {
            f->refs[left++] = f->refs[i];
        }
    }
    f->count = left;
    if (left > 0) {
        claim(f);
        return;
    }
    finish(f);
    tell_end(l);
}

static void on_claimed(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct leases *l = f->leases;

    f->op = NULL;
    tell_answer(f, "claim", err, err == 0 ? db_count(rows) : 0);
    portion_learn_line(&l->portion, err);
    if (err == ERR_LOCKED) {
        struct id ids[LEASES_MAX];
        size_t count = ids_of(f, ids);
        f->op = work_locked(l->config.db, ids, count, NULL, 0, on_locked, f);
        return;
    }
    if (err == 0 && !l->stopping) {
        hand_over(f, rows);
        return;
    }
    f->unknown = err < 0;
    if (f->gathers) /* others of its claim are in hand */
        tokens_doubt(&l->config.places->tokens, f->token);
    else if (f->unknown)
        tokens_forget(&l->config.places->tokens, f->token);
    give_up(f);
    tell_end(l);
}

static void claim(struct fenced *f)
{
    struct id ids[LEASES_MAX];
    size_t count = ids_of(f, ids);
    const struct leases_config *config = &f->leases->config;

    f->started_ms = clock_mono_ms();
    f->plain = portion_is_plain(&f->leases->portion, count);
    f->op = f->plain
                ? work_claim_plain(config->db, ids, count, f->token, config->owner, on_claimed, f)
                : work_claim(config->db, ids, count, f->token, config->owner,
                             f->leases->portion.bytes, on_claimed, f);
}

typedef void take_places(struct places *places, const struct queue_ref *refs, size_t count,
                         int64_t token);

/* Takes places for those that have none yet. What is in hand and not in flight is in the queue twice. */
static void take(struct fenced *f, const struct queue_ref *refs, size_t count, take_places *places)
{
    struct places *all = f->leases->config.places;
    size_t had = f->count;

    assert(had + count <= LEASES_MAX);
    for (size_t i = 0; i < count; i++)
        if (!places_has(all, refs[i].delivery))
            f->refs[f->count++] = refs[i];
        else if (!places_flies(all, refs[i].delivery))
            queue_ack(f->leases->config.queue, &(struct queue_ack){refs[i], QUEUE_OUT}, 1);
    places(all, f->refs + had, f->count - had, f->token);
    qsort(f->refs, f->count, sizeof f->refs[0], by_delivery);
}

void leases_claim(struct leases *l, const struct queue_claim *proposed)
{
    struct fenced *f = fenced_create(l, &l->claiming, tokens_new());

    take(f, proposed->refs, proposed->count, places_take);
    take(f, proposed->ahead, proposed->ahead_count, places_take_ahead);
    if (f->count > 0)
        claim(f);
    else
        finish(f);
}

void leases_give_back(struct leases *l, const struct queue_ref *refs, size_t count, int64_t token)
{
    while (count > 0) {
        struct fenced *f = fenced_create(l, &l->releasing, token);
        f->count = count < LEASES_MAX ? count : LEASES_MAX;
        memcpy(f->refs, refs, f->count * sizeof f->refs[0]);
        qsort(f->refs, f->count, sizeof f->refs[0], by_delivery);
        refs += f->count;
        count -= f->count;
        give_up(f);
    }
}

static void on_due(void *arg, int err, const struct db_rows *rows)
{
    struct fenced *f = arg;
    struct leases *l = f->leases;
    struct queue_ref refs[LEASES_MAX];
    struct work_due due;
    size_t count = err == 0 ? claims_read_due(rows, &due, refs) : 0;

    f->op = NULL;
    tell_answer(f, "claim_due", err, (int)count);
    f->on_due(f->arg, err, err == 0 ? &due : NULL, count);
    if (err < 0) {
        tokens_forget(&l->config.places->tokens, f->token);
        owned_expect(&l->owned);
    }
    take(f, refs, count, places_take);
    if (f->count < count) /* in hand already, and PostgreSQL did not know: this lease is nobody's */
        tokens_doubt(&l->config.places->tokens, f->token);
    if (count == 0) {
        finish(f);
        tell_end(l);
    } else if (!l->stopping) {
        hand_over(f, rows);
    } else {
        give_up(f);
        tell_end(l);
    }
}

void leases_claim_due(struct leases *l, struct work_ask *ask, leases_due_cb *cb, void *arg)
{
    ask->room = places_room(l->config.places, leases_room(l));
    struct fenced *f = fenced_create(l, &l->claiming, tokens_new());
    f->direct = true;
    f->on_due = cb;
    f->arg = arg;
    ask->bytes = l->portion.bytes;
    f->op = work_claim_due(l->config.db, ask, f->token, l->config.owner, on_due, f);
}

void leases_tend(struct leases *l)
{
    if (!db_ready(l->config.db))
        return;
    owned_tend(&l->owned);
    LIST_FOREACH(node, &l->releasing)
    {
        struct fenced *f = CONTAINER_OF(node, struct fenced, node);
        if (f->op == NULL)
            release(f);
    }
}

void leases_doubt(struct leases *l)
{
    owned_doubt(&l->owned);
    leases_tend(l);
}

void leases_give_up(struct leases *l)
{
    owned_give_up(&l->owned);
}

static size_t count_all(const struct list *list)
{
    size_t count = 0;
    LIST_FOREACH(node, list)
    {
        count += CONTAINER_OF(node, struct fenced, node)->count;
    }
    return count;
}

size_t leases_left(const struct leases *l)
{
    size_t given_up = l->owned.giving_up && !l->owned.certain ? places_count(l->config.places) : 0;
    return given_up + count_all(&l->claiming) + count_all(&l->releasing);
}
