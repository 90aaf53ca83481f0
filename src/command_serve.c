/* posthorn serve: the threads of the API and of the worker, and the signals that end them. */
#include "commands.h"

#include "api/rates.h"
#include "api/server.h"
#include "base/err.h"
#include "base/metrics.h"
#include "dropins.h"
#include "io/dbsync.h"
#include "io/exporter.h"
#include "process.h"
#include "store/schema.h"
#include "worker/worker.h"

#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_MAX     64
#define FILES_PER_PLACE 2    /* a request's connection, and one that is kept for another */
#define FILES_RESERVED  1024 /* for everything else; half of few */
#define FILES_OF_STORES \
    256 /* of those, for what is neither a delivery nor a client; a quarter of few */
#define CONNECTIONS_MAX  4096 /* of clients, to a thread of the API */
#define DATABASE_WAIT_MS 10000
#define OWN_PAGES_BYTES  (256 << 10)
#define SPARE_BYTES      (8 << 20) /* of the heap, not given back again and again */

/* One thread: something that runs until it is told to stop. */
struct part {
    void *self;
    void (*run)(void *self);
    void (*stop)(void *self);
    void (*destroy)(void *self);
    pthread_t thread;
};

struct parts {
    struct part at[2 * THREADS_MAX];
    size_t count;
    struct part exporter; /* tells until the others have ended; `self` NULL: nobody is told */
};

static void run_server(void *self)
{
    server_run(self);
}

static void stop_server(void *self)
{
    server_stop(self);
}

static void destroy_server(void *self)
{
    server_destroy(self);
}

static void run_worker(void *self)
{
    worker_run(self);
}

static void stop_worker(void *self)
{
    worker_stop(self);
}

static void destroy_worker(void *self)
{
    worker_destroy(self);
}

static void run_exporter(void *self)
{
    exporter_run(self);
}

static void stop_exporter(void *self)
{
    exporter_stop(self);
}

static void write_metrics(struct buf *out)
{
    process_measure();
    metrics_write(out);
}

static bool add_exporter(struct parts *parts, const struct settings *settings)
{
    if (settings->metrics_listen.text[0] == '\0')
        return true;
    struct exporter *exporter = exporter_create(&settings->metrics_listen, write_metrics);
    parts->exporter = (struct part){exporter, run_exporter, stop_exporter, NULL, 0};
    return exporter != NULL;
}

static bool add_servers(struct parts *parts, const struct settings *settings, struct rates *rates)
{
    for (int64_t i = 0; i < settings->config.api_threads; i++) {
        struct server *server = server_create(settings, rates);
        if (server == NULL)
            return false;
        parts->at[parts->count++] =
            (struct part){server, run_server, stop_server, destroy_server, 0};
    }
    return true;
}

/* As many files as this process may have: soft limits are from when select() was all there was. */
static int64_t raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return INT32_MAX;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < INT32_MAX ? (int64_t)limit.rlim_cur : INT32_MAX;
}

static int64_t reserve_of(int64_t files)
{
    return files / 2 < FILES_RESERVED ? files / 2 : FILES_RESERVED;
}

/* Requests under way are bounded by the files that they take. */
static void bound_places(struct config *config, int64_t files)
{
    int64_t most = (files - reserve_of(files)) / (config->worker_threads * FILES_PER_PLACE);

    most = most > 1 ? most : 1;
    if (config->worker_in_flight <= most)
        return;
    log_warn("places_bounded",
             "in_flight=%lld option=%lld files=%lld hint=\"raise the limit of open files\"",
             (long long)most, (long long)config->worker_in_flight, (long long)files);
    config->worker_in_flight = most;
}

/* Clients of the API have the files that deliveries and stores do not need: however many come, they take none of
 * theirs. */
static void bound_connections(struct settings *settings, int64_t files, bool worker)
{
    const struct config *config = &settings->config;
    int64_t stores =
        reserve_of(files) / 4 < FILES_OF_STORES ? reserve_of(files) / 4 : FILES_OF_STORES;
    int64_t deliveries =
        worker ? config->worker_in_flight * config->worker_threads * FILES_PER_PLACE : 0;
    int64_t most = (files - stores - deliveries) / config->api_threads;

    most = most > 1 ? most : 1;
    settings->api_connections = (int)(most < CONNECTIONS_MAX ? most : CONNECTIONS_MAX);
    if (most < CONNECTIONS_MAX)
        log_warn("connections_bounded",
                 "connections=%lld files=%lld hint=\"raise the limit of open files\"",
                 (long long)most, (long long)files);
}

static bool add_workers(struct parts *parts, const struct settings *settings)
{
    for (int64_t i = 0; i < settings->config.worker_threads; i++) {
        struct worker *worker = worker_create(settings);
        if (worker == NULL)
            return false;
        parts->at[parts->count++] =
            (struct part){worker, run_worker, stop_worker, destroy_worker, 0};
    }
    return true;
}

static void *run_part(void *arg)
{
    struct part *part = arg;
    part->run(part->self);
    crypto_thread_end();
    return NULL;
}

/* A schema that is not this program's is refused before anything is opened; drop-in webhooks are
 * kept by those that serve the API. */
static bool prepare_database(const struct settings *settings, bool api)
{
    struct dbsync *db = dbsync_open(settings->config.database_url, DATABASE_WAIT_MS);
    bool good = db != NULL && schema_check(db) == 0;
    dbsync_close(db);
    return good && (!api || dropins_apply(settings, &settings->dropins));
}

/* Waits for a signal; meanwhile, says what the log has left out. */
static int wait_signal(const sigset_t *signals)
{
    static const struct timespec second = {.tv_sec = 1};
    int signal;

    while ((signal = sigtimedwait(signals, NULL, &second)) < 0)
        log_flush();
    return signal;
}

/* Runs the threads until a signal, then drains; a second signal ends at once. */
static void run(struct parts *parts, const sigset_t *signals)
{
    if (parts->exporter.self != NULL)
        pthread_create(&parts->exporter.thread, NULL, run_part, &parts->exporter);
    for (size_t i = 0; i < parts->count; i++)
        pthread_create(&parts->at[i].thread, NULL, run_part, &parts->at[i]);
    log_info("stopping", "signal=%d", wait_signal(signals));
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    for (size_t i = 0; i < parts->count; i++)
        parts->at[i].stop(parts->at[i].self);
    for (size_t i = 0; i < parts->count; i++)
        pthread_join(parts->at[i].thread, NULL);
    if (parts->exporter.self == NULL)
        return;
    parts->exporter.stop(parts->exporter.self);
    pthread_join(parts->exporter.thread, NULL);
}

static bool read_role(int argc, char **argv, bool *api, bool *worker)
{
    static const struct option options[] = {{"role", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    const char *role = "all";
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'r')
            return false;
        role = optarg;
    }
    *api = strcmp(role, "worker") != 0;
    *worker = strcmp(role, "api") != 0;
    return optind == argc && (!*api || !*worker || strcmp(role, "all") == 0);
}

/* What is as large as this has pages of its own, which the system has back at once. By itself glibc would move the
 * bound up to the largest that was ever freed, and between messages of a megabyte the heap would never shrink. */
static void return_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
    mallopt(M_TRIM_THRESHOLD, SPARE_BYTES);
}

int command_serve(const struct settings *settings, int argc, char **argv)
{
    struct parts parts = {.count = 0};
    struct settings bounded = *settings;
    struct rates *rates = NULL;
    sigset_t signals;
    bool api, worker;

    if (!read_role(argc, argv, &api, &worker)) {
        fprintf(stderr, "usage: posthorn serve [--role api|worker|all]\n");
        return 2;
    }
    if (!prepare_database(settings, api))
        return 1;
    return_memory();
    int64_t files = raise_files();
    if (worker)
        bound_places(&bounded.config, files);
    if (api) {
        bound_connections(&bounded, files, worker);
        rates = rates_create();
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    bool started = add_exporter(&parts, settings) && (!worker || add_workers(&parts, &bounded)) &&
                   (!api || add_servers(&parts, &bounded, rates));
    if (started)
        run(&parts, &signals);
    else if (parts.count > 0)
        _exit(1); /* what listens or claims already has nothing under way */
    for (size_t i = 0; i < parts.count; i++)
        parts.at[i].destroy(parts.at[i].self);
    exporter_destroy(parts.exporter.self);
    rates_destroy(rates);
    crypto_thread_end();
    log_flush();
    log_info("stopped", "threads=%zu", parts.count);
    return started ? 0 : 1;
}
