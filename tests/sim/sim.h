/* A world in one thread: virtual time, one seeded scheduler, processes with clocks of their own. Whatever happens in it
 * is an event; of two at the same microsecond the one that was planned first comes first. Nothing of it asks the
 * machine for anything, so a seed replays exactly. */
#ifndef SIM_H
#define SIM_H

#include "base/id.h"
#include "base/list.h"

#define MS(n)      ((int64_t)(n)*1000)
#define SECONDS(n) ((int64_t)(n)*1000000)
#define EPOCH_MS   INT64_C(1790000000000) /* when all worlds begin, Unix time */
#define NEVER      INT64_MAX

#define PROCS_MAX  6

struct action;

/* A process of ours: a worker or an api. What it is told comes as events of its own, which wait while it is stopped. */
struct proc {
    const char *name;
    int number;
    bool alive, stopped, draining;
    bool broken_off;            /* its last breath: nothing of it gets out any more */
    int64_t wall_us;            /* how far its clock is from the world's */
    int64_t leap_us;            /* of its monotonic one; only for its last breath */
    int life;                   /* how often it was started */
    int64_t owner;              /* its slot */
    int64_t stopped_us;         /* in all, of this life */
    int64_t stop_us, end_us;    /* when it was stopped last; when its last life ended */
    const struct action *doom;  /* what befalls it when it has recorded something */
    struct list arrived, due;   /* events that wait: what came, and timeouts */
    void (*on_stop)(void *arg); /* of its loop */
    void *on_stop_arg;
    struct worker *worker;
    struct api *api;
};

struct sim {
    int64_t now_us;
    uint64_t random;
    struct proc *current; /* whose code runs; NULL: nobody's */
    struct proc procs[PROCS_MAX];
    int proc_count;
};
extern struct sim sim;

/* --- events ----------------------------------------------------------------------------------- */

typedef void sim_fn(void *arg);
struct event;
enum event_kind { EVENT_IO, EVENT_TIMEOUT };

/* `proc`: whose; NULL: the world's. */
struct event *sim_plan(int64_t at_us, struct proc *proc, enum event_kind kind, sim_fn *fn,
                       void *arg);
struct event *sim_in(int64_t us, struct proc *proc, sim_fn *fn, void *arg);
void sim_forget(struct event *event); /* NULL is fine */

/* Runs the next one; false: there is none before `until_us`, which it is then. */
bool sim_step(int64_t until_us);
void sim_begin(uint64_t seed);
void sim_end(void);

/* A process's code, called from outside of events. */
void sim_call(struct proc *proc, sim_fn *fn, void *arg);
void proc_pause(struct proc *proc);
void proc_go_on(struct proc *proc);
void proc_forget_waiting(struct proc *proc); /* it has ended; nobody holds its events any more */

/* --- chance ----------------------------------------------------------------------------------- */

uint64_t chance_next(uint64_t *state);
uint64_t sim_random(void);
int64_t sim_between(int64_t least, int64_t most);
bool sim_one_in(int n);
int64_t sim_delay(void); /* on a line, in us: mostly short */

/* --- what is told ----------------------------------------------------------------------------- */

/* A line of the timeline, when one is wanted. */
extern bool trace_on, trace_more; /* more: scripts and statements too */
void trace_line(const char *format, ...) PRINTF_LIKE(1, 2);
#define TRACE(...)                   \
    do {                             \
        if (trace_on)                \
            trace_line(__VA_ARGS__); \
    } while (0)

/* The run has failed; the first time counts. `kind` stays the same while the run is made smaller. */
extern const char *failure;
void fail_run(const char *kind, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
