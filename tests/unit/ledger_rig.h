/* What tests of statements stand on: a PostgreSQL of their own with the ledger in it, a pool that has every
 * statement of the program, and one statement at a time, waited for. */
#ifndef TESTS_LEDGER_RIG_H
#define TESTS_LEDGER_RIG_H

#include "unit.h"
#include "wait.h"

#include "base/id.h"
#include "core/delivery.h"
#include "core/webhook.h"
#include "io/db.h"
#include "store/audit.h"

#define TOKEN 77
#define OTHER 78
#define OWNER 5

struct ledger_rig {
    struct loop *loop;
    struct db *db;
    const char *url;
    struct id app, webhook, delivery; /* of the scene */

    /* The statement that runs. */
    const char *running;                        /* its name, for when it fails; may be NULL */
    bool (*reader)(const struct db_rows *rows); /* asked if there are rows; may be NULL */
    bool done;
    int err, rows;
    bool says; /* what the reader makes of the rows */
};

extern struct ledger_rig rig;

/* Whose deed everything is. */
extern const struct deed rig_deed;

/* For the group: the server and the pool. */
int rig_begin(void **state);
int rig_end(void **state);

/* An active webhook and a delivery that is due, with the event of the same id, and nothing besides. */
void rig_scene(void);

/* The webhook and the delivery that a statement meets, with the coalesce_key KEY. */
struct scene {
    enum webhook_status status;
    bool deleted;
    bool test;
    bool leased;     /* by OWNER with TOKEN, for a while yet */
    bool claim_lost; /* it was, but PostgreSQL lost the claim in a crash */
    bool expired, replaced;
    bool erased; /* while it was in flight, or had ended */
};

/* Of a webhook that is listened to. */
#define LISTEN(...)                              \
    {                                            \
        .status = WEBHOOK_LISTENING, __VA_ARGS__ \
    }

#define KEY STR_LIT("key")
void set_scene(const struct scene *scene, enum delivery_state state);

/* Beside the statements: what is there before, and what is there after. The last two are of the one value
 * of a query. */
void run_sql(const char *format, ...) PRINTF_LIKE(1, 2);
int64_t number_of(const char *sql);
void is(const char *sql, const char *want);

/* An id as SQL takes it. Returns `out`. */
#define HEX_SIZE 33
const char *hex(char out[HEX_SIZE], struct id id);

/* What a statement is started with; arg: NULL. */
db_cb rig_on_done;

/* Waits for it: how many rows it answers. One that fails, fails the test. */
int rows_of(struct db_op *op);

/* The same: true if the statement says that it moved something, which is for the reader to find or, without one, that
 * there are rows. */
bool finished(struct db_op *op);

#endif
