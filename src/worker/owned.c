/* Two steps, each harmless whenever it is run: the tokens that are owned are read, and those of them that
 * are not in hand then are taken back. A token is random and used once: one that is in the ledger and not
 * in hand will never be. So neither a claim on its way nor a statement that comes late can be mistaken. */
#include "owned.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"

#define COMPARE_MS 3000
#define LATE_MS \
    1500 /* how much later than we heard of it a claim may be run, when all is well again */
#define BACK_MAX 128 /* claims taken back in one statement */

static void compare(struct owned *o);

void owned_init(struct owned *o, const struct owned_config *config)
{
    *o = (struct owned){.config = *config};
}

void owned_fini(struct owned *o)
{
    db_cancel(o->op);
}

/* Back into the queue, at its time, or out of it. */
static void out_of_hand(const struct owned *o, enum taken_back what,
                        const struct queue_entry *entry)
{
    char delivery[ID_TEXT_SIZE], webhook[ID_TEXT_SIZE];

    queue_ack(o->config.queue,
              &(struct queue_ack){entry->ref, what == TAKEN_PARKED ? QUEUE_OUT : entry->delay_ms},
              1);
    metric_add(METRIC_LEASES_TAKEN_BACK, 1);
    if (what != TAKEN_PARKED)
        return;
    metric_add(METRIC_DELIVERIES_CRASHED, 1);
    log_bounded(LOG_LEVEL_ERROR, "delivery_failed", "delivery=%s webhook=%s error=%s",
                id_text(delivery, ID_DELIVERY, entry->ref.delivery),
                id_text(webhook, ID_WEBHOOK, entry->ref.endpoint),
                attempt_error_code(DELIVERY_CRASHED));
}

static void on_taken_back(void *arg, int err, const struct db_rows *rows)
{
    struct owned *o = arg;
    struct queue_entry entry;

    o->op = NULL;
    if (err < 0)
        return; /* again: owned_tend() */
    for (int i = 0; i < db_count(rows); i++) {
        enum taken_back what = taken_back_read(rows, i, &entry);
        if (what == TAKEN_WOKEN)
            queue_enqueue(o->config.queue, &entry, 1, QUEUE_WOKEN);
        else
            out_of_hand(o, what, &entry);
    }
    if (db_count(rows) > 0)
        log_info("leases_taken_back", "count=%d", db_count(rows));
    compare(o);
}

static void become_certain(struct owned *o)
{
    o->compared_ms = clock_mono_ms();
    o->next_ms = o->compared_ms + COMPARE_MS;
    if (o->certain)
        return;
    o->certain = true;
    o->config.on_certain(o->config.arg);
}

static void on_read(void *arg, int err, const struct db_rows *rows)
{
    struct owned *o = arg;
    int64_t tokens[BACK_MAX];
    size_t count = 0;

    o->op = NULL;
    if (err < 0)
        return; /* again: owned_tend() */
    for (int i = 0; i < db_count(rows) && count < BACK_MAX; i++) {
        tokens[count] = db_i64(rows, i, 0);
        count += !tokens_have(o->config.tokens, tokens[count]);
    }
    /* At the start nothing is in hand: all of it was a predecessor's, who did not live to give it back. */
    bool crashed = !o->certain && !o->giving_up;
    if (count == 0)
        become_certain(o);
    else
        o->op =
            work_take_back(o->config.db, o->config.owner, tokens, count, crashed, on_taken_back, o);
}

static void compare(struct owned *o)
{
    if (clock_mono_ms() >= o->next_ms)
        o->op = work_leases(o->config.db, o->config.owner, on_read, o);
}

/* What could not be told is found by a comparison. */
static void on_told(void *arg, int err, const struct db_rows *rows)
{
    struct owned *o = arg;
    (void)err;
    (void)rows;
    o->op = NULL;
    compare(o);
}

void owned_tend(struct owned *o)
{
    struct tokens *tokens = o->config.tokens;

    if (o->op != NULL || !db_ready(o->config.db))
        return;
    if (tokens->ended_count == 0) {
        compare(o);
        return;
    }
    o->op = work_lease_end(o->config.db, o->config.owner, tokens->ended, tokens->ended_count,
                           on_told, o);
    tokens->ended_count = 0;
}

/* What it has forgotten of the end of a delivery, it must not forget the claim of. */
void owned_doubt(struct owned *o)
{
    o->config.tokens->ended_count = 0;
    o->next_ms = 0;
    owned_tend(o);
}

void owned_expect(struct owned *o)
{
    o->expected_ms = clock_mono_ms() + LATE_MS;
    o->next_ms = o->expected_ms < o->next_ms ? o->expected_ms : o->next_ms;
}

void owned_give_up(struct owned *o)
{
    tokens_forget_all(o->config.tokens);
    o->next_ms = 0;
    o->certain = false;
    o->giving_up = true;
    owned_tend(o);
}

bool owned_idle(const struct owned *o)
{
    bool told = o->config.tokens->ended_count == 0 || !db_ready(o->config.db);
    return o->op == NULL && told && o->compared_ms >= o->expected_ms &&
           (o->certain || !o->giving_up);
}
