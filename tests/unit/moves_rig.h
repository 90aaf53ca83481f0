/* What the test of the moves stands on: a PostgreSQL of its own with one webhook and one delivery in it,
 * set as a scene says, and the statement that meets them, waited for. */
#ifndef TESTS_MOVES_RIG_H
#define TESTS_MOVES_RIG_H

#include "unit.h"

#include "core/delivery.h"
#include "core/webhook.h"
#include "io/db.h"

#define TOKEN 77
#define OTHER 78
#define OWNER 5
#define KEY   STR_LIT("key")

typedef bool read_answer(const struct db_rows *rows);

struct moves_rig {
    struct loop *loop;
    struct db *db;
    struct id app, webhook, delivery; /* of the scene */

    /* The statement that runs. */
    const char *running;
    read_answer *reader; /* NULL: it moved what it has rows of */
    struct {
        bool done;
        int err, rows;
        bool says; /* what the reader makes of the rows */
    } answer;
};

extern struct moves_rig rig;

/* For the group: the server, with every statement of the program. */
int rig_begin(void **state);
int rig_end(void **state);

/* The webhook and the delivery that a statement meets. */
struct scene {
    enum webhook_status status;
    bool deleted;
    bool test;
    bool leased;     /* by OWNER with TOKEN, for a while yet */
    bool claim_lost; /* it was, but PostgreSQL lost the claim in a crash */
    bool expired, replaced;
};

void set_scene(const struct scene *scene, enum delivery_state state);

/* Beside the statements: what is there before, and what is there after. */
void run_sql(const char *format, ...) PRINTF_LIKE(1, 2);
int64_t number_of(const char *sql);

db_cb rig_on_done;

/* Waits for it: true if the statement says that it moved the delivery. */
bool finished(struct db_op *op);

#endif
