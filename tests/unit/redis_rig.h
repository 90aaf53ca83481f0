/* What the tests of io/redis stand on: for each a Redis of its own that is not started yet, a loop, and what was
 * called back. */
#ifndef TESTS_REDIS_RIG_H
#define TESTS_REDIS_RIG_H

#include "unit.h"

#include "io/redis.h"
#include "redis_server.h"

struct redis_rig {
    struct redis_server server;
    struct loop *loop;
    struct redis *redis; /* the test's to create; destroyed with the rest */
    int ups, downs, messages;
    int answered, answers[16]; /* by error: -err % 16 */
};

extern struct redis_rig rig;

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int rig_set_up(void **state);
int rig_tear_down(void **state);

/* With the server's url, counting `ups` and `downs`. */
struct redis_config rig_config(const struct redis_script *const *scripts);
void rig_on_message(void *arg);

/* Counts the answer; `arg` is a counter more, or NULL. */
redis_cb rig_on_answer;
int count_of(int err);

#endif
