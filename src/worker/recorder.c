/* Batches form by themselves: what ends within a few milliseconds, or while statements are under way,
 * goes together. A batch that PostgreSQL did not take is tried again, for it is idempotent:
 *
 *   not there, late    as it is
 *   locked             what another session has locked goes apart, and waits until it has not
 *   refused            for the data: halved until the culprit stands alone, and that is written with less and
 *                      less in it; for a reason that is not known: the same, but first as it is, a few times.
 *                      What is refused in every form waits, longer and longer, and is tried whole again: it may
 *                      be PostgreSQL that is in trouble. That something came of an attempt is not given up as long
 *                      as nobody else's is recorded either, or for REFUSALS_PARK.
 *
 * The worker's commits are not waited for on disk (store/sessions.c), so a crash of PostgreSQL undoes the last of
 * them. What was recorded is therefore kept until PostgreSQL has answered for longer than that goes back, and
 * recorded again when a connection had to be opened anew meanwhile. */
#include "recorder.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "batch.h"

#include <stdlib.h>

#define BUSY_MAX       2 /* batches */
#define GATHER_MS      3
#define BEHIND_MS      20 /* that nobody waits for */
#define ACK_PART       8  /* of an endpoint's slots, that acks take which wait for each other */
#define TEND_MS        100
#define RETRY_MS       200
#define RETRY_MAX_MS   30000
#define LOCKED_MS      500
#define REFUSALS_MAX   3
#define REFUSALS_PARK  7 /* 50 s: a lease is longer */
#define KEEP_MS        1000 /* PostgreSQL's commits are on disk in three times wal_writer_delay, 600 ms */
#define KEEP_BYTES_MAX (32 << 20)

static void on_gather(void *arg);
static void on_tend(void *arg);
static void submit(struct batch *b);

void recorder_init(struct recorder *r, const struct recorder_config *config)
{
    *r = (struct recorder){.config = *config};
    list_init(&r->waiting);
    list_init(&r->batches);
    list_init(&r->kept);
    r->gather = timeout_create(config->loop, on_gather, r);
    r->tend = timeout_create(config->loop, on_tend, r);
}

static void forget_all(struct list *attempts)
{
    struct list *node;
    while ((node = list_pop(attempts)) != NULL)
        sending_forget(CONTAINER_OF(node, struct attempt, node));
}

void recorder_fini(struct recorder *r)
{
    LIST_FOREACH_SAFE(batch, &r->batches)
    {
        batch_destroy(CONTAINER_OF(batch, struct batch, node));
    }
    forget_all(&r->waiting);
    forget_all(&r->kept);
    timeout_destroy(r->gather);
    timeout_destroy(r->tend);
}

bool recorder_idle(const struct recorder *r)
{
    return list_empty(&r->waiting) && list_empty(&r->batches);
}

static void count_waiting(struct recorder *r, int64_t n)
{
    r->waiting_count = (size_t)((int64_t)r->waiting_count + n);
    metric_add(METRIC_WAITING_RECORD, n);
}

static void tend_soon(struct recorder *r)
{
    if (!timeout_is_set(r->tend))
        timeout_set(r->tend, TEND_MS);
}

/* --- batches ---------------------------------------------------------------------------------- */

static void enter(struct recorder *r, struct batch *b)
{
    list_push(&r->batches, &b->node);
    r->busy++;
}

static void set_aside(struct recorder *r, struct batch *b)
{
    r->busy -= !b->aside;
    b->aside = true;
}

static void leave(struct recorder *r, struct batch *b)
{
    set_aside(r, b);
    batch_destroy(b);
}

static void wait_for(struct recorder *r, struct batch *b, int64_t ms)
{
    b->due_ms = clock_mono_ms() + ms;
    tend_soon(r);
}

static struct batch *take(struct recorder *r, struct batch *b, const bool *chosen)
{
    struct batch *taken = batch_take(b, chosen);
    enter(r, taken);
    return taken;
}

/* --- what is recorded ------------------------------------------------------------------------- */

static size_t bytes_of(const struct attempt *a)
{
    const struct finish *f = &a->finish;
    return sizeof *a + sizeof *a->sending + f->url.n + 2 * f->request_head.n + f->response_head.n +
           f->response_body.n;
}

static void forget_oldest(struct recorder *r)
{
    struct attempt *a = CONTAINER_OF(list_pop(&r->kept), struct attempt, node);
    r->kept_bytes -= bytes_of(a);
    sending_forget(a);
}

static void forget_old(struct recorder *r)
{
    int64_t heard_ms = db_heard_ms(r->config.db);

    while (!list_empty(&r->kept)) {
        const struct attempt *a = CONTAINER_OF(r->kept.next, struct attempt, node);
        if (a->recorded_ms + KEEP_MS > heard_ms && r->kept_bytes <= KEEP_BYTES_MAX)
            return;
        forget_oldest(r);
    }
}

static void keep(struct recorder *r, struct batch *b)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < b->count; i++) {
        struct attempt *a = b->attempts[i];
        r->again -= a->recorded_ms != 0;
        a->recorded_ms = now;
        r->kept_bytes += bytes_of(a);
        list_push(&r->kept, &a->node);
    }
    b->count = 0;
    r->recorded_ms = now;
    forget_old(r);
    tend_soon(r);
}

/* Those behind what is recorded again are of the same deliveries at most once: each waits for the one before. */
static void record_again(struct recorder *r)
{
    struct list later;

    if (list_empty(&r->kept))
        return;
    log_info("record_again", "bytes=%zu", r->kept_bytes);
    list_init(&later);
    list_move_all(&later, &r->waiting);
    LIST_FOREACH(node, &r->kept)
    {
        const struct attempt *a = CONTAINER_OF(node, struct attempt, node);
        tokens_take(&r->config.places->tokens,
                    a->finish.token); /* nobody takes it back meanwhile */
        count_waiting(r, 1);
        r->again++;
    }
    list_move_all(&r->waiting, &r->kept);
    list_move_all(&r->waiting, &later);
    r->kept_bytes = 0;
}

static void tell_recorded(const struct batch *b, const bool *moved)
{
    char text[ATTEMPT_TEXT_SIZE];

    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        log_debug("recorded", "%s moved=%d", attempt_text(text, a), moved[i]);
        if (a->recorded_ms != 0)
            continue;
        attempt_count(a, moved[i]);
        if (!moved[i] || a->finish.state != DELIVERY_FAILED)
            continue;
        metric_add(METRIC_DELIVERIES_FAILED, 1);
        log_bounded(LOG_LEVEL_INFO, "delivery_failed", "%s code=%lld error=%s",
                    attempt_text(text, a), (long long)a->finish.code,
                    attempt_error_code(a->finish.error));
    }
}

static void tell_disabled(const struct db_rows *rows)
{
    char id[ID_TEXT_SIZE];
    struct finished f;

    for (int i = 0; i < db_count(rows); i++) {
        finished_read(rows, i, &f);
        if (f.kind != FINISHED_DISABLED)
            continue;
        metric_add(METRIC_WEBHOOKS_DISABLED, 1);
        log_warn("webhook_disabled", "webhook=%s reason=gone", id_text(id, ID_WEBHOOK, f.id));
    }
}

static struct queue_ack ack_of(const struct attempt *a)
{
    int64_t delay_ms = a->finish.state == DELIVERY_PENDING ? a->finish.delay_ms : QUEUE_OUT;
    struct gate_news news = a->recorded_ms == 0 ? a->verdict.news : (struct gate_news){0};
    return (struct queue_ack){a->ref, delay_ms, news};
}

/* Out of the queue, or back into it for the retry. What frees the endpoint is told when all that went in the
 * same request is recorded: the queue would hand out what is still leased. What is recorded again was told
 * before, and comes back only if PostgreSQL had lost it. */
static void tell_queue(const struct recorder *r, const struct batch *b, const bool *moved)
{
    struct queue_ack acks[2 * BATCH_MAX];
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        struct sending *s = a->sending;
        if (a->recorded_ms != 0) {
            if (moved[i])
                acks[count++] = ack_of(a);
            continue;
        }
        if (a->told)
            continue;
        if (a == s->teller)
            s->last = ack_of(a);
        else
            acks[count++] = ack_of(a);
        if (++s->recorded < s->sent)
            continue;
        acks[count++] = s->last;
        if (s->borrows)
            r->config.on_left(r->config.arg, &s->slot, 1, a->finish.token);
    }
    queue_ack(r->config.queue, acks, count);
}

/* Those whose turn it is in their lanes. */
static void enqueue_woken(const struct recorder *r, const struct db_rows *rows)
{
    struct finished f;

    for (int i = 0; i < db_count(rows); i++) {
        finished_read(rows, i, &f);
        if (f.kind == FINISHED_WOKEN)
            queue_enqueue(r->config.queue, &f.entry, 1, QUEUE_WOKEN);
    }
}

static void give_back(struct recorder *r, const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct attempt *a = b->attempts[i];
        if (a->recorded_ms == 0) {
            r->told_count -= a->told;
            places_give_back(r->config.places, a->finish.delivery);
        } else {
            tokens_give_back(&r->config.places->tokens, a->finish.token);
        }
    }
}

static void move_all(const struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->attempts[i]->recorded_ms == 0)
            attempt_move(b->attempts[i], ATTEMPT_RECORDED);
}

static void end(struct recorder *r, struct batch *b, const struct db_rows *rows)
{
    bool moved[BATCH_MAX] = {false};

    batch_settle(b);
    batch_find_moved(b, rows, moved);
    tell_queue(r, b, moved); /* first: until then its slots are taken */
    enqueue_woken(r, rows);
    move_all(b);
    tell_recorded(b, moved);
    tell_disabled(rows);
    give_back(r, b);
    keep(r, b);
    leave(r, b);
}

/* What a statement for what is plain has left out is for the whole one. */
static void end_plain(struct recorder *r, struct batch *b, const struct db_rows *rows)
{
    size_t count = (size_t)db_count(rows);
    bool moved[BATCH_MAX] = {false};

    if (count == b->count) {
        end(r, b, rows);
        return;
    }
    batch_find_moved(b, rows, moved);
    if (count > 0)
        end(r, take(r, b, moved), rows);
    submit(b);
}

/* --- what is not ------------------------------------------------------------------------------ */

static void try_later(struct recorder *r, struct batch *b)
{
    b->form = BATCH_WHOLE;
    wait_for(r, b, RETRY_MS);
}

static int64_t backoff_ms(int refusals)
{
    int64_t ms = (int64_t)RETRY_MS << (refusals < 10 ? refusals : 10);
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static void halve(struct recorder *r, struct batch *b)
{
    bool chosen[BATCH_MAX] = {false};

    for (size_t i = 0; i < b->count / 2; i++)
        chosen[i] = true;
    struct batch *half = take(r, b, chosen);
    submit(half);
    submit(b);
}

static void write_less(struct recorder *r, struct batch *b)
{
    char text[ATTEMPT_TEXT_SIZE];
    static const char *const forms[] = {"whole", "stripped", "parked"};

    metric_add(METRIC_RECORDS_REFUSED, 1);
    log_bounded(LOG_LEVEL_ERROR, "record_failed", "%s form=%s", attempt_text(text, b->attempts[0]),
                forms[b->form]);
    if (b->form == BATCH_WHOLE || (b->form == BATCH_STRIPPED && b->culprit)) {
        b->form++;
        submit(b);
        return;
    }
    b->form = BATCH_WHOLE;
    set_aside(r, b);
    wait_for(r, b, backoff_ms(++b->refusals));
}

static void on_refused(struct recorder *r, struct batch *b, int err)
{
    bool of_data = err == ERR_INVALID || b->form != BATCH_WHOLE;

    if (b->refused_ms == 0)
        b->refused_ms = clock_mono_ms();
    if (!of_data && b->refusals < REFUSALS_MAX)
        wait_for(r, b, backoff_ms(b->refusals++));
    else if (b->count > 1)
        halve(r, b);
    else
        write_less(r, b);
}

static void on_locked(void *arg, int err, const struct db_rows *rows)
{
    struct batch *b = arg;
    struct recorder *r = b->owner;
    bool locked[BATCH_MAX] = {false};

    b->op = NULL;
    if (err < 0) {
        wait_for(r, b, RETRY_MS);
        return;
    }
    size_t count = batch_find_locked(b, rows, locked);
    struct batch *held = count == b->count ? b : count > 0 ? take(r, b, locked) : NULL;
    if (held != NULL) {
        metric_add(METRIC_RECORDS_LOCKED, (int64_t)count);
        log_bounded(LOG_LEVEL_WARN, "record_locked", "count=%zu", count);
        held->locked = true;
        set_aside(r, held);
        wait_for(r, held, LOCKED_MS);
    }
    if (held != b) {
        b->locked = false;
        submit(b);
    }
}

static void ask_locked(struct recorder *r, struct batch *b)
{
    b->form = BATCH_WHOLE;
    b->locked = true;
    b->op = batch_ask_locked(b, r->config.db, on_locked, b);
}

/* --- the statement ---------------------------------------------------------------------------- */

static void gather_for(struct recorder *r, int64_t ms)
{
    int64_t due_ms = clock_mono_ms() + ms;

    if (timeout_is_set(r->gather) && r->due_ms <= due_ms)
        return;
    r->due_ms = due_ms;
    timeout_set(r->gather, ms);
}

static void on_recorded(void *arg, int err, const struct db_rows *rows)
{
    struct batch *b = arg;
    struct recorder *r = b->owner;

    b->op = NULL;
    log_debug("record", "count=%zu ms=%lld error=%s", b->count,
              (long long)(clock_mono_ms() - b->sent_ms), err < 0 ? err_name(err) : "none");
    if (err == 0 && b->plain)
        end_plain(r, b, rows);
    else if (err == 0)
        end(r, b, rows);
    else if (err == ERR_UNAVAILABLE || err == ERR_TIMEOUT || err == ERR_BUSY)
        try_later(r, b);
    else if (err == ERR_LOCKED)
        ask_locked(r, b);
    else
        on_refused(r, b, err);
    if (r->waiting_count > 0 && !timeout_is_set(r->gather))
        gather_for(r, 0);
    r->config.on_room(r->config.arg);
}

static void submit(struct batch *b)
{
    struct recorder *r = b->owner;
    const struct finish *list[BATCH_MAX];
    struct finish lesser;
    int64_t now = clock_mono_ms();

    b->sent_ms = now;
    if (b->form == BATCH_WHOLE && b->refused_ms > 0)
        b->culprit = r->recorded_ms > b->refused_ms || b->refusals >= REFUSALS_PARK;
    for (size_t i = 0; i < b->count; i++) {
        struct attempt *a = b->attempts[i];
        /* The delay counts from the attempt's end, not from when it could be recorded. */
        int64_t passed = now - a->ended_ms;
        a->finish.delay_ms = a->finish.delay_ms > passed ? a->finish.delay_ms - passed : 0;
        a->ended_ms = now;
    }
    batch_list(b, list, &lesser);
    b->plain = batch_is_plain(b);
    b->tried = true;
    b->op =
        (b->plain ? work_finish_plain : work_finish)(r->config.db, list, b->count, on_recorded, b);
}

/* --- the waiting ------------------------------------------------------------------------------ */

/* Only what is recorded again can meet another attempt at its delivery. */
static bool is_met(const struct recorder *r, const struct batch *filling, const struct attempt *a)
{
    struct id delivery = a->finish.delivery;

    if (r->again == 0)
        return false;
    LIST_FOREACH(node, &r->batches)
    {
        if (batch_has(CONTAINER_OF(node, struct batch, node), delivery))
            return true;
    }
    return batch_has(filling, delivery);
}

static struct batch *fill(struct recorder *r)
{
    struct batch *b = batch_create(r);

    LIST_FOREACH_SAFE(node, &r->waiting)
    {
        struct attempt *a = CONTAINER_OF(node, struct attempt, node);
        if (b->count == BATCH_MAX)
            break;
        if (is_met(r, b, a))
            continue;
        list_remove(&a->node);
        b->attempts[b->count++] = a;
    }
    count_waiting(r, -(int64_t)b->count);
    batch_sort(b);
    return b;
}

static void submit_waiting(struct recorder *r)
{
    while (r->waiting_count > 0 && r->busy < BUSY_MAX) {
        struct batch *b = fill(r);
        if (b->count == 0) {
            batch_destroy(b);
            return;
        }
        enter(r, b);
        submit(b);
    }
}

static void on_gather(void *arg)
{
    submit_waiting(arg);
}

/* Tries again what is due by `until_ms`. */
static void try_again(struct recorder *r, int64_t until_ms)
{
    LIST_FOREACH_SAFE(node, &r->batches)
    {
        struct batch *b = CONTAINER_OF(node, struct batch, node);
        if (b->op != NULL || b->due_ms > until_ms)
            continue;
        if (b->locked)
            ask_locked(r, b);
        else
            submit(b);
    }
}

static void on_tend(void *arg)
{
    struct recorder *r = arg;

    try_again(r, clock_mono_ms());
    forget_old(r);
    if (!list_empty(&r->batches) || !list_empty(&r->kept))
        tend_soon(r);
}

void recorder_retry(struct recorder *r)
{
    record_again(r);
    try_again(r, clock_mono_ms() + RETRY_MS);
    submit_waiting(r);
}

/* How many such acks may wait for each other: a part of the slots that are free anyway, when nothing is learnt of the
 * endpoint. */
static size_t enough_acks(const struct recorder *r, const struct attempt *a)
{
    size_t sending = r->config.places->taken - r->told_count;
    bool roomy = 2 * sending < (size_t)a->concurrency;
    return roomy && a->verdict.news.what == GATE_SUCCESS ? (size_t)a->concurrency / ACK_PART : 1;
}

/* Whatever PostgreSQL says of it, it is over for the queue. Not so a retry, which the queue would hand out while it is
 * leased; nor with a concurrency of 1, of which no more than one is sent twice when a worker is killed. */
static void tell_early(struct recorder *r, struct attempt *a)
{
    if (!a->behind || a->finish.state == DELIVERY_PENDING || !queue_up(r->config.queue))
        return;
    struct queue_ack ack = ack_of(a);
    r->config.on_over(r->config.arg, a);
    queue_ack_later(r->config.queue, &ack, enough_acks(r, a));
    places_over(r->config.places, a->finish.delivery);
    a->told = true;
    r->told_count++;
}

void recorder_add(struct recorder *r, struct attempt *a)
{
    tell_early(r, a);
    list_push(&r->waiting, &a->node);
    count_waiting(r, 1);
    if (r->waiting_count >= BATCH_MAX)
        submit_waiting(r);
    else
        gather_for(r, a->told ? BEHIND_MS : GATHER_MS);
}
