/* What the calls of one server share: one thread, one loop. */
#ifndef API_API_H
#define API_API_H

#include "base/list.h"
#include "core/settings.h"
#include "io/db.h"
#include "io/loop.h"
#include "store/queue.h"

struct auth_cache;
struct acceptor;

/* What calls have of something that is bounded in all. */
enum hold {
    HOLD_LOOKUP, /* a key that is looked up */
    HOLD_GUESS,  /* that too, and its text does not prove that it was ever made */
    HOLD_ANSWER, /* bytes of answers on their way */
    HOLD_COUNT,
};

struct api {
    const struct settings *settings;
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct auth_cache *auth;
    struct acceptor *acceptor;
    struct list calls;      /* struct call */
    struct list test_waits; /* struct test_wait */
    int64_t held[HOLD_COUNT];
    bool stopping;
};

#endif
