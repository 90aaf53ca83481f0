/* The pool: who runs where, who has waited too long. Every callback of an operation that has no answer
 * comes from the tick. */
#include "io/db_internal.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

#include <stdlib.h>

#define PIPELINE_DEPTH 16 /* statements sent on a connection and not answered */
#define TICK_MS        20 /* how late a deadline may be noticed */
#define LONG_MS        10 /* what runs for so long may go on for longer than many others take */
#define LONG_COUNTS    8  /* it is in the way of what is sent behind it as so many others */
#define BYTES_COUNT    (64 << 10) /* and so many bytes as one more */
#define LISTEN_MS      5000
#define UNWANTED_MS \
    200          /* so long a statement that nobody waits for may go on, of db_config.one_by_one */
#define LONGER 4 /* times its deadline, at most, is a statement waited for while bytes move */

struct db {
    struct loop *loop;
    struct db_config config;
    struct db_servers *servers;
    struct dns *dns; /* for their names; NULL: they have none */
    struct list waiting;
    int waiting_count;
    struct list ended, telling; /* without an answer; those whose turn it is to be told */
    struct timeout *tick;       /* deadlines; set while there is anything under way */
    struct db_link *listener;   /* the one that runs, or has run, `listens`; NULL: none is ready */
    int unheard;                /* of those, without an answer */
    int64_t heard_ms;           /* of the last answer that was no error */
    bool lost;                  /* `once`, and it is over */
    bool closing;
    struct db_link links[];
};

/* --- operations ------------------------------------------------------------------------------- */

static void op_free(struct db_op *op)
{
    db_args_fini(&op->args);
    free(op);
}

/* The last thing done to it; the pool may be gone afterwards. */
static void finish(struct db_op *op, int err, const struct db_rows *rows)
{
    list_remove(&op->node);
    if (op->cb != NULL)
        op->cb(op->arg, err, rows);
    op_free(op);
}

static struct db_op *op_create(const struct db_stmt *stmt, struct db_args args, int64_t deadline_ms,
                               db_cb *cb, void *arg)
{
    struct db_op *op = xcalloc(1, sizeof *op);

    assert(args.count == stmt->params);
    list_init(&op->node);
    op->stmt = stmt;
    op->args = args;
    op->started = clock_mono_ms();
    op->deadline = op->started + deadline_ms;
    op->cb = cb;
    op->arg = arg;
    return op;
}

static void count_waiting(struct db *db, int n)
{
    db->waiting_count += n;
    metric_add(METRIC_WAITING_STATEMENTS, n);
}

static void forget_all(struct list *ops)
{
    struct list *node;
    while ((node = list_pop(ops)) != NULL)
        op_free(CONTAINER_OF(node, struct db_op, node));
}

static void tick_soon(struct db *db)
{
    timeout_set(db->tick, 0);
}

static void tick_later(struct db *db)
{
    if (!timeout_is_set(db->tick))
        timeout_set(db->tick, TICK_MS);
}

static void end(struct db *db, struct db_op *op, int err)
{
    op->err = err;
    list_remove(&op->node);
    list_push(&db->ended, &op->node);
    tick_soon(db);
}

static void end_cancelled(struct db *db)
{
    LIST_FOREACH_SAFE(node, &db->waiting)
    {
        struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        if (op->cb != NULL)
            continue;
        count_waiting(db, -1);
        end(db, op, ERR_UNAVAILABLE);
    }
}

/* What ends meanwhile waits for its own turn, or a caller that always fails would keep the loop. */
static void tell_ended(struct db *db)
{
    struct list *node;

    list_move_all(&db->telling, &db->ended);
    while ((node = list_pop(&db->telling)) != NULL) {
        struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        finish(op, op->err, NULL);
    }
}

/* --- where they run --------------------------------------------------------------------------- */

static bool is_usable(const struct db_link *link)
{
    return link->state == DB_LINK_READY && !link->broken;
}

static int depth(const struct db *db)
{
    return db->config.one_by_one ? 1 : PIPELINE_DEPTH;
}

/* Whether its first statement has been silent for a while. */
static bool is_long(const struct db_link *link, int64_t now)
{
    if (list_empty(&link->sent))
        return false;
    const struct db_op *first = CONTAINER_OF(link->sent.next, struct db_op, node);
    return now - first->sent > LONG_MS && now - link->moved_ms > LONG_MS;
}

static int burden(const struct db_link *link, int64_t now)
{
    return link->sent_count + (int)(link->sent_bytes / BYTES_COUNT) +
           (is_long(link, now) ? LONG_COUNTS : 0);
}

/* Of equals the one that listens: that statements are answered shows that it can still hear. */
static struct db_link *least_busy(struct db *db)
{
    struct db_link *best = NULL;
    int64_t now = clock_mono_ms();
    int least = 0;

    for (int i = 0; i < db->config.connections; i++) {
        struct db_link *link = &db->links[i];
        if (!is_usable(link) || link->sent_count >= depth(db))
            continue;
        int own = burden(link, now);
        if (best != NULL && (own > least || (own == least && link != db->listener)))
            continue;
        best = link;
        least = own;
    }
    return best;
}

static void kick(struct db *db)
{
    while (!list_empty(&db->waiting)) {
        struct db_link *link = least_busy(db);
        if (link == NULL)
            return;
        struct db_op *op = CONTAINER_OF(db->waiting.next, struct db_op, node);
        list_remove(&op->node);
        count_waiting(db, -1);
        if (op->cb != NULL)
            db_link_send(link, op);
        else
            end(db, op, ERR_UNAVAILABLE);
    }
}

/* --- listening -------------------------------------------------------------------------------- */

static void on_listen(void *arg, int err, const struct db_rows *rows)
{
    struct db *db = arg;
    (void)rows;

    if (err < 0) {
        db->listener->broken = true;
        tick_soon(db);
    } else if (--db->unheard == 0) {
        log_debug("db_listening", "connection=%u", db->listener->number);
        if (db->config.on_listening != NULL)
            db->config.on_listening(db->config.arg);
    }
}

static struct db_link *first_usable(struct db *db)
{
    for (int i = 0; i < db->config.connections; i++)
        if (is_usable(&db->links[i]))
            return &db->links[i];
    return NULL;
}

static void listen_somewhere(struct db *db)
{
    const struct db_stmt *const *stmt = db->config.listens;

    if (stmt == NULL || db->listener != NULL || (db->listener = first_usable(db)) == NULL)
        return;
    db->unheard = 0;
    for (; *stmt != NULL; stmt++, db->unheard++) {
        struct db_args none;
        db_args_init(&none);
        db_link_send(db->listener, op_create(*stmt, none, LISTEN_MS, on_listen, db));
    }
    tick_later(db);
}

/* --- what links tell -------------------------------------------------------------------------- */

static void on_ready(void *arg, struct db_link *link)
{
    struct db *db = arg;
    (void)link;
    listen_somewhere(db);
    if (db->config.on_ready != NULL)
        db->config.on_ready(db->config.arg);
}

static void on_answer(void *arg, struct db_op *op, int err, const struct db_rows *rows)
{
    struct db *db = arg;
    const char *name = op->stmt->name;

    if (err == 0)
        db->heard_ms = clock_mono_ms();
    if (CRASH_POINT_FAILS(name, "answered"))
        finish(op, ERR_UNAVAILABLE, NULL); /* though it may have been done */
    else
        finish(op, err, rows);
    CRASH_POINT(name, "handled");
}

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct db *db = arg;
    if (db->config.on_notify != NULL)
        db->config.on_notify(db->config.arg, channel, payload);
}

static void on_read(void *arg)
{
    kick(arg);
}

static void on_broken(void *arg)
{
    tick_soon(arg);
}

static void on_lost(void *arg, struct db_link *link, struct list *ops, int err)
{
    struct db *db = arg;

    if (link == db->listener)
        db->listener = NULL;
    db->lost = db->config.once;
    LIST_FOREACH_SAFE(node, ops)
    {
        struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        if (op->cb == on_listen)
            db_cancel(op);
        end(db, op, err);
    }
    tick_soon(db); /* others may run what waits, and listen; or nobody will */
}

static const struct db_link_hooks hooks = {on_ready, on_answer, on_notify,
                                           on_read,  on_broken, on_lost};

/* --- deadlines -------------------------------------------------------------------------------- */

static void end_late(struct db *db, int64_t now)
{
    bool ready = db_ready(db);
    LIST_FOREACH_SAFE(node, &db->waiting)
    {
        struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        bool late = now >= op->deadline;
        if (!late && (ready || (!db->lost && now < op->started + db->config.patience_ms)))
            continue;
        count_waiting(db, -1);
        end(db, op, late ? ERR_TIMEOUT : ERR_UNAVAILABLE);
    }
}

/* A connection that does not answer in time is of no use to those behind either. One on which something
 * moved a short while ago, by a statement's own measure, is only slow. */
static bool is_stuck(const struct db_link *link, int64_t now)
{
    LIST_FOREACH(node, &link->sent)
    {
        const struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        int64_t span = op->deadline - op->started;
        bool moving = now - link->moved_ms < span / LONGER;
        if (now >= op->started + (moving ? LONGER * span : span))
            return true;
    }
    return false;
}

static bool is_unwanted(const struct db *db, const struct db_link *link, int64_t now)
{
    if (!db->config.one_by_one || list_empty(&link->sent))
        return false;
    const struct db_op *op = CONTAINER_OF(link->sent.next, struct db_op, node);
    return op->cb == NULL && now - op->sent >= UNWANTED_MS;
}

static void give_up_links(struct db *db, int64_t now)
{
    for (int i = 0; i < db->config.connections; i++) {
        struct db_link *link = &db->links[i];
        if (link->broken)
            db_link_fail(link, ERR_UNAVAILABLE);
        else if (is_stuck(link, now))
            db_link_fail(link, ERR_TIMEOUT);
        else if (is_unwanted(db, link, now))
            db_link_drop(link, ERR_UNAVAILABLE);
    }
}

static bool anything_under_way(const struct db *db)
{
    for (int i = 0; i < db->config.connections; i++)
        if (!list_empty(&db->links[i].sent))
            return true;
    return !list_empty(&db->waiting);
}

static void on_tick(void *arg)
{
    struct db *db = arg;
    int64_t now = clock_mono_ms();

    end_late(db, now);
    give_up_links(db, now);
    listen_somewhere(db);
    kick(db);
    if (anything_under_way(db))
        tick_later(db);
    tell_ended(db);
}

/* --- the contract ----------------------------------------------------------------------------- */

struct db *db_create(struct loop *loop, const struct db_config *config)
{
    assert(config->connections > 0);
    struct db *db = xcalloc(1, sizeof *db + (size_t)config->connections * sizeof(struct db_link));
    db->loop = loop;
    db->config = *config;
    db->servers = db_servers_create(config->url);
    if (db_lookup_needed(db->servers))
        db->dns = dns_create(loop, &DNS_FOR_OURS);
    db->tick = timeout_create(loop, on_tick, db);
    list_init(&db->waiting);
    list_init(&db->ended);
    list_init(&db->telling);
    for (int i = 0; i < config->connections; i++)
        db_link_init(&db->links[i], loop, &db->config, db->servers, db->dns, &hooks, db);
    metric_add(METRIC_DATABASE_WANTED, config->connections);
    return db;
}

void db_destroy(struct db *db)
{
    if (db == NULL)
        return;
    assert(!db->closing);
    db->closing = true;
    for (int i = 0; i < db->config.connections; i++) {
        db_link_fini(&db->links[i]);
        forget_all(&db->links[i].sent);
    }
    metric_add(METRIC_DATABASE_WANTED, -db->config.connections);
    count_waiting(db, -db->waiting_count);
    forget_all(&db->waiting);
    forget_all(&db->ended);
    forget_all(&db->telling);
    timeout_destroy(db->tick);
    dns_destroy(db->dns);
    db_servers_destroy(db->servers);
    loop_free(db->loop, db);
}

bool db_ready(const struct db *db)
{
    for (int i = 0; i < db->config.connections; i++)
        if (db->links[i].state == DB_LINK_READY)
            return true;
    return false;
}

int64_t db_heard_ms(const struct db *db)
{
    return db->heard_ms;
}

struct db_op *db_exec(struct db *db, const struct db_stmt *stmt, struct db_args args,
                      int64_t deadline_ms, db_cb *cb, void *arg)
{
    struct db_op *op = op_create(stmt, args, deadline_ms, cb, arg);

    assert(!db->closing);
    if (db->waiting_count >= db->config.queue_max)
        end_cancelled(db);
    if (db->waiting_count >= db->config.queue_max) {
        metric_add(METRIC_STATEMENTS_MET, 1);
        end(db, op, ERR_BUSY);
        return op;
    }
    list_push(&db->waiting, &op->node);
    count_waiting(db, 1);
    kick(db);
    tick_later(db);
    return op;
}

void db_cancel(struct db_op *op)
{
    if (op != NULL)
        op->cb = NULL;
}
