/* sim [-n SEEDS] [-s FIRST] [-j PROCESSES] [-t|-T] [-m MUTANT] [-M MUTANT] [-r FILE] [-p FILE]: runs seeds, one after
 * another. A run that fails is made smaller and shown as a timeline; -t shows that of one seed whatever comes of it, -T
 * with its scripts and statements. -m looks for the seeds that find a mutant (0: all), -M has one in force, -r records
 * what Redis did, -p what PostgreSQL did. -j has several processes share the seeds, or the mutants. */
#include "base/log.h"
#include "deal.h"
#include "mutants.h"
#include "oracle.h"
#include "record.h"
#include "server.h"
#include "shrink.h"
#include "world.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of the processor, with those processes that have ended. */
static double seconds(void)
{
    double sum = 0;

    for (int i = 0; i < 2; i++) {
        struct rusage used;
        getrusage(i == 0 ? RUSAGE_SELF : RUSAGE_CHILDREN, &used);
        sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

static int show(uint64_t seed)
{
    trace_on = true;
    world_plan(seed);
    const char *found = world_run();
    printf("seed %" PRIu64 ": %s\n", seed, found != NULL ? found : "all is well");
    return found != NULL;
}

/* --- seeds, one after another -------------------------------------------------------------------- */

#define SHARE 50 /* that a process takes at a time */

struct series {
    uint64_t first, end;
    _Atomic uint64_t next;
    _Atomic uint64_t failed; /* the first that did, of those that were run; UINT64_MAX: none */
    _Atomic uint64_t requests, duplicates, accepted, virtual_us;
};

static void run_one(struct series *s, uint64_t seed)
{
    world_plan(seed);
    bool fails = world_run() != NULL;
    s->requests += (uint64_t)oracle.request_count;
    s->duplicates += (uint64_t)oracle.duplicates;
    s->accepted += (uint64_t)world.accepted;
    s->virtual_us += (uint64_t)world.settled_us;
    for (uint64_t first = s->failed; fails && seed < first;)
        fails = !atomic_compare_exchange_weak(&s->failed, &first, seed);
}

/* Until there is none left, or one before has failed: so it is the first one of all that is shown. */
static void run_some(void *arg)
{
    struct series *s = arg;

    for (uint64_t from; (from = atomic_fetch_add(&s->next, SHARE)) < s->end;)
        for (uint64_t seed = from; seed < from + SHARE && seed < s->end && seed < s->failed; seed++)
            run_one(s, seed);
}

static int show_failed(uint64_t seed)
{
    world_plan(seed);
    const char *found = world_run();

    if (found != NULL)
        shrink(seed, found);
    else
        printf("seed %" PRIu64 " failed, and did not when it was run again\n", seed);
    return 1;
}

static int run(uint64_t first, uint64_t count, int processes)
{
    struct series *s = deal_memory(sizeof *s);
    double begun = seconds();

    *s = (struct series){.first = first, .end = first + count, .next = first, .failed = UINT64_MAX};
    bool good = deal(processes, run_some, s);
    if (s->failed != UINT64_MAX)
        return show_failed(s->failed);
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " events accepted, %" PRIu64
           " requests, %" PRIu64 " explained duplicates, %.0f virtual hours, %.2f ms each\n",
           count, first, s->accepted, s->requests, s->duplicates, (double)s->virtual_us / 3.6e9,
           (seconds() - begun) * 1000 / (double)count);
    return good ? 0 : 2;
}

/* --- mutants ---------------------------------------------------------------------------------- */

struct hunt {
    uint64_t most;
    int only; /* 0: all */
    _Atomic int next;
    struct {
        uint64_t seeds; /* that it took; 0: it was not found */
        const char *found;
    } of[MUTANT_COUNT];
};

static void hunt_one(struct hunt *h, int which)
{
    const char *found = NULL;
    uint64_t seed = 0;

    mutant = (enum mutant)which;
    while (found == NULL && seed < h->most) {
        world_plan(++seed);
        found = world_run();
    }
    h->of[which].found = found; /* a literal: at the same place in all processes */
    h->of[which].seeds = found != NULL ? seed : 0;
}

static void hunt_some(void *arg)
{
    struct hunt *h = arg;

    for (int m; (m = atomic_fetch_add(&h->next, 1)) < MUTANT_COUNT;)
        if (h->only == 0 || h->only == m)
            hunt_one(h, m);
}

static int hunt_all(int only, uint64_t most, int processes)
{
    struct hunt *h = deal_memory(sizeof *h);
    int missed = 0;

    h->only = only;
    h->most = most;
    h->next = 1;
    bool good = deal(processes, hunt_some, h);
    for (int m = 1; m < MUTANT_COUNT; m++) {
        if (only > 0 && m != only)
            continue;
        printf("%2d %-65s %8" PRIu64 " %s\n", m, mutant_names[m], h->of[m].seeds,
               h->of[m].seeds > 0 ? h->of[m].found : "NOT FOUND");
        missed += h->of[m].seeds == 0;
    }
    return missed > 0 ? 1 : good ? 0 : 2;
}

int main(int argc, char **argv)
{
    uint64_t count = 1000, first = 1;
    bool wanted = false;
    int option, hunted = -1, processes = 1;

    while ((option = getopt(argc, argv, "n:s:j:m:M:r:p:tT")) != -1) {
        switch (option) {
        case 'n':
            count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            first = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            processes = (int)strtol(optarg, NULL, 10);
            break;
        case 'T':
        case 't':
            wanted = true;
            trace_more = option == 'T';
            break;
        case 'm':
            hunted = (int)strtol(optarg, NULL, 10);
            break;
        case 'r':
            server_record = fopen(optarg, "w");
            break;
        case 'p':
            ledger_record = fopen(optarg, "w");
            if (ledger_record == NULL)
                return 2;
            ledger_write_known(ledger_record);
            break;
        case 'M':
            mutant = (enum mutant)strtol(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    log_set_level(LOG_LEVEL_ERROR);
    world_open();
    if (server_record != NULL || ledger_record != NULL)
        processes = 1; /* a record is of one */
    if (wanted)
        return show(first);
    return hunted >= 0 ? hunt_all(hunted, count, processes) : run(first, count, processes);
}
