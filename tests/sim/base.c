/* What the program asks the machine for, from the world: clocks, random bytes, its loop, its slot. */
#include "sim.h"

#include "base/crypto.h"
#include "base/err.h"
#include "io/loop.h"
#include "machine.h"
#include "mutants.h"
#include "worker/slot.h"
#include "world.h"

#include <stdlib.h>

int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_us(void);
int64_t __wrap_clock_wall_ms(void);
void __wrap_crypto_random(void *out, size_t n);
struct id __wrap_id_new(void);

int64_t __wrap_clock_mono_us(void)
{
    return sim.now_us + (sim.current != NULL ? sim.current->leap_us : 0);
}

int64_t __wrap_clock_mono_ms(void)
{
    return __wrap_clock_mono_us() / 1000;
}

int64_t __wrap_clock_wall_ms(void)
{
    return EPOCH_MS + (sim.now_us + (sim.current != NULL ? sim.current->wall_us : 0)) / 1000;
}

void __wrap_crypto_random(void *out, size_t n)
{
    uint8_t *p = out;
    int64_t now_ms = __wrap_clock_wall_ms();

    while (n > 0) {
        uint64_t bits = is_mutant(MUTANT_IDS_BY_CLOCK) ? (uint64_t)now_ms : sim_random();
        size_t some = n < sizeof bits ? n : sizeof bits;
        memcpy(p, &bits, some);
        p += some;
        n -= some;
    }
}

/* As base/id.c makes them, but without what it remembers from run to run. */
struct id __wrap_id_new(void)
{
    struct id id = id_floor(__wrap_clock_wall_ms());

    __wrap_crypto_random(id.b + 6, sizeof id.b - 6);
    id.b[6] = (uint8_t)(0x70 | (id.b[6] & 0x0f));
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    return id;
}

/* --- the loop --------------------------------------------------------------------------------- */

struct loop {
    struct proc *proc;
    struct list ends; /* of its turn, which is over before anything else happens to it */
    struct event *over;
};

struct timeout {
    struct proc *proc;
    timeout_cb *cb;
    void *arg;
    struct event *event; /* NULL: it is not set */
};

struct loop *loop_create(loop_stop_cb *on_stop, void *arg)
{
    struct loop *loop = xcalloc(1, sizeof *loop);

    loop->proc = sim.current;
    list_init(&loop->ends);
    loop->proc->on_stop = on_stop;
    loop->proc->on_stop_arg = arg;
    return loop;
}

void loop_run(struct loop *loop)
{
    (void)loop;
    abort(); /* the world runs */
}

void loop_stop(struct loop *loop)
{
    loop->proc->on_stop(loop->proc->on_stop_arg);
}

void loop_destroy(struct loop *loop)
{
    sim_forget(loop->over);
    free(loop);
}

static void on_over(void *arg)
{
    struct loop *loop = arg;
    struct list *node;

    loop->over = NULL;
    while ((node = list_pop(&loop->ends)) != NULL) {
        struct turn_end *end = CONTAINER_OF(node, struct turn_end, node);
        end->cb(end->arg);
    }
}

void turn_end_init(struct turn_end *end, void (*cb)(void *arg), void *arg)
{
    *end = (struct turn_end){.cb = cb, .arg = arg};
    list_init(&end->node);
}

void turn_end_ask(struct loop *loop, struct turn_end *end)
{
    if (!list_empty(&end->node))
        return;
    list_push(&loop->ends, &end->node);
    if (loop->over == NULL)
        loop->over = sim_plan(sim.now_us, loop->proc, EVENT_TIMEOUT, on_over, loop);
}

void turn_end_cancel(struct turn_end *end)
{
    list_remove(&end->node);
}

static void on_due(void *arg)
{
    struct timeout *t = arg;
    t->event = NULL;
    t->cb(t->arg);
}

struct timeout *timeout_create(struct loop *loop, timeout_cb *cb, void *arg)
{
    struct timeout *t = xcalloc(1, sizeof *t);
    *t = (struct timeout){.proc = loop->proc, .cb = cb, .arg = arg};
    return t;
}

static struct timeout *last_set;

void base_run_last_timeout(void *arg)
{
    (void)arg;
    sim_forget(last_set->event);
    on_due(last_set);
}

void timeout_set(struct timeout *t, int64_t delay_ms)
{
    last_set = t;
    sim_forget(t->event);
    if (delay_ms < 0)
        delay_ms = 0;
    t->event = sim_plan(sim.now_us + MS(delay_ms) + 1, t->proc, EVENT_TIMEOUT, on_due, t);
}

void timeout_clear(struct timeout *t)
{
    sim_forget(t->event);
    t->event = NULL;
}

bool timeout_is_set(const struct timeout *t)
{
    return t->event != NULL;
}

void timeout_destroy(struct timeout *t)
{
    if (t == NULL)
        return;
    sim_forget(t->event);
    free(t);
}

/* --- the slot --------------------------------------------------------------------------------- */

static int slots_given; /* since the machine began */

void machine_begin(void)
{
    slots_given = 0;
}

/* The kernel's part: a name is its holder's until that is dead. All workers are on one machine. */
int slot_open(struct slot *slot, const char *database_url)
{
    (void)database_url;
    for (int i = 0; i < PROCS_MAX; i++) {
        bool taken = false;
        for (int p = 0; p < sim.proc_count && !is_mutant(MUTANT_SLOT_SHARED); p++)
            taken = taken || (sim.procs[p].alive && sim.procs[p].owner == 1000 + i);
        taken = taken || (is_mutant(MUTANT_SLOT_KEPT) && i < slots_given);
        if (taken || world.machine_gone[i])
            continue;
        slots_given = i + 1;
        slot->owner = sim.current->owner = 1000 + i;
        slot->fd = -1;
        return 0;
    }
    return ERR_INTERNAL;
}

void slot_close(struct slot *slot)
{
    (void)slot;
    proc_closed(sim.current);
}
