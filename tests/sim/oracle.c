/* The rules. */
#include "oracle.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "receivers.h"
#include "server.h"
#include "world.h"

#include <stdio.h>

#define SOON_S      3
#define FOUND_MS    4300 /* what is overdue for three seconds, at the next tick */
#define FORGOTTEN_S 5    /* by then what befell Redis is put right */
#define EARLY_MS    5    /* a claim's slack (store/claim_sql.h) */
#define CLAIMED_MS  100  /* from the queue's claim to the ledger's */

struct oracle oracle;

static struct id accepted[EVENTS_MAX];
static int accepted_count;
static int64_t accepted_us[DELIVERIES_MAX];

/* The lease that a crash took from a delivery, and the one that another's success ended: who had it goes on as if it were
 * there. */
static struct leased {
    int64_t token, owner, lease_us;
} lost[DELIVERIES_MAX], outrun[DELIVERIES_MAX];

void oracle_begin(void)
{
    receivers_begin();
    memset(lost, 0, sizeof lost);
    memset(outrun, 0, sizeof outrun);
    memset(oracle.under_way, 0, sizeof oracle.under_way);
    oracle.request_count = oracle.duplicates = 0;
    memset(accepted_us, 0, sizeof accepted_us);
    accepted_count = 0;
}

static bool came(enum action_kind kind)
{
    return (world.faults >> kind & 1) != 0;
}

/* --- the ledger ------------------------------------------------------------------------------- */

static enum delivery_actor actor_of(const char *statement)
{
    return strncmp(statement, "work_finish", strlen("work_finish")) == 0 ? ACTOR_ATTEMPT
                                                                         : ACTOR_SERVICE;
}

/* Which attempt has used up a step: who held the lease; or, of those that nobody held one of any more, the last. */
static void count_step(int delivery, int64_t token)
{
    struct request *last = NULL;

    for (int i = 0; i < oracle.request_count; i++) {
        struct request *r = &oracle.requests[i];
        if (r->delivery == delivery && attempt_is_recorded(delivery, r->token) &&
            (token != 0 ? r->token == token : r->end == REQUEST_FAILED && !r->counted))
            last = r;
    }
    if (last != NULL)
        last->counted = true;
}

static void check_move(int i, const struct row_delivery *a, const struct row_delivery *b,
                       const char *statement)
{
    bool held = (a->state == DELIVERY_PENDING && b->state == DELIVERY_HELD) ||
                (a->state == DELIVERY_HELD && b->state == DELIVERY_PENDING);

    if (a->state != b->state && !held &&
        !delivery_may_move(actor_of(statement), a->state, b->state))
        fail_run("an illegal move", "delivery %d by %s: %s to %s", i, statement,
                 delivery_state_names[a->state], delivery_state_names[b->state]);
    if (a->state == DELIVERY_DELIVERED && (b->state != a->state || b->step != a->step))
        fail_run("a late result overwrote", "delivery %d by %s", i, statement);
    if (a->token != 0 && b->token != 0 && a->token != b->token && a->lease_us >= ledger_now_us())
        fail_run("a live lease was taken", "delivery %d by %s", i, statement);
    if (actor_of(statement) == ACTOR_ATTEMPT && a->token != 0 && b->token == 0 &&
        b->state != DELIVERY_DELIVERED && !attempt_is_recorded(i, a->token))
        fail_run("a result of nobody's counted", "delivery %d by %s", i, statement);
    if (actor_of(statement) == ACTOR_ATTEMPT && (b->step > a->step || a->token != b->token))
        count_step(i, a->token);
}

void oracle_committed(const struct ledger *before, const char *statement)
{
    receivers_check_gates();
    for (int i = 0; i < before->delivery_count; i++) {
        const struct row_delivery *a = &before->deliveries[i], *b = &ledger.deliveries[i];
        if (a->state != b->state || a->token != b->token || a->step != b->step)
            check_move(i, a, b, statement);
        if (b->state == DELIVERY_DELIVERED && a->token != 0 && b->token == 0 &&
            !attempt_is_recorded(i, a->token))
            outrun[i] = (struct leased){a->token, a->owner, a->lease_us};
        if (trace_on && a->state != b->state)
            TRACE("  delivery %d is %s (%s)", i, delivery_state_names[b->state], statement);
    }
}

/* The queue gives nothing out that is under way. (What has just begun was perhaps claimed ahead, and a walk brought it in again.) */
void oracle_asked(uint64_t deliveries)
{
    const unsigned harmless =
        KIND(ACT_REDIS_CUT) | KIND(ACT_TERM) | KIND(ACT_RECEIVER_AWAY) | KIND(ACT_WEBHOOK_PAUSE);

    if (!only(harmless))
        return;
    for (int i = 0; i < oracle.request_count; i++) {
        const struct request *r = &oracle.requests[i];
        if (r->end == REQUEST_OPEN && r->started_us + MS(CLAIMED_MS) < sim.now_us &&
            (deliveries >> r->delivery & 1) != 0 &&
            ledger.deliveries[r->delivery].token == r->token)
            fail_run("given out while it is under way", "delivery %d", r->delivery);
    }
}

void oracle_claimed(int64_t token)
{
    for (int i = 0; i < ledger.lease_count; i++)
        if (ledger.leases[i].token == token)
            fail_run("two claims have one token", "claim %d", i);
}

void oracle_stored(struct id event)
{
    for (int i = 0; i < ledger.event_count; i++)
        if (id_eq(ledger.events[i].id, event))
            fail_run("two have one id", "event %d", i);
}

/* Whoever reports it, and whatever became of its lease. */
void oracle_success(int delivery)
{
    if (ledger.deliveries[delivery].state != DELIVERY_DELIVERED)
        fail_run("a success did not count", "delivery %d", delivery);
}

static void excuse(struct request *r, const char *why)
{
    if (!r->excused)
        r->why = why;
    r->excused = true;
}

/* Requests whose claim or record is gone with it. */
void oracle_crashed(const struct ledger *before)
{
    for (int i = 0; i < ledger.delivery_count; i++) {
        const struct row_delivery *a = &before->deliveries[i], *b = &ledger.deliveries[i];
        if (a->token != b->token && a->token != 0) {
            lost[i] = (struct leased){a->token, a->owner, a->lease_us};
        }
    }
    for (int i = 0; i < oracle.request_count; i++) {
        struct request *r = &oracle.requests[i];
        bool leased = ledger.deliveries[r->delivery].token == r->token;
        r->counted = r->counted && attempt_is_recorded(r->delivery, r->token);
        if (!attempt_is_recorded(r->delivery, r->token) && (!leased || r->end != REQUEST_OPEN)) {
            excuse(r, "a crash of PostgreSQL undid what was known of it");
            r->undone = true;
        }
    }
}

void oracle_accepted(struct id event)
{
    world.accepted++;
    for (int i = 0; i < ledger.event_count; i++) {
        if (!id_eq(ledger.events[i].id, event))
            continue;
        for (int k = 0; k < accepted_count; k++)
            if (id_eq(accepted[k], event))
                fail_run("two were answered with one event", "event %d", i);
        accepted[accepted_count++] = event;
        for (int k = 0; k < ledger.delivery_count; k++)
            if (id_eq(ledger.deliveries[k].event, event))
                accepted_us[k] = sim.now_us;
        return;
    }
    fail_run("lost", "an event was answered 202 that the ledger does not have");
}

/* --- requests --------------------------------------------------------------------------------- */

/* A crash undid a record, and a claim came before that was made again: it is sent once more; and the record may be there by then. */
static bool was_undone(int delivery)
{
    for (int i = 0; i < oracle.request_count; i++)
        if (oracle.requests[i].delivery == delivery && oracle.requests[i].undone)
            return true;
    return false;
}

static bool had(const struct leased *lease, int64_t owner)
{
    return lease->token != 0 && lease->owner == owner && lease->lease_us >= ledger_now_us();
}

static bool holds_lease(const struct row_delivery *d, const struct request *r)
{
    int64_t now = ledger_now_us(), owner = sim.current->owner;

    if (d->state == DELIVERY_PENDING && d->owner == owner && d->lease_us >= now)
        return true;
    if (had(&outrun[r->delivery], owner) || (came(ACT_DB_CRASH) && had(&lost[r->delivery], owner)))
        return true;
    return was_undone(r->delivery);
}

/* Of an earlier one that the receiver took: whether there is a reason why it is sent again. */
static void check_duplicate(struct request *earlier, const struct request *r)
{
    const struct row_delivery *d = &ledger.deliveries[r->delivery];

    oracle.duplicates++;
    if (earlier->end == REQUEST_FAILED)
        excuse(earlier, "the answer was lost on its way");
    if (earlier->lease_us < ledger_now_us() &&
        (came(ACT_PAUSE) || came(ACT_DB_FREEZE) || came(ACT_DB_CRASH) || came(ACT_CLOCK) ||
         came(ACT_DB_LOCK)))
        excuse(earlier, "its lease ran out");
    if (!earlier->excused)
        fail_run("an unexplained duplicate", "delivery %d: request %d and %d", r->delivery,
                 (int)(earlier - oracle.requests), (int)(r - oracle.requests));
    else if (d->state == DELIVERY_DELIVERED && !was_undone(r->delivery) &&
             !had(&outrun[r->delivery], r->owner) &&
             attempt_is_recorded(r->delivery, earlier->token))
        fail_run("sent though delivered", "delivery %d", r->delivery);
    TRACE("  once more for delivery %d: %s", r->delivery, earlier->why);
}

/* Attempts that used up a step of the schedule. Two have one number only if a crash undid the first of them, and then just
 * one of them did. */
static int failures_of(int delivery)
{
    uint64_t numbers = 0;

    for (int i = 0; i < oracle.request_count; i++) {
        const struct request *r = &oracle.requests[i];
        if (r->delivery == delivery && r->end == REQUEST_FAILED && r->counted &&
            attempt_is_recorded(delivery, r->token))
            numbers |= UINT64_C(1) << (r->number < 63 ? r->number : 63);
    }
    return __builtin_popcountll(numbers);
}

/* With nothing wrong but Redis, some while ago, a retry begins when it is due: nobody has to find it overdue. Its receiver has
 * room, and its gate is open: what it answers comes at once, and it never refused so many in a row that it seemed dead. */
static void check_late(const struct request *r, int64_t due_us)
{
    const unsigned redis = 1U << ACT_REDIS_CUT | 1U << ACT_REDIS_DOWN | 1U << ACT_REDIS_FLUSH |
                           1U << ACT_REDIS_SAVE | 1U << ACT_REDIS_RESTORE;
    const struct world_webhook *w = &world.webhooks[r->webhook];

    if (receivers_were_shut(r->webhook, due_us))
        return;
    for (int i = 0; i < world.webhook_count; i++)
        if (world.webhooks[i].slow_one_in > 0)
            return;
    if ((world.faults & ~redis) == 0 && w->lost_one_in == 0 &&
        due_us > world.fault_us + SECONDS(FORGOTTEN_S) &&
        r->started_us > due_us + MS(DELIVERY_OVERDUE_MS))
        fail_run("late", "delivery %d: %lld ms after its time", r->delivery,
                 (long long)(r->started_us - due_us) / 1000);
}

/* Not before the schedule says, since the end of the last one as its worker knew it; and not at all when it is used
 * up. */
static void check_time(const struct request *earlier, const struct request *r)
{
    static const int steps_s[WORLD_STEPS] = {1, 2, 4, 8};
    int failures = failures_of(r->delivery);

    if (failures > WORLD_STEPS && !came(ACT_DB_CRASH))
        fail_run("more attempts than the schedule has", "delivery %d", r->delivery);
    if (earlier->end != REQUEST_FAILED || came(ACT_CLOCK) || earlier->excused || failures < 1 ||
        failures > WORLD_STEPS || !attempt_is_recorded(r->delivery, earlier->token))
        return;
    if (came(ACT_DB_CRASH) &&
        earlier->number < failures) /* what was recorded again, it did not know */
        failures = earlier->number;
    int64_t due_us = earlier->ended_us + SECONDS(steps_s[failures - 1]);
    if (r->started_us + MS(EARLY_MS + 2) < due_us)
        fail_run("early", "delivery %d: %lld ms before its time", r->delivery,
                 (long long)(due_us - r->started_us) / 1000);
    check_late(r, due_us);
}

/* With nothing wrong but Redis, and receivers that have room: the first attempt begins soon. An emptied Redis is noticed
 * at the next tick, and given out from two later; what an api had yet to tell an emptied one is found overdue, at a tick too. */
static void check_wait(const struct request *r)
{
    const unsigned redis = 1U << ACT_REDIS_CUT | 1U << ACT_REDIS_DOWN | 1U << ACT_REDIS_FLUSH;
    int64_t waited_us = sim.now_us - accepted_us[r->delivery];
    bool spared = !came(ACT_REDIS_FLUSH);

    for (int i = 0; i < world.webhook_count; i++)
        if (world.webhooks[i].slow_one_in > 0 || world.webhooks[i].fail_one_in > 0)
            return;
    if ((world.faults & ~redis) == 0 && world.in_flight >= DELIVERIES_MAX &&
        accepted_us[r->delivery] != 0 && waited_us > (spared ? SECONDS(SOON_S) : MS(FOUND_MS)))
        fail_run("slow", "delivery %d waited %lld ms", r->delivery, (long long)waited_us / 1000);
}

static void check_others(struct request *r)
{
    struct request *last = NULL;

    for (struct request *e = oracle.requests; e < r; e++) {
        if (e->delivery != r->delivery)
            continue;
        if (e->succeeded)
            check_duplicate(e, r);
        last = e;
    }
    if (last != NULL)
        check_time(last, r);
    else
        check_wait(r);
    if (last != NULL && last->end == REQUEST_OPEN && sim.procs[last->proc].life == last->life &&
        sim.procs[last->proc].alive && !last->excused && last->lease_us >= ledger_now_us())
        fail_run("two at once", "delivery %d", r->delivery);
}

/* What may let more under way than the cap: Redis forgot what was in flight, or direct mode began beside it. */
static bool cap_is_loose(void)
{
    return came(ACT_REDIS_FLUSH) || came(ACT_REDIS_RESTORE) || came(ACT_REDIS_EVICT) ||
           came(ACT_REDIS_FULL) || (came(ACT_REDIS_DOWN) && world.workers > 1) ||
           came(ACT_REDIS_FREEZE) || came(ACT_REDIS_CUT) || came(ACT_DB_CRASH) ||
           came(ACT_DB_CUT) || came(ACT_DB_FREEZE) || came(ACT_PAUSE) || came(ACT_CLOCK) ||
           came(ACT_KILL) || came(ACT_DB_LOCK);
}

int oracle_request(int delivery, int number)
{
    const struct row_delivery *d = &ledger.deliveries[delivery];
    const struct row_webhook *w = &ledger.webhooks[d->webhook];
    struct request *r = &oracle.requests[oracle.request_count];

    assert(oracle.request_count < REQUESTS_MAX);
    *r = (struct request){.delivery = delivery,
                          .webhook = d->webhook,
                          .number = number,
                          .proc = sim.current->number,
                          .life = sim.current->life,
                          .owner = sim.current->owner,
                          .token = d->token,
                          .started_us = sim.now_us,
                          .lease_us = d->lease_us};
    TRACE("request %d: delivery %d, attempt %d, to webhook %d", oracle.request_count, delivery,
          number, d->webhook);
    if (!holds_lease(d, r))
        fail_run("an attempt without a lease", "delivery %d, %s", delivery,
                 delivery_state_names[d->state]);
    if (lost[delivery].token != 0 && d->token == 0)
        r->token = lost[delivery].token;
    else if (had(&outrun[delivery], r->owner))
        r->token = outrun[delivery].token;
    if (w->status == WEBHOOK_PAUSED && w->updated_us + MS(HEARD_MS) < ledger_now_us() &&
        !came(ACT_PAUSE) && !came(ACT_CLOCK) && !came(ACT_DB_LOCK) && !came(ACT_DB_FREEZE))
        fail_run("sent while paused", "delivery %d", delivery);
    check_others(r);
    receivers_check_request(r->webhook);
    oracle.under_way[d->webhook]++;
    if (oracle.under_way[d->webhook] > w->concurrency && !cap_is_loose())
        fail_run("over the cap", "webhook %d has %d under way of %d", d->webhook,
                 oracle.under_way[d->webhook], w->concurrency);
    return oracle.request_count++;
}

void oracle_request_ended(int request, enum request_end end, bool dead)
{
    struct request *r = &oracle.requests[request];

    r->end = end;
    r->ended_us = sim.now_us;
    if (end == REQUEST_CANCELLED)
        excuse(r, "its worker gave it up");
    else
        receivers_hear(r->webhook, end == REQUEST_SUCCEEDED, dead);
    oracle.under_way[r->webhook]--;
}

void oracle_died(const struct proc *proc)
{
    for (int i = 0; i < oracle.request_count; i++) {
        struct request *r = &oracle.requests[i];
        if (r->proc == proc->number && r->life == proc->life &&
            (!attempt_is_recorded(r->delivery, r->token) ||
             (r->end != REQUEST_OPEN && postgres.dirty)))
            excuse(r, "its worker was killed");
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

bool oracle_is_done(void)
{
    if (world.events_open > 0)
        return false;
    for (int i = 0; i < ledger.delivery_count; i++)
        if (ledger.deliveries[i].state == DELIVERY_PENDING ||
            ledger.deliveries[i].state == DELIVERY_HELD)
            return false;
    return true;
}

const char *oracle_left(void)
{
    static char text[200];
    int n =
        snprintf(text, sizeof text, "%d events without an answer; not ended:", world.events_open);

    for (int i = 0; i < ledger.delivery_count && n < (int)sizeof text - 60; i++) {
        const struct row_delivery *d = &ledger.deliveries[i];
        int64_t lease_ms = (d->lease_us - ledger_now_us()) / 1000;
        if (d->state == DELIVERY_PENDING || d->state == DELIVERY_HELD)
            n += snprintf(
                text + n, sizeof text - (size_t)n, " delivery %d (%s, leased for %lld ms)", i,
                delivery_state_names[d->state], (long long)(d->lease_us != 0 ? lease_ms : 0));
    }
    return text;
}

/* Those of the dead go by themselves. */
static bool is_own_of_living(struct str name)
{
    char text[24];

    for (int i = 0; i < world.workers; i++) {
        snprintf(text, sizeof text, "own:%016llx", (unsigned long long)sim.procs[i].owner);
        if (sim.procs[i].alive && str_eq_text(name, text))
            return true;
    }
    return false;
}

bool oracle_is_settled(const char **why)
{
    static const char *const names[] = {"inflight", "ahead", "slots", "apps"};

    *why = NULL;
    if (came(
            ACT_REDIS_EVICT)) /* what is left of half a queue stays until its endpoint has something new */
        return true;
    for (size_t i = 0; i < server.keys.count; i++) {
        const struct key *key = &server.keys.keys[i];
        struct str name = {key->name, key->name_n};
        const size_t prefix = sizeof "posthorn:{q}:" - 1;
        struct str rest = {name.p + prefix, name.n - prefix};
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            if (str_eq_text(rest, names[k]))
                *why = key->name;
        if (str_starts(rest, STR_LIT("e:")) || str_starts(rest, STR_LIT("ring:")) ||
            is_own_of_living(rest))
            *why = key->name;
    }
    return *why == NULL;
}

static bool has_event(struct id id)
{
    for (int i = 0; i < ledger.event_count; i++)
        if (id_eq(ledger.events[i].id, id))
            return true;
    return false;
}

static bool was_taken(int delivery)
{
    for (int i = 0; i < oracle.request_count; i++)
        if (oracle.requests[i].delivery == delivery && oracle.requests[i].succeeded)
            return true;
    return false;
}

static int attempts_of(int delivery)
{
    int count = 0;
    for (int i = 0; i < oracle.request_count; i++)
        count += oracle.requests[i].delivery == delivery;
    return count;
}

/* A result counts once, however often it was told. */
static void check_attempts(void)
{
    for (int i = 0; i < ledger.attempt_count; i++) {
        const struct row_attempt *a = &ledger.attempts[i];
        const struct row_delivery *d = &ledger.deliveries[a->delivery];
        bool twice = d->sent && d->sent_token == a->token;
        for (int k = 0; k < i; k++)
            twice = twice || (ledger.attempts[k].delivery == a->delivery &&
                              ledger.attempts[k].token == a->token);
        if (twice)
            fail_run("a result counted twice", "delivery %d", a->delivery);
    }
}

void oracle_check_end(void)
{
    check_attempts();
    receivers_check_end();
    for (int i = 0; i < accepted_count; i++)
        if (!has_event(accepted[i]))
            fail_run("lost", "accepted event %d is not in the ledger", i);
    for (int i = 0; i < ledger.event_count; i++)
        for (int k = 0; k < i; k++)
            if (ledger.events[i].keyed && ledger.events[k].keyed &&
                id_eq(ledger.events[i].key, ledger.events[k].key))
                fail_run("accepted twice", "events %d and %d", k, i);
    for (int i = 0; i < ledger.delivery_count; i++) {
        const struct row_delivery *d = &ledger.deliveries[i];
        if (d->state == DELIVERY_DELIVERED && !was_taken(i))
            fail_run("delivered, and nobody got it", "delivery %d", i);
        if (d->state == DELIVERY_FAILED && d->last_error != DELIVERY_CRASHED &&
            attempts_of(i) <= WORLD_STEPS && d->last_error != ATTEMPT_GONE && !came(ACT_DB_CRASH))
            fail_run("given up too early", "delivery %d after %d attempts", i, attempts_of(i));
        if (d->state == DELIVERY_FAILED && d->attempts > WORLD_STEPS + 1 && d->crashes == 0 &&
            world.faults == 0)
            fail_run("more attempts than the schedule has", "delivery %d", i);
    }
}
