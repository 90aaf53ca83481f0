/* A run: what there is, what is to happen, and what people see of it. A seed makes it; what is left of it when it fails
 * is made smaller by leaving things out (shrink.c). */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "ledger.h"

#define WORLD_TYPE       "order.paid"
#define WORLD_DATA       "{\"order\":1}"
#define WORLD_TIMEOUT_MS 3000
#define WORLD_STEPS      4
#define ACTIONS_MAX      64

/* What does not change from run to run, and how the receiver behaves, which does. */
struct world_webhook {
    struct id id, app;
    char url[48];
    struct str sealed, schedule;
    int app_number;
    int fail_one_in, slow_one_in; /* 0: never */
    int lost_one_in;              /* the answer, on its way */
    int refuses;                  /* so many attempts at each delivery, by a status of its own */
    bool fast;
    int64_t away_from_us, away_to_us;
};

enum action_kind {
    ACT_EVENT, /* a: app; b: api */
    ACT_KILL, /* a: process; us: until it is started again; b: not before it has recorded something */
    ACT_TERM,
    ACT_PAUSE,
    ACT_REDIS_CUT,
    ACT_REDIS_DOWN,
    ACT_REDIS_FLUSH,
    ACT_REDIS_SAVE,
    ACT_REDIS_RESTORE,
    ACT_REDIS_FULL,
    ACT_REDIS_EVICT, /* a: of what is under way */
    ACT_REDIS_FREEZE,
    ACT_DB_CUT,
    ACT_DB_CRASH,
    ACT_DB_FREEZE,
    ACT_DB_LOCK,
    ACT_RECEIVER_AWAY,
    ACT_WEBHOOK_PAUSE, /* and resumed after us */
    ACT_CLOCK,         /* a process's, or Redis's: a */
    ACT_KINDS
};

struct action {
    enum action_kind kind;
    bool left_out;
    int a, b;
    int64_t at_us, us;
};

struct world {
    uint64_t seed;
    int workers, apis, webhook_count, app_count, in_flight;
    struct world_webhook webhooks[WEBHOOKS_MAX];
    struct action actions[ACTIONS_MAX];
    int action_count;
    bool rush; /* many events at once for one receiver that is fast */
    bool machine_gone[PROCS_MAX];
    bool over; /* nothing new begins */

    /* Of the run. */
    int accepted, events_open;   /* answered 202; neither that nor given up */
    unsigned faults;             /* of the kinds that came, bits */
    int64_t struck_us;           /* when the last one came, */
    int64_t fault_us;            /* when the last one that came so far ends */
    int64_t calm_us, settled_us; /* when the last fault ended; when all was well after it */
    int64_t patience_us;         /* between the two at most */
};
extern struct world world;

/* No faults came but these. */
#define KIND(kind) (1U << (kind))
static inline bool only(unsigned kinds)
{
    return (world.faults & ~kinds) == 0;
}

/* Once: keys, seals, settings. */
void world_open(void);

/* What the seed says is to happen (plan.c). */
void world_plan(uint64_t seed);

/* Runs it; NULL, or what was wrong. */
const char *world_run(void);

/* PostgreSQL has a record of its. */
void world_recorded(struct proc *proc);

const char *action_text(const struct action *action);

/* --- processes (process.c) -------------------------------------------------------------------- */

void processes_begin(void);
void processes_end(void);
void proc_start(struct proc *proc);
void proc_kill(struct proc *proc);
void proc_term(struct proc *proc);
bool is_worker(const struct proc *proc);

/* --- an api, and its client (api.c) ----------------------------------------------------------- */

struct api *api_create(void);
void api_destroy(struct api *api);
void client_begin(void);

/* An event of an app is posted, first to this api, and again until it is answered 202. */
void client_post(int app, int api);

/* --- the network, and receivers (net.c) ------------------------------------------------------- */

void net_begin(void);

#endif
