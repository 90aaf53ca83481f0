/* How many entries a second one Redis and one loop move through enqueue, claim and ack, and how
 * long one entry takes from enqueue over the wake to its claim when nothing else is going on.
 *
 *     queue_load [entries] [endpoints] [claim size] */
#include "redis_server.h"
#include "store/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static struct redis_server server;
static struct queue *queue;
static size_t done, claim_size = 128;
static long claims;
static bool claiming, woken;

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
        acks[i] = (struct queue_ack){claim->refs[i].delivery, claim->refs[i].webhook, -1};
    queue_ack(queue, acks, claim->count);
    done += claim->count;
}

static void on_wake(void *arg)
{
    (void)arg;
    woken = true;
}

static void report(const char *what, size_t entries, int64_t us, double redis_s, double own_s)
{
    double n = (double)entries;
    printf("%-22s %9.0f/s wall, Redis %5.2f us/entry (%7.0f/s a core), own %5.2f us/entry\n", what,
           n / (double)us * 1e6, redis_s / n * 1e6, n / redis_s, own_s / n * 1e6);
}

static void fill(struct loop *loop, const struct id *endpoints, size_t endpoint_count,
                 size_t entries)
{
    for (size_t i = 0; i < entries; i++) {
        struct queue_entry entry = {id_new(), endpoints[i % endpoint_count], 0, 1024, 0};
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
            queue_claim(queue, claim_size, on_claim, NULL);
        }
        uv_run(loop_uv(loop), UV_RUN_ONCE);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure_latency(struct loop *loop, struct id endpoint)
{
    enum { ROUNDS = 2000 };
    static int64_t us[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        struct queue_entry entry = {id_new(), endpoint, 0, 32, 0};
        int64_t start = clock_mono_us();
        done = 0;
        woken = false;
        queue_enqueue(queue, &entry, 1, QUEUE_GENTLE);
        while (done == 0) {
            if (woken && !claiming) {
                claiming = true;
                woken = false;
                queue_claim(queue, claim_size, on_claim, NULL);
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
    size_t endpoint_count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    claim_size = argc > 3 ? strtoul(argv[3], NULL, 10) : claim_size;
    struct id *endpoints = calloc(endpoint_count, sizeof *endpoints);
    struct loop *loop = loop_create(NULL, NULL);

    for (size_t i = 0; i < endpoint_count; i++)
        endpoints[i] = id_new();
    redis_server_init(&server);
    redis_server_start(&server);
    queue = queue_create(loop, &(struct queue_config){.url = server.url, .on_wake = on_wake});
    WAIT(loop, queue_up(queue), 3000);

    int64_t start = clock_mono_us();
    double redis_start = cpu_of(server.pid), own_start = own_cpu();
    fill(loop, endpoints, endpoint_count, entries);
    int64_t filled = clock_mono_us();
    double redis_filled = cpu_of(server.pid), own_filled = own_cpu();
    report("enqueue", entries, filled - start, redis_filled - redis_start, own_filled - own_start);
    drain(loop, entries);
    int64_t end = clock_mono_us();
    double redis_end = cpu_of(server.pid), own_end = own_cpu();
    report("claim + ack", entries, end - filled, redis_end - redis_filled, own_end - own_filled);
    report("all", entries, end - start, redis_end - redis_start, own_end - own_start);
    measure_latency(loop, endpoints[0]);
    printf("%ld claims, %llu dropped\n", claims, (unsigned long long)queue_dropped(queue));

    queue_destroy(queue);
    loop_destroy(loop);
    redis_server_fini(&server);
    free(endpoints);
    return 0;
}
