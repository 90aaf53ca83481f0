/* sim [-n SEEDS] [-s FIRST] [-t|-T] [-m MUTANT] [-M MUTANT] [-r FILE] [-p FILE]: runs seeds, one after another. A run that fails is
 * made smaller and shown as a timeline; -t shows that of one seed whatever comes of it, -T with its scripts and
 * statements. -m looks for the seeds that find a mutant (0: all), -M has one in force, -r records what Redis did, -p what
 * PostgreSQL did. */
#include "base/log.h"
#include "mutants.h"
#include "oracle.h"
#include "record.h"
#include "server.h"
#include "shrink.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int show(uint64_t seed)
{
    trace_on = true;
    world_plan(seed);
    const char *found = world_run();
    printf("seed %" PRIu64 ": %s\n", seed, found != NULL ? found : "all is well");
    return found != NULL;
}

static int run(uint64_t first, uint64_t count)
{
    uint64_t requests = 0, duplicates = 0, accepted = 0;
    double begun = seconds(), virtual_s = 0;

    for (uint64_t seed = first; seed < first + count; seed++) {
        world_plan(seed);
        const char *found = world_run();
        requests += (uint64_t)oracle.request_count;
        duplicates += (uint64_t)oracle.duplicates;
        accepted += (uint64_t)world.accepted;
        virtual_s += (double)world.settled_us / 1e6;
        if (found == NULL)
            continue;
        shrink(seed, found);
        return 1;
    }
    double took = seconds() - begun;
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " events accepted, %" PRIu64
           " requests, %" PRIu64 " explained duplicates, %.0f virtual hours, %.2f ms each\n",
           count, first, accepted, requests, duplicates, virtual_s / 3600,
           took * 1000 / (double)count);
    return 0;
}

/* How many seeds it takes; 0: it was not found. */
static uint64_t hunt(enum mutant which, uint64_t most, const char **found)
{
    mutant = which;
    for (uint64_t seed = 1; seed <= most; seed++) {
        world_plan(seed);
        *found = world_run();
        if (*found != NULL)
            return seed;
    }
    return 0;
}

static int hunt_all(int only, uint64_t most)
{
    int missed = 0;

    for (int m = 1; m < MUTANT_COUNT; m++) {
        const char *found = NULL;
        if (only > 0 && m != only)
            continue;
        uint64_t seeds = hunt((enum mutant)m, most, &found);
        printf("%2d %-65s %8" PRIu64 " %s\n", m, mutant_names[m], seeds,
               seeds > 0 ? found : "NOT FOUND");
        fflush(stdout);
        missed += seeds == 0;
    }
    return missed > 0;
}

int main(int argc, char **argv)
{
    uint64_t count = 1000, first = 1;
    bool wanted = false;
    int option, hunted = -1;

    while ((option = getopt(argc, argv, "n:s:m:M:r:p:tT")) != -1) {
        switch (option) {
        case 'n':
            count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            first = strtoull(optarg, NULL, 10);
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
    return hunted >= 0 ? hunt_all(hunted, count) : wanted ? show(first) : run(first, count);
}
