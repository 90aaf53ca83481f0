/* The pool: who runs where, who has waited too long. */
#include "io/db_internal.h"

#include "base/clock.h"
#include "base/err.h"

#include <stdlib.h>

#define PIPELINE_DEPTH 16 /* statements sent on a connection and not answered */
#define TICK_MS        20 /* how late a deadline may be noticed */

static void on_tick(void *arg);

struct db *db_create(struct loop *loop, const struct db_config *config)
{
    assert(config->connections > 0);
    struct db *db =
        xcalloc(1, sizeof *db + (size_t)config->connections * sizeof(struct connection));
    db->loop = loop;
    db->config = *config;
    db->tick = timeout_create(loop, on_tick, db);
    list_init(&db->waiting);
    list_init(&db->refused);
    for (int i = 0; i < config->connections; i++)
        connection_init(&db->connections[i], db);
    return db;
}

static void finish_all(struct list *ops)
{
    while (!list_empty(ops))
        db_op_finish(CONTAINER_OF(ops->next, struct db_op, node), ERR_UNAVAILABLE, NULL);
}

void db_destroy(struct db *db)
{
    if (db == NULL)
        return;
    db->closing = true;
    finish_all(&db->waiting);
    finish_all(&db->refused);
    for (int i = 0; i < db->config.connections; i++)
        connection_fini(&db->connections[i]);
    timeout_destroy(db->tick);
    free(db);
}

bool db_ready(const struct db *db)
{
    for (int i = 0; i < db->config.connections; i++)
        if (db->connections[i].state == CONNECTION_READY)
            return true;
    return false;
}

void db_op_finish(struct db_op *op, int err, const struct db_rows *rows)
{
    list_remove(&op->node);
    if (op->cb != NULL)
        op->cb(op->arg, err, rows);
    db_args_fini(&op->args);
    free(op);
}

static struct connection *least_busy(struct db *db)
{
    struct connection *best = NULL;
    for (int i = 0; i < db->config.connections; i++) {
        struct connection *c = &db->connections[i];
        if (c->state == CONNECTION_READY && !c->broken && c->sent_count < PIPELINE_DEPTH &&
            (best == NULL || c->sent_count < best->sent_count))
            best = c;
    }
    return best;
}

void db_kick(struct db *db)
{
    while (!list_empty(&db->waiting)) {
        struct connection *c = least_busy(db);
        if (c == NULL)
            return;
        struct list *node = list_pop(&db->waiting);
        db->waiting_count--;
        connection_send(c, CONTAINER_OF(node, struct db_op, node));
    }
}

void db_tick_soon(struct db *db)
{
    timeout_set(db->tick, 0);
}

struct db_op *db_exec(struct db *db, const struct db_stmt *stmt, struct db_args args,
                      int64_t deadline_ms, db_cb *cb, void *arg)
{
    struct db_op *op = xcalloc(1, sizeof *op);

    assert(args.count == stmt->params && !db->closing);
    op->stmt = stmt;
    op->args = args;
    op->started = clock_mono_ms();
    op->deadline = op->started + deadline_ms;
    op->cb = cb;
    op->arg = arg;
    if (db->waiting_count >= db->config.queue_max) {
        op->err = ERR_BUSY;
        list_push(&db->refused, &op->node);
        db_tick_soon(db);
        return op;
    }
    list_push(&db->waiting, &op->node);
    db->waiting_count++;
    db_kick(db);
    if (!timeout_is_set(db->tick))
        timeout_set(db->tick, TICK_MS);
    return op;
}

void db_cancel(struct db_op *op)
{
    if (op != NULL)
        op->cb = NULL;
}

/* Takes those out of `ops` that have waited too long; they finish after the walk, because a
 * callback may start others. */
static void collect_late(struct db *db, struct list *late, int64_t now)
{
    bool ready = db_ready(db);
    LIST_FOREACH_SAFE(node, &db->waiting)
    {
        struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        if (now >= op->deadline)
            op->err = ERR_TIMEOUT;
        else if (!ready && (db->lost || now >= op->started + db->config.patience_ms))
            op->err = ERR_UNAVAILABLE;
        else
            continue;
        list_remove(node);
        list_push(late, node);
        db->waiting_count--;
    }
}

/* A connection that does not answer in time is of no use to those behind either. */
static bool is_stuck(const struct connection *c, int64_t now)
{
    LIST_FOREACH(node, &c->sent)
    {
        if (now >= CONTAINER_OF(node, struct db_op, node)->deadline)
            return true;
    }
    return false;
}

static void on_tick(void *arg)
{
    struct db *db = arg;
    int64_t now = clock_mono_ms();
    struct list late;
    bool busy = false;

    list_init(&late);
    list_move_all(&late, &db->refused);
    collect_late(db, &late, now);
    while (!list_empty(&late)) {
        struct db_op *op = CONTAINER_OF(late.next, struct db_op, node);
        db_op_finish(op, op->err, NULL);
    }
    for (int i = 0; i < db->config.connections; i++) {
        struct connection *c = &db->connections[i];
        if (c->broken)
            connection_fail(c, ERR_UNAVAILABLE);
        else if (is_stuck(c, now))
            connection_fail(c, ERR_TIMEOUT);
        busy = busy || !list_empty(&c->sent);
    }
    if (busy || !list_empty(&db->waiting) || !list_empty(&db->refused))
        if (!timeout_is_set(db->tick))
            timeout_set(db->tick, TICK_MS);
}
