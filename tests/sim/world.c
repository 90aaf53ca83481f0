/* Runs. */
#include "world.h"

#include "core/delivery.h"
#include "core/gate.h"
#include "core/webhook.h"
#include "lines.h"
#include "machine.h"
#include "oracle.h"
#include "record.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS   250
#define STEPS_MAX 1000000
#define SOON      SECONDS(45)
#define PATIENCE  SECONDS(130) /* after the last fault: a lease, the schedule, and some */

struct world world;
struct settings sim_settings;

/* --- once ------------------------------------------------------------------------------------- */

static struct str schedule_bytes(void)
{
    static const int32_t steps_s[WORLD_STEPS] = {1, 2, 4, 8};
    struct db_args args = DB_ARGS(DB_I32S(steps_s, WORLD_STEPS));
    return (struct str){args.bytes.p + 4, args.bytes.n - 4};
}

static void open_settings(void)
{
    struct config *c = &sim_settings.config;

    c->database_url = c->redis_url = c->sentinel_password = c->ca_file = c->listen = "";
    c->worker_threads = 1;
    c->worker_mib = 64;
    c->dns_lookups = c->dns_lookups_per_app = 100;
    c->retention_days = 30;
    if (!seal_keys_add(&sim_settings.seal_keys,
                       STR_LIT("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")))
        abort();
}

/* The same in all runs, so that nothing is sealed in them. */
void world_open(void)
{
    static struct buf seals[WEBHOOKS_MAX];

    open_settings();
    for (int i = 0; i < WEBHOOKS_MAX; i++) {
        struct world_webhook *w = &world.webhooks[i];
        struct buf *sealed = &seals[i];
        w->id = id_floor(EPOCH_MS - 1000 + i);
        snprintf(w->url, sizeof w->url, "https://receiver-%d.example/", i);
        buf_init(sealed, 1000);
        webhook_seal(&sim_settings, WEBHOOK_SECRET, w->id, STR_LIT("a secret of some length"),
                     sealed);
        w->sealed = buf_str(sealed);
        w->schedule = schedule_bytes();
    }
    /* What the program makes once in its life is made now, not in the first run: all runs are to be alike. */
    world_plan(0);
    const char *found = world_run();
    (void)found;
}

/* --- what happens ----------------------------------------------------------------------------- */

static void on_start(void *arg)
{
    struct proc *proc = arg;

    if (world.over)
        return;
    if (proc->alive && proc->draining)
        sim_in(MS(20), NULL, on_start, proc);
    else
        proc_start(proc);
}

static void on_resume(void *arg)
{
    struct proc *proc = arg;
    TRACE("%s goes on", proc->name);
    if (proc->stopped)
        proc_go_on(proc);
}

static void on_redis_up(void *arg)
{
    (void)arg;
    TRACE("Redis is started");
    server.down = false;
}

static void on_redis_room(void *arg)
{
    (void)arg;
    server.full = false;
}

static void on_db_up(void *arg)
{
    (void)arg;
    TRACE("PostgreSQL is started");
    postgres.down = false;
    postgres.started_us = ledger_now_us();
}

static void on_unlock(void *arg)
{
    (void)arg;
    postgres.locked = 0;
}

/* Somebody does it by an api, as soon as PostgreSQL is there. False: it is not. */
static bool set_webhook(int webhook, int status)
{
    if (postgres.down || postgres.frozen_until_us > sim.now_us)
        return false;
    TRACE("webhook %d is %s", webhook, webhook_status_names[status]);
    record_status(webhook, status, DISABLED_NOT);
    set_status(webhook, status, DISABLED_NOT);
    record_rows("so_far");
    ledger_flush();
    return true;
}

static void on_webhook_resume(void *arg)
{
    const struct action *a = arg;
    if (!set_webhook(a->a, WEBHOOK_ACTIVE))
        sim_in(MS(100), NULL, on_webhook_resume, arg);
}

static void on_webhook_pause(void *arg)
{
    const struct action *a = arg;
    if (set_webhook(a->a, WEBHOOK_PAUSED))
        sim_in(a->us, NULL, on_webhook_resume, arg);
    else
        sim_in(MS(100), NULL, on_webhook_pause, arg);
}

/* One has to be left that sends. */
static bool is_last(void)
{
    int gone = 0;

    for (int i = 0; i < PROCS_MAX; i++)
        gone += world.machine_gone[i];
    return gone + 1 >= world.workers;
}

/* What the action does to the process, now. */
static void befall(const struct action *a, struct proc *proc)
{
    int64_t away_us = a->us == NEVER && is_last() ? SECONDS(1) : a->us;

    if (!proc->alive)
        return;
    if (a->kind == ACT_PAUSE) {
        if (proc->stopped)
            return;
        proc_pause(proc);
        sim_in(a->us, NULL, on_resume, proc);
        return;
    }
    if (away_us == NEVER && proc->owner != 0)
        world.machine_gone[proc->owner - 1000] = true;
    if (a->kind == ACT_KILL)
        proc_kill(proc);
    else
        proc_term(proc);
    if (away_us != NEVER)
        sim_in(away_us, NULL, on_start, proc);
}

static void on_doom(void *arg)
{
    struct proc *proc = arg;
    const struct action *a = proc->doom;

    proc->doom = NULL;
    if (a == NULL || !proc->alive || world.over)
        return;
    int64_t end_us = sim.now_us + (a->us == NEVER ? 0 : a->us);
    world.fault_us = end_us > world.fault_us ? end_us : world.fault_us;
    world.calm_us = end_us > world.calm_us ? end_us : world.calm_us;
    befall(a, proc);
}

void world_recorded(struct proc *proc)
{
    if (proc->doom != NULL)
        sim_in(0, NULL, on_doom, proc);
}

static void act_on_proc(const struct action *a, struct proc *proc)
{
    if (a->kind == ACT_KILL && a->b > 0)
        proc->doom = a;
    else
        befall(a, proc);
}

static void act_on_redis(const struct action *a)
{
    switch (a->kind) {
    case ACT_REDIS_CUT:
        redis_cut(NULL, false);
        break;
    case ACT_REDIS_RESTORE:
    case ACT_REDIS_DOWN:
        if (a->kind == ACT_REDIS_RESTORE && server.has_saved)
            server_restore();
        server.down = true;
        redis_cut(NULL, true);
        sim_in(a->us, NULL, on_redis_up, NULL);
        break;
    case ACT_REDIS_FLUSH:
        server_flush();
        break;
    case ACT_REDIS_SAVE:
        server_save();
        break;
    case ACT_REDIS_FULL:
        server.full = true;
        sim_in(a->us, NULL, on_redis_room, NULL);
        break;
    case ACT_REDIS_EVICT:
        server_evict(a->a > 0);
        break;
    default:
        redis_freeze(a->us);
    }
}

static void act_on_db(const struct action *a)
{
    switch (a->kind) {
    case ACT_DB_CUT:
        db_cut(sim_one_in(2) ? &sim.procs[a->a] : NULL, false);
        break;
    case ACT_DB_CRASH:
        if (postgres.down)
            return;
        postgres.down = true;
        db_cut(NULL, true);
        ledger_crash();
        sim_in(a->us, NULL, on_db_up, NULL);
        break;
    case ACT_DB_FREEZE:
        postgres.frozen_until_us = sim.now_us + a->us;
        break;
    default:
        postgres.locked = (uint64_t)a->b | (uint64_t)a->b << 31;
        sim_in(a->us, NULL, on_unlock, NULL);
    }
}

static void on_action(void *arg)
{
    const struct action *a = arg;

    if (world.over)
        return;
    TRACE("%s", action_text(a));
    if (a->kind != ACT_EVENT) {
        int64_t end_us = sim.now_us + (a->us == NEVER ? 0 : a->us);
        world.faults |= 1U << a->kind;
        world.struck_us = sim.now_us;
        world.fault_us = end_us > world.fault_us ? end_us : world.fault_us;
    }
    if (a->kind == ACT_EVENT) {
        client_post(a->a, a->b);
    } else if (a->kind <= ACT_PAUSE) {
        act_on_proc(a, &sim.procs[a->a]);
    } else if (a->kind <= ACT_REDIS_FREEZE) {
        act_on_redis(a);
    } else if (a->kind <= ACT_DB_LOCK) {
        act_on_db(a);
    } else if (a->kind == ACT_RECEIVER_AWAY) {
        world.webhooks[a->a].away_from_us = sim.now_us;
        world.webhooks[a->a].away_to_us = sim.now_us + a->us;
    } else if (a->kind == ACT_WEBHOOK_PAUSE) {
        on_webhook_pause(arg);
    } else if (a->a < 0) {
        server.clock_us += MS(a->b);
    } else {
        sim.procs[a->a].wall_us += MS(a->b);
    }
}

const char *action_text(const struct action *a)
{
    static char text[160], who[40], time[40];
    static const char *const texts[ACT_KINDS] = {
        [ACT_EVENT] = "an event is posted",
        [ACT_KILL] = "kill",
        [ACT_TERM] = "terminate",
        [ACT_PAUSE] = "stop and go on",
        [ACT_REDIS_CUT] = "connections to Redis break",
        [ACT_REDIS_DOWN] = "Redis goes down",
        [ACT_REDIS_FLUSH] = "Redis is emptied",
        [ACT_REDIS_SAVE] = "Redis is saved",
        [ACT_REDIS_RESTORE] = "Redis is restarted as it was saved",
        [ACT_REDIS_FULL] = "Redis is out of memory",
        [ACT_REDIS_EVICT] = "Redis evicts a key",
        [ACT_REDIS_FREEZE] = "Redis hangs",
        [ACT_DB_CUT] = "connections to PostgreSQL break",
        [ACT_DB_CRASH] = "PostgreSQL crashes",
        [ACT_DB_FREEZE] = "PostgreSQL hangs",
        [ACT_DB_LOCK] = "somebody locks rows",
        [ACT_RECEIVER_AWAY] = "a receiver is away: of webhook",
        [ACT_WEBHOOK_PAUSE] = "a webhook is paused:",
        [ACT_CLOCK] = "a clock is set, in ms:",
    };

    who[0] = time[0] = '\0';
    if (a->kind == ACT_EVENT)
        snprintf(who, sizeof who, " (app %d, api%d)", a->a, a->b);
    else if (a->kind <= ACT_PAUSE)
        snprintf(who, sizeof who, " %s%s", sim.procs[a->a].name, a->b > 0 ? " at its record" : "");
    else if (a->kind == ACT_RECEIVER_AWAY || a->kind == ACT_WEBHOOK_PAUSE)
        snprintf(who, sizeof who, " %d", a->a);
    else if (a->kind == ACT_CLOCK)
        snprintf(who, sizeof who, " %d, %s", a->b, a->a < 0 ? "of Redis" : sim.procs[a->a].name);
    if (a->us == NEVER)
        snprintf(time, sizeof time, ", for good");
    else if (a->us > 0)
        snprintf(time, sizeof time, ", for %lld ms", (long long)a->us / 1000);
    snprintf(text, sizeof text, "-- %s%s%s", texts[a->kind], who, time);
    return text;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void begin_webhooks(void)
{
    for (int i = 0; i < world.webhook_count; i++) {
        const struct world_webhook *w = &world.webhooks[i];
        int caps[] = {w->fast ? 4 : 1, 2, 10};
        ledger.webhooks[ledger.webhook_count++] =
            (struct row_webhook){.id = w->id,
                                 .app = w->app,
                                 .concurrency = caps[(world.seed + (uint64_t)i) % 3],
                                 .updated_us = 1};
    }
}

static void begin(void)
{
    sim_begin(world.seed);
    machine_begin();
    server_begin();
    ledger_begin();
    db_lines_begin();
    redis_lines_begin();
    net_begin();
    oracle_begin();
    client_begin();
    memset(world.machine_gone, 0, sizeof world.machine_gone);
    world.accepted = world.events_open = 0;
    world.over = false;
    world.faults = 0;
    world.struck_us = world.fault_us = world.calm_us = world.settled_us = world.patience_us = 0;
    sim_settings.config.worker_in_flight = world.in_flight;
    begin_webhooks();
    record_begin();
    ledger_flush();
    processes_begin();
    for (int i = 0; i < world.action_count; i++) {
        struct action *a = &world.actions[i];
        if (a->left_out)
            continue;
        sim_plan(a->at_us, NULL, EVENT_IO, on_action, a);
        int64_t end_us = a->us == NEVER ? a->at_us : a->at_us + a->us;
        world.calm_us = end_us > world.calm_us ? end_us : world.calm_us;
    }
}

static void end(void)
{
    world.over = true;
    processes_end();
    while (sim_step(sim.now_us + SECONDS(1000)))
        continue; /* statements and scripts that nobody waits for any more */
    sim_end();
    server_end();
}

/* Faults after which nothing has to wait until a lease runs out: the schedule and timeouts take the time. */
static int64_t longest_wait(void)
{
    const unsigned quick = 1U << ACT_KILL | 1U << ACT_TERM | 1U << ACT_REDIS_CUT |
                           1U << ACT_REDIS_DOWN | 1U << ACT_REDIS_FLUSH | 1U << ACT_REDIS_SAVE |
                           1U << ACT_REDIS_RESTORE | 1U << ACT_DB_CUT | 1U << ACT_DB_CRASH |
                           1U << ACT_RECEIVER_AWAY | 1U << ACT_WEBHOOK_PAUSE;

    for (int i = 0; i < PROCS_MAX; i++)
        if (world.machine_gone[i])
            return PATIENCE;
    return (world.faults & ~quick) == 0 ? SOON : PATIENCE;
}

/* A crash undid that it was given back, and its claim's note is gone by then: nobody looks before its lease runs out. */
static bool is_left_leased(const struct row_delivery *d)
{
    for (int i = 0; i < ledger.lease_count; i++)
        if (ledger.leases[i].token == d->token)
            return false;
    return (world.faults >> ACT_DB_CRASH & 1) != 0 && d->state == DELIVERY_PENDING && is_leased(d);
}

/* And what slow receivers need that are sent little at once, or less and less because they fail, and those behind an open breaker. */
static int64_t patience(void)
{
    int64_t us = longest_wait();

    for (int i = 0; i < ledger.delivery_count; i++) {
        int w = ledger.deliveries[i].webhook;
        if (is_left_leased(&ledger.deliveries[i]) && us < PATIENCE)
            us = PATIENCE;
        if (world.webhooks[w].slow_one_in > 0)
            us += 2 * MS(WORLD_TIMEOUT_MS) /
                  (world.webhooks[w].fail_one_in > 0 ? 1 : ledger.webhooks[w].concurrency);
        if (ledger.webhooks[w].gate_openings > 0)
            us += MS(GATE_PROBE_MAX_MS);
    }
    world.patience_us = us > world.patience_us ? us : world.patience_us;
    return world.patience_us;
}

const char *world_run(void)
{
    const char *why = NULL;
    int steps = 0;

    begin();
    while (failure == NULL) {
        int64_t until_us = sim.now_us + MS(LOOK_MS);
        while (failure == NULL && sim_step(until_us))
            if (++steps > STEPS_MAX)
                fail_run("no end", "%d events", steps);
        if (sim.now_us < world.calm_us || failure != NULL)
            continue;
        int64_t end_us = world.calm_us + patience();
        bool done = oracle_is_done(), settled = done && oracle_is_settled(&why);
        if (settled)
            break;
        if (sim.now_us > end_us)
            fail_run(done ? "Redis is not as the ledger" : "stuck", "%s",
                     done ? why : oracle_left());
    }
    world.settled_us = sim.now_us;
    if (failure == NULL)
        oracle_check_end();
    if (server_record != NULL)
        server_record_keys(true);
    record_rows("end");
    FILE *record = server_record, *other_record = ledger_record;
    server_record = ledger_record = NULL;
    const char *found = failure;
    bool traced = trace_on;
    trace_on = false;
    end();
    trace_on = traced;
    server_record = record;
    ledger_record = other_record;
    return found;
}
