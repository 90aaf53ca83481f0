/* The life of processes: the program's own worker, started, killed, stopped; and apis. */
#include "machine.h"
#include "oracle.h"
#include "worker/worker.h"
#include "world.h"

#include <stdlib.h>

bool is_worker(const struct proc *proc)
{
    return proc->number < world.workers;
}

static void create(void *arg)
{
    struct proc *proc = arg;

    if (is_worker(proc))
        proc->worker = worker_create(&sim_settings);
    else
        proc->api = api_create();
}

static void reap(void *arg)
{
    struct proc *proc = arg;

    worker_destroy(proc->worker);
    api_destroy(proc->api);
    proc->worker = NULL;
    proc->api = NULL;
}

/* Also one that has drained a moment ago. */
void proc_start(struct proc *proc)
{
    if (proc->alive)
        return;
    TRACE("%s starts", proc->name);
    sim_call(proc, reap, proc);
    proc->alive = true;
    proc->stopped = proc->draining = proc->broken_off = false;
    proc->leap_us = proc->stopped_us = 0;
    proc->life++;
    sim_call(proc, create, proc);
}

/* The worker's last part was closed (slot_close). */
void proc_closed(struct proc *proc)
{
    proc->alive = false;
    proc->owner = 0;
    proc->end_us = sim.now_us;
    if (!proc->broken_off)
        TRACE("%s has ended", proc->name);
}

static void stop(void *arg)
{
    struct proc *proc = arg;
    proc->on_stop(proc->on_stop_arg);
}

/* Without a word: nothing that it does from here on gets out. Then it goes through its drain, whose time is over at
 * once, so that all that it has is freed. */
void proc_kill(struct proc *proc)
{
    if (!proc->alive)
        return;
    TRACE("%s is killed", proc->name);
    oracle_died(proc);
    proc->broken_off = true;
    proc->stopped = false;
    if (is_worker(proc)) {
        sim_call(proc, stop, proc);
        proc->leap_us = SECONDS(60);
        sim_call(proc, base_run_last_timeout, NULL);
        assert(!proc->alive);
    }
    proc->alive = false;
    proc->end_us = sim.now_us;
    sim_call(proc, reap, proc);
    proc_forget_waiting(proc);
    proc->leap_us = 0;
}

static void on_reap(void *arg)
{
    struct proc *proc = arg;

    if (proc->alive && is_worker(proc) && proc->draining)
        sim_in(MS(50), NULL, on_reap, proc);
    else if (!proc->alive && proc->worker != NULL)
        sim_call(proc, reap, proc);
}

void proc_term(struct proc *proc)
{
    if (!proc->alive || proc->draining || proc->stopped)
        return;
    if (!is_worker(proc)) {
        proc_kill(proc);
        return;
    }
    TRACE("%s is asked to end", proc->name);
    proc->draining = true;
    sim_call(proc, stop, proc);
    sim_in(MS(50), NULL, on_reap, proc);
}

void processes_begin(void)
{
    static const char *const names[PROCS_MAX] = {"worker0", "worker1", "worker2",
                                                 "api0",    "api1",    "api2"};

    sim.proc_count = world.workers + world.apis;
    for (int i = 0; i < sim.proc_count; i++) {
        sim.procs[i].number = i;
        sim.procs[i].name = i < world.workers ? names[i] : names[3 + i - world.workers];
    }
    for (int i = 0; i < sim.proc_count; i++)
        proc_start(&sim.procs[i]);
}

void processes_end(void)
{
    for (int i = 0; i < sim.proc_count; i++) {
        if (sim.procs[i].alive)
            proc_kill(&sim.procs[i]);
        else if (sim.procs[i].worker != NULL)
            sim_call(&sim.procs[i], reap, &sim.procs[i]);
    }
}
