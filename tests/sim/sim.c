/* The scheduler: a heap of events. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct event {
    struct list node; /* that waits for a process which is stopped */
    int64_t at_us;
    uint64_t number;
    struct proc *proc;
    enum event_kind kind;
    sim_fn *fn; /* NULL: forgotten */
    void *arg;
    struct event *next; /* of the spare ones */
};

struct sim sim;
bool trace_on, trace_more;
const char *failure;

static struct event **heap;
static size_t heap_count, heap_room;
static uint64_t event_number;
static struct event *spare;

/* --- the heap --------------------------------------------------------------------------------- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void sift_up(size_t i)
{
    struct event *e = heap[i];

    while (i > 0 && is_before(e, heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = e;
}

static void sift_down(size_t i)
{
    struct event *e = heap[i];

    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < heap_count && is_before(heap[child + 1], heap[child]))
            child++;
        if (child >= heap_count || !is_before(heap[child], e))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = e;
}

static void drop(struct event *e)
{
    list_remove(&e->node);
    e->next = spare;
    spare = e;
}

struct event *sim_plan(int64_t at_us, struct proc *proc, enum event_kind kind, sim_fn *fn,
                       void *arg)
{
    struct event *e = spare;

    if (e != NULL)
        spare = e->next;
    else
        e = xcalloc(1, sizeof *e);
    *e = (struct event){.at_us = at_us < sim.now_us ? sim.now_us : at_us,
                        .number = event_number++,
                        .proc = proc,
                        .kind = kind,
                        .fn = fn,
                        .arg = arg};
    list_init(&e->node);
    if (heap_count == heap_room) {
        heap_room = heap_room > 0 ? 2 * heap_room : 256;
        heap = xrealloc(heap, heap_room * sizeof *heap);
    }
    heap[heap_count] = e;
    sift_up(heap_count++);
    return e;
}

struct event *sim_in(int64_t us, struct proc *proc, sim_fn *fn, void *arg)
{
    return sim_plan(sim.now_us + us, proc, EVENT_IO, fn, arg);
}

void sim_forget(struct event *e)
{
    if (e != NULL)
        e->fn = NULL;
}

static void run(struct event *e)
{
    sim_fn *fn = e->fn;
    void *arg = e->arg;

    sim.current = e->proc;
    drop(e);
    if (fn != NULL)
        fn(arg);
    sim.current = NULL;
}

bool sim_step(int64_t until_us)
{
    if (heap_count == 0 || heap[0]->at_us > until_us) {
        sim.now_us = until_us > sim.now_us ? until_us : sim.now_us;
        return false;
    }
    struct event *e = heap[0];
    heap[0] = heap[--heap_count];
    if (heap_count > 0)
        sift_down(0);
    sim.now_us = e->at_us;
    if (e->fn != NULL && e->proc != NULL && e->proc->stopped)
        list_push(e->kind == EVENT_IO ? &e->proc->arrived : &e->proc->due, &e->node);
    else
        run(e);
    return true;
}

void sim_begin(uint64_t seed)
{
    sim = (struct sim){.now_us = SECONDS(1), .random = seed * 2 + 1};
    event_number = 0;
    failure = NULL;
    for (int i = 0; i < PROCS_MAX; i++) {
        list_init(&sim.procs[i].arrived);
        list_init(&sim.procs[i].due);
    }
}

void sim_end(void)
{
    while (heap_count > 0)
        drop(heap[--heap_count]);
}

/* --- processes -------------------------------------------------------------------------------- */

void sim_call(struct proc *proc, sim_fn *fn, void *arg)
{
    struct proc *before = sim.current;

    sim.current = proc;
    fn(arg);
    sim.current = before;
}

void proc_pause(struct proc *proc)
{
    proc->stopped = true;
    proc->stop_us = sim.now_us;
}

/* What had come by then is read before any timeout (io/loop.h). */
void proc_go_on(struct proc *proc)
{
    struct list *node;

    proc->stopped = false;
    proc->stopped_us += sim.now_us - proc->stop_us;
    while ((node = list_pop(&proc->arrived)) != NULL)
        run(CONTAINER_OF(node, struct event, node));
    while ((node = list_pop(&proc->due)) != NULL)
        run(CONTAINER_OF(node, struct event, node));
}

void proc_forget_waiting(struct proc *proc)
{
    struct list *node;

    while ((node = list_pop(&proc->arrived)) != NULL || (node = list_pop(&proc->due)) != NULL)
        drop(CONTAINER_OF(node, struct event, node));
}

/* --- chance ----------------------------------------------------------------------------------- */

/* splitmix64. */
uint64_t chance_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_random(void)
{
    return chance_next(&sim.random);
}

int64_t sim_between(int64_t least, int64_t most)
{
    return least + (int64_t)(sim_random() % (uint64_t)(most - least + 1));
}

bool sim_one_in(int n)
{
    return sim_random() % (uint64_t)n == 0;
}

int64_t sim_delay(void)
{
    return sim_one_in(16) ? sim_between(1000, 40000) : sim_between(40, 900);
}

/* --- what is told ----------------------------------------------------------------------------- */

PRINTF_LIKE(1, 0)
static void tell(const char *format, va_list args)
{
    printf("%11.6f  %-8s ", (double)(sim.now_us - SECONDS(1)) / 1e6,
           sim.current != NULL ? sim.current->name : "");
    vprintf(format, args);
    putchar('\n');
}

void trace_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(format, args);
    va_end(args);
}

void fail_run(const char *kind, const char *format, ...)
{
    va_list args;

    if (failure != NULL)
        return;
    failure = kind;
    if (!trace_on)
        return;
    printf("FAILED: %s\n", kind);
    va_start(args, format);
    tell(format, args);
    va_end(args);
}
