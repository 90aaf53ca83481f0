/* How many entries a second one Redis and one loop move through enqueue, claim and ack, and how
 * long one entry takes from enqueue over the wake to its claim when nothing else is going on.
 *
 *     queue_load [entries] [endpoints] [claim size] [apps] */
#include "redis_server.h"
#include "store/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static struct redis_server server;
static struct queue *queue;
static struct id *endpoints, *apps;
static size_t endpoint_count, app_count; /* an endpoint's app: its number modulo that of the apps */
static size_t done, claim_size = 128;
static long claims;
static bool claiming, woken;

enum { PLACES = 4096 };

static struct id *new_ids(size_t count)
{
    struct id *ids = calloc(count, sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = id_new();
    return ids;
}

static double cpu_of(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(text, sizeof text, file) == NULL)
        abort();
    fclose(file);
    sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
           &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void on_claim(void *arg, int err, const struct queue_claim *claim)
{
    struct queue_ack acks[QUEUE_CLAIM_MAX];

    (void)arg;
    claiming = false;
    claims++;
    if (err < 0)
        abort();
    for (size_t i = 0; i < claim->count; i++)
        acks[i] = (struct queue_ack){claim->refs[i], QUEUE_OUT, {.what = GATE_SUCCESS}};
    queue_ack(queue, acks, claim->count);
    done += claim->count;
}

static void on_wake(void *arg)
{
    (void)arg;
    woken = true;
}

struct moment {
    int64_t us;
    double redis_s, own_s;
    long long calls;
};

static struct moment moment_now(void)
{
    return (struct moment){clock_mono_us(), cpu_of(server.pid), own_cpu(),
                           redis_server_calls(&server)};
}

static void report(const char *what, size_t entries, const struct moment *from,
                   const struct moment *to)
{
    double n = (double)entries, redis_s = to->redis_s - from->redis_s;
    printf(
        "%-12s %8.0f/s wall, Redis %5.2f us/entry (%7.0f/s a core) in %4.1f commands, own %5.2f us\n",
        what, n / (double)(to->us - from->us) * 1e6, redis_s / n * 1e6, n / redis_s,
        (double)(to->calls - from->calls) / n, (to->own_s - from->own_s) / n * 1e6);
}

static void fill(struct loop *loop, size_t entries)
{
    for (size_t i = 0; i < entries; i++) {
        struct queue_entry entry = {
            {id_new(), endpoints[i % endpoint_count], apps[i % endpoint_count % app_count]},
            0,
            1024,
            0};
        queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
        if (queue_pending(queue) >= 8000)
            WAIT(loop, queue_pending(queue) < 4000, 10000);
    }
    WAIT(loop, queue_pending(queue) == 0, 10000);
}

static void drain(struct loop *loop, size_t entries)
{
    done = 0;
    while (done < entries || queue_pending(queue) > 0) {
        if (!claiming && done < entries) {
            claiming = true;
            queue_claim(queue, &(struct queue_room){.max = claim_size, .free = PLACES}, on_claim,
                        NULL);
        }
        uv_run(loop_uv(loop), UV_RUN_ONCE);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure_latency(struct loop *loop)
{
    enum { ROUNDS = 2000 };
    static int64_t us[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        struct queue_entry entry = {{id_new(), endpoints[0], apps[0]}, 0, 32, 0};
        int64_t start = clock_mono_us();
        done = 0;
        woken = false;
        queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
        while (done == 0) {
            if (woken && !claiming) {
                claiming = true;
                woken = false;
                queue_claim(queue, &(struct queue_room){.max = claim_size, .free = PLACES},
                            on_claim, NULL);
            }
            uv_run(loop_uv(loop), UV_RUN_ONCE);
        }
        us[i] = clock_mono_us() - start;
        WAIT(loop, queue_pending(queue) == 0, 1000);
    }
    qsort(us, ROUNDS, sizeof us[0], compare);
    printf("enqueue to claimed     p50 %lld us, p99 %lld us\n", (long long)us[ROUNDS / 2],
           (long long)us[ROUNDS * 99 / 100]);
}

int main(int argc, char **argv)
{
    size_t entries = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    endpoint_count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    claim_size = argc > 3 ? strtoul(argv[3], NULL, 10) : claim_size;
    app_count = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
    endpoints = new_ids(endpoint_count);
    apps = new_ids(app_count);
    struct loop *loop = loop_create(NULL, NULL);

    redis_server_init(&server);
    redis_server_start(&server);
    queue = queue_create(loop, &(struct queue_config){.url = server.url, .on_wake = on_wake});
    WAIT(loop, queue_up(queue), 3000);
    queue_set_gates(queue, NULL, 0, true);

    struct moment start = moment_now();
    fill(loop, entries);
    struct moment filled = moment_now();
    report("enqueue", entries, &start, &filled);
    drain(loop, entries);
    struct moment end = moment_now();
    report("claim + ack", entries, &filled, &end);
    report("all", entries, &start, &end);
    measure_latency(loop);
    printf("%ld claims, %llu dropped\n", claims, (unsigned long long)queue_dropped(queue));

    queue_destroy(queue);
    loop_destroy(loop);
    redis_server_fini(&server);
    free(endpoints);
    free(apps);
    return 0;
}
