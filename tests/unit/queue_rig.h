/* What the tests of the queue stand on: a Redis of their own, queues on one loop, and the last answers.
 * Every claim is held to one rule more: where nothing can be had, next_ms never says so twice by 0. */
#ifndef TESTS_QUEUE_RIG_H
#define TESTS_QUEUE_RIG_H

#include "unit.h"

#include "redis_server.h"
#include "store/queue.h"

#define RIG_GATES_MAX 500

struct queue_rig {
    struct redis_server server;
    struct loop *loop;
    struct queue *queue;   /* what follows claims from it, unless it names another */
    int ups, downs, wakes; /* of all queues */

    struct {
        int calls, err;
        struct queue_ref refs[QUEUE_CLAIM_MAX];
        size_t count;
        struct queue_ref ahead[QUEUE_CLAIM_MAX];
        size_t ahead_count;
        int64_t next_ms;
        bool crowded;
    } claimed;

    struct {
        int calls, err, rebuilds;
        struct queue_gate gates[RIG_GATES_MAX];
        size_t gate_count;
    } swept;
};

extern struct queue_rig rig;

/* For the group: the server. */
int rig_begin(void **state);
int rig_end(void **state);

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

/* Tells an empty Redis that there are no gates: claims find something only then. */
void rig_fill(void);

/* For each test: an empty Redis, and a queue of owner 1 that is up. */
int rig_set_up(void **state);
int rig_tear_down(void **state);
struct queue *rig_open(int64_t owner); /* another, up */
struct queue *rig_open_url(const char *url, int64_t owner);

queue_claim_cb rig_on_claim;
queue_sweep_cb rig_on_sweep;

extern const struct id app;  /* of what has no app of its own */
extern const struct id hook; /* the endpoint, where one is enough */

void settle(void); /* until nothing is pending */

void put_of(struct id of, struct id delivery, struct id webhook, int64_t delay_ms, int concurrency,
            int rate);
void put(struct id delivery, struct id webhook, int64_t delay_ms, int concurrency, int rate);
void put_many_of(struct id of, struct id webhook, int count, int concurrency);
void put_many(struct id webhook, int count, int concurrency, int rate);

/* Claims and waits for it: how many. With places without end, or in a worker's room. */
size_t claim(size_t max);
size_t claim_room(const struct queue_room *room);
int claimed_of(struct id endpoint); /* of the last claim */
int claimed_of_app(struct id of);

void ack(struct queue_ref ref, int64_t delay_ms);
void ack_news(struct queue_ref ref, int64_t delay_ms, int what, int64_t pause_ms);
void sweep(struct queue *which);

/* --- gates: of `hook`, unless an endpoint is named --------------------------------------------- */

#define DEAD    (GATE_FAILED | GATE_DEAD)
#define CROWDED (GATE_FAILED | GATE_CROWDED)

void end_one(int what, int64_t pause_ms); /* one of it flies and ends with this news */
void end_all(int what); /* what the last claim had ends like this and waits again */
void break_it(void);    /* 200 wait, and the first of them find it dead */

/* Time passes for the gate: so long ago was everything, and so much nearer is what is to come. */
void let_pass(struct id endpoint, int64_t ms);

/* Sweeps: what is told of the endpoint's gate, until the next sweep; or NULL. */
const struct queue_gate *told(struct id endpoint);

/* --- the end ---------------------------------------------------------------------------------- */

/* Every entry gone means every key gone that counts entries. */
void assert_clean(void);

#endif
