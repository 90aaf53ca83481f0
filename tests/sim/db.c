/* io/db.h over the model: connections on which statements go and answers come in order, each with its own delays. */
#include "base/buf.h"
#include "base/err.h"
#include "base/metrics.h"
#include "ledger.h"
#include "lines.h"
#include "mutants.h"
#include "store/store.h"
#include "store/work.h"
#include "world.h"

#include <stdlib.h>

#define DBS_MAX         32
#define BACKOFF_MIN_MS  50
#define BACKOFF_MAX_MS  1000
#define LOCK_TIMEOUT_MS 1000
#define LATE_MAX_MS     4000 /* a statement whose client is gone may be run so late */

struct line {
    struct db *db;
    bool ready;
    int64_t backoff_ms;
    int64_t sent_us, answered_us; /* what goes comes in order */
    struct list ops;              /* without an answer */
    struct event *connect;
};

struct db {
    struct db_config config;
    struct proc *proc;
    struct line lines[4];
    struct list waiting, failed;
    int waiting_count;
    int64_t heard_ms;
    bool gone; /* its process is: kept for what is under way */
};

/* A statement: the client's until it has its answer, and the server's until it has happened. */
struct db_op {
    struct list node;
    struct db *db; /* NULL: the client is gone, or has its answer */
    struct line *line;
    const struct db_stmt *stmt;
    struct db_args args;
    struct event *deadline, *run, *answer;
    bool waits; /* for its commit */
    db_cb *cb;
    void *arg;
    struct db_rows *rows;
    int err;
};

static struct db *dbs[DBS_MAX];

void db_lines_begin(void)
{
    memset(dbs, 0, sizeof dbs);
}

/* --- the end of a statement ------------------------------------------------------------------- */

static void free_if_over(struct db_op *op)
{
    if (op->db != NULL || op->run != NULL || op->answer != NULL)
        return;
    rows_destroy(op->rows);
    values_free(&op->args);
    free(op);
}

/* The client has its answer. */
static void leave(struct db_op *op)
{
    list_remove(&op->node);
    sim_forget(op->deadline);
    sim_forget(op->answer);
    op->deadline = op->answer = NULL;
    op->db = NULL;
    op->line = NULL;
}

static void tell(struct db_op *op, int err)
{
    db_cb *cb = op->cb;
    void *arg = op->arg;
    struct db_rows *rows = err == 0 ? op->rows : NULL;

    if (err < 0)
        TRACE("  %s: %s", op->stmt->name, err_name(err));
    if (err == 0)
        op->db->heard_ms = sim.now_us / 1000;
    leave(op);
    if (cb != NULL)
        cb(arg, err, rows);
    free_if_over(op);
}

static void on_failed(void *arg)
{
    struct db_op *op = arg;
    op->answer = NULL;
    tell(op, op->err);
}

/* In a later turn. */
static void fail(struct db_op *op, int err)
{
    struct db *db = op->db;

    list_remove(&op->node);
    list_push(&db->failed, &op->node);
    sim_forget(op->deadline);
    sim_forget(op->answer);
    op->deadline = NULL;
    op->line = NULL;
    op->err = err;
    op->answer = sim_in(1, db->proc, on_failed, op);
}

/* --- connections ------------------------------------------------------------------------------ */

static void kick(struct db *db);

static void on_connect(void *arg)
{
    struct line *line = arg;

    line->connect = NULL;
    if (postgres.down || postgres.frozen_until_us > sim.now_us) {
        line->backoff_ms =
            2 * line->backoff_ms < BACKOFF_MAX_MS ? 2 * line->backoff_ms : BACKOFF_MAX_MS;
        line->connect = sim_in(MS(line->backoff_ms), line->db->proc, on_connect, line);
        return;
    }
    line->ready = true;
    line->backoff_ms = BACKOFF_MIN_MS;
    line->sent_us = line->answered_us = 0;
    kick(line->db);
    if (line->db->config.on_ready != NULL && !is_mutant(MUTANT_CRASH_UNTOLD))
        line->db->config.on_ready(line->db->config.arg);
}

static void connect_line(struct line *line)
{
    if (line->connect == NULL)
        line->connect =
            sim_in(MS(line->backoff_ms) + sim_delay(), line->db->proc, on_connect, line);
}

/* What was sent may happen later, unless the server is gone. */
static void break_line(struct line *line, int err, bool server_gone)
{
    line->ready = false;
    LIST_FOREACH_SAFE(node, &line->ops)
    {
        struct db_op *op = CONTAINER_OF(node, struct db_op, node);
        if (op->run != NULL && (server_gone || sim_one_in(2))) {
            sim_forget(op->run);
            op->run = NULL;
        }
        fail(op, err);
    }
    connect_line(line);
}

void db_cut(const struct proc *proc, bool server_gone)
{
    for (int i = 0; i < DBS_MAX; i++) {
        struct db *db = dbs[i];
        if (db == NULL || (proc != NULL && db->proc != proc))
            continue;
        for (int k = 0; k < db->config.connections; k++)
            if (db->lines[k].ready)
                break_line(&db->lines[k], ERR_UNAVAILABLE, server_gone);
    }
}

/* --- on its way ------------------------------------------------------------------------------- */

static void on_answer(void *arg)
{
    struct db_op *op = arg;
    op->answer = NULL;
    tell(op, op->err);
}

/* It writes what another session has locked. */
static bool is_locked(const struct db_op *op, const struct values *values)
{
    bool writes = op->stmt == &stmt_work_claim || op->stmt == &stmt_work_claim_plain ||
                  op->stmt == &stmt_work_finish || op->stmt == &stmt_work_finish_plain ||
                  op->stmt == &stmt_work_release;
    return postgres.locked != 0 && writes && (value_deliveries(values, 1) & postgres.locked) != 0;
}

static void on_run(void *arg)
{
    struct db_op *op = arg;
    struct values values;
    int64_t extra_us = 0;

    op->run = NULL;
    if (postgres.frozen_until_us > sim.now_us) {
        op->run = sim_plan(postgres.frozen_until_us + 1, NULL, EVENT_IO, on_run, op);
        return;
    }
    if (postgres.down) {
        free_if_over(op);
        return;
    }
    if (trace_more)
        TRACE("  %s of %s is run", op->stmt->name, op->db != NULL ? op->db->proc->name : "nobody");
    values_read(&values, &op->args);
    int err = ERR_LOCKED;
    if (is_locked(op, &values))
        extra_us = MS(LOCK_TIMEOUT_MS);
    else
        op->rows = ledger_run(op->stmt, &values, op->waits, &err);
    if (op->db == NULL || op->line == NULL) {
        TRACE("  %s is run though nobody waits for it", op->stmt->name);
        free_if_over(op);
        return;
    }
    if (err == 0 && (op->stmt == &stmt_work_finish || op->stmt == &stmt_work_finish_plain))
        world_recorded(op->db->proc);
    struct line *line = op->line;
    op->err = err;
    int64_t at_us = sim.now_us + sim_delay() + extra_us;
    line->answered_us = at_us > line->answered_us ? at_us : line->answered_us;
    op->answer = sim_plan(line->answered_us, op->db->proc, EVENT_IO, on_answer, op);
}

static void send_op(struct line *line, struct db_op *op)
{
    int64_t at_us = sim.now_us + sim_delay();

    list_remove(&op->node);
    list_push(&line->ops, &op->node);
    op->line = line;
    line->sent_us = at_us > line->sent_us ? at_us : line->sent_us;
    op->run = sim_plan(line->sent_us, NULL, EVENT_IO, on_run, op);
}

static size_t load_of(const struct line *line)
{
    size_t count = 0;
    LIST_FOREACH(node, &line->ops)
    {
        count++;
    }
    return count;
}

static void kick(struct db *db)
{
    struct line *best = NULL;
    size_t least = SIZE_MAX;

    while (!list_empty(&db->waiting)) {
        least = SIZE_MAX;
        for (int i = 0; i < db->config.connections; i++) {
            size_t load = db->lines[i].ready ? load_of(&db->lines[i]) : SIZE_MAX;
            if (load < least) {
                best = &db->lines[i];
                least = load;
            }
        }
        if (least == SIZE_MAX)
            return;
        struct db_op *op = CONTAINER_OF(db->waiting.next, struct db_op, node);
        db->waiting_count--;
        send_op(best, op);
    }
}

static void on_late(void *arg)
{
    struct db_op *op = arg;

    op->deadline = NULL;
    if (op->line != NULL) {
        break_line(op->line, ERR_TIMEOUT, false);
        return;
    }
    op->db->waiting_count--;
    fail(op, ERR_UNAVAILABLE);
}

/* --- the contract ----------------------------------------------------------------------------- */

struct db *db_create(struct loop *loop, const struct db_config *config)
{
    struct db *db = xcalloc(1, sizeof *db);

    (void)loop;
    assert(config->connections <= 4);
    db->config = *config;
    db->proc = sim.current;
    list_init(&db->waiting);
    list_init(&db->failed);
    for (int i = 0; i < config->connections; i++) {
        db->lines[i] = (struct line){.db = db, .backoff_ms = 1};
        list_init(&db->lines[i].ops);
        connect_line(&db->lines[i]);
    }
    for (int i = 0; i < DBS_MAX; i++) {
        if (dbs[i] != NULL)
            continue;
        dbs[i] = db;
        return db;
    }
    abort();
}

static void forget_ops(struct list *ops)
{
    while (!list_empty(ops)) {
        struct db_op *op = CONTAINER_OF(ops->next, struct db_op, node);
        leave(op);
        free_if_over(op);
    }
}

void db_destroy(struct db *db)
{
    if (db == NULL)
        return;
    for (int i = 0; i < DBS_MAX; i++)
        if (dbs[i] == db)
            dbs[i] = NULL;
    for (int i = 0; i < db->config.connections; i++) {
        sim_forget(db->lines[i].connect);
        forget_ops(&db->lines[i].ops);
    }
    forget_ops(&db->waiting);
    forget_ops(&db->failed);
    free(db);
}

bool db_ready(const struct db *db)
{
    for (int i = 0; i < db->config.connections; i++)
        if (db->lines[i].ready)
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
    struct db_op *op = xcalloc(1, sizeof *op);

    *op = (struct db_op){.db = db, .stmt = stmt, .args = args, .cb = cb, .arg = arg};
    op->waits = db->config.session != store_worker_session && !is_mutant(MUTANT_ACCEPT_ASYNC);
    list_init(&op->node);
    list_push(&db->waiting, &op->node);
    if (db->proc->broken_off)
        return op;
    op->deadline = sim_plan(sim.now_us + MS(deadline_ms), db->proc, EVENT_TIMEOUT, on_late, op);
    if (db->waiting_count >= db->config.queue_max) {
        fail(op, ERR_BUSY);
        return op;
    }
    db->waiting_count++;
    kick(db);
    return op;
}

void db_cancel(struct db_op *op)
{
    if (op != NULL)
        op->cb = NULL;
}
