/* A model of PostgreSQL with what the program keeps in it: rows as C structs, one function for each statement that runs
 * need (stmt_*.c), named as the statement in src/store/. A statement is a transaction of its own and happens at one
 * moment; what asynchronous commits did is on disk some time later, and a crash undoes what is not. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "sim.h"

#include "io/db.h"

#include <math.h>
#include <stdio.h>

#define DELIVERIES_MAX 64 /* a set of them is the bits of a number */
#define EVENTS_MAX     48
#define WEBHOOKS_MAX   4
#define LEASE_ROWS_MAX 256
#define ATTEMPTS_MAX   512

/* Times are microseconds of PostgreSQL's clock since EPOCH_MS; 0 where SQL has null, which no time of a run is. */
struct row_delivery {
    struct id id, event, app;
    int webhook; /* index */
    int state, attempts, step, waits, crashes, last_error;
    int64_t next_us, completed_us, waiting_us;
    int64_t lease_us, token, owner; /* each may be 0 by itself */
    bool sent;                      /* sent_token is set */
    int64_t sent_token;
};

struct row_webhook {
    struct id id, app;
    int status, disabled_reason, concurrency, rate_limit;
    int64_t updated_us, rate_us;
    int64_t gate_until_us, gate_cut_us, failing_us, gate_at_us;
    int64_t gate_limit;
    int gate_failures, gate_streak, gate_openings, gate_error;

    /* Its settling job; `job`: there is one that has not ended. */
    bool job;
    struct id job_id;
    int64_t step_us, stepped_us;
    int failures, stalls;
    int64_t found, done;
};

struct row_lease {
    int64_t owner, token, at_us;
    uint64_t deliveries;
};

struct row_attempt {
    int delivery, number, error;
    int64_t token, started_ms;
};

struct row_event {
    struct id id, app, key, hash;
    bool keyed;
    int deliveries;
};

struct ledger {
    int delivery_count, webhook_count, lease_count, attempt_count, event_count;
    int keys_from; /* the first event whose key is not forgotten */
    struct row_webhook webhooks[WEBHOOKS_MAX];
    struct row_delivery deliveries[DELIVERIES_MAX];
    struct row_lease leases[LEASE_ROWS_MAX];
    struct row_attempt attempts[ATTEMPTS_MAX];
    struct row_event events[EVENTS_MAX];
};

extern struct ledger ledger;

/* The server. */
struct postgres {
    bool down;
    int64_t frozen_until_us; /* the world's time */
    int64_t clock_us;        /* how far its clock is from the world's */
    int64_t started_us;      /* its clock, when it was started last */
    int64_t lag_us;          /* how long commits take to disk at most; 0: as usual */
    uint64_t locked;         /* deliveries that another session holds locks of */
    bool dirty;
};
extern struct postgres postgres;

/* As ms_of() of the schema has it, which reckons with doubles. */
static inline int64_t round_ms(int64_t us)
{
    return lrint((double)(EPOCH_MS * 1000 + us) / 1e6 * 1000) - EPOCH_MS;
}

void ledger_begin(void);
int64_t ledger_now_us(void);

/* All commits until now are on disk. */
void ledger_flush(void);

/* What is not on disk is gone. */
void ledger_crash(void);

int find_delivery(struct id id); /* -1: there is none */
int find_webhook(struct id id);
bool is_leased(const struct row_delivery *d);
void set_status(int webhook, int status, int reason);
bool attempt_is_recorded(int delivery, int64_t token);
void note_attempt(int delivery, int64_t token, int number, int error, int64_t started_ms);

/* --- a statement ------------------------------------------------------------------------------ */

/* Its parameters. */
struct values {
    const char *at[DB_PARAMS_MAX];
    int length[DB_PARAMS_MAX];
};

void values_read(struct values *values, const struct db_args *args); /* borrowed */
void values_free(struct db_args *args);
int64_t value_i64(const struct values *values, int parameter); /* counted from 1, as in SQL */
bool value_bool(const struct values *values, int parameter);
struct id value_id(const struct values *values, int parameter);
struct db_array value_array(const struct values *values, int parameter);
bool next_i64(struct db_array *array, int64_t *out); /* NULL: 0 */
bool next_id(struct db_array *array, struct id *out);
uint64_t value_deliveries(const struct values *values, int parameter); /* of an array of ids */

/* Its answer, row after row, column after column. */
struct db_rows;
struct db_rows *rows_create(int columns);
void rows_destroy(struct db_rows *rows); /* NULL is fine */
void put_null(struct db_rows *rows);
void put_nulls(struct db_rows *rows, int count);
void put_i64(struct db_rows *rows, int64_t value);
void put_bool(struct db_rows *rows, bool value);
void put_id(struct db_rows *rows, struct id value);
void put_str(struct db_rows *rows, struct str value); /* borrowed: it stays as long as the world */
void put_ms(struct db_rows *rows, int64_t us);        /* as ms_of() has it; 0: null */

/* Each row in a line: cells n (null), i and a number, u or s and bytes in hex. */
void rows_write(const struct db_rows *rows, FILE *to);

/* What queue_entry_read() reads. */
void put_entry(struct db_rows *rows, const struct row_delivery *d);

/* Runs it: rows, or NULL and an error. `waits`: its commit is waited for on disk. */
struct db_rows *ledger_run(const struct db_stmt *stmt, const struct values *values, bool waits,
                           int *err);

/* The names of those that are known. */
void ledger_write_known(FILE *to);

/* One for each statement that is known; NULL and `*err` if it fails. */
typedef struct db_rows *stmt_fn(const struct values *values, int *err);
stmt_fn model_event_accept_plain, model_event_accept_unkeyed, model_work_claim,
    model_work_claim_plain, model_work_claim_due, model_work_waiting, model_work_release,
    model_work_finish, model_work_finish_plain, model_work_locked, model_work_leases,
    model_work_take_back, model_work_lease_end, model_work_overdue, model_work_upcoming,
    model_gate_update, model_gate_list, model_gate_get, model_gate_put, model_job_next,
    model_job_step_settle, model_job_put_off;

/* Of a claim (stmt_claim.c): the row that claims_read() reads, and what leasing does to a delivery. */
void claim_one(struct row_delivery *d, int64_t token, int64_t owner, bool *takes_over);
void put_claim(struct db_rows *rows, const struct row_delivery *d, bool takes_over);
void note_claim(int64_t owner, int64_t token, uint64_t claimed);

#endif
