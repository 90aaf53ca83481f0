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

struct api {
    const struct settings *settings;
    struct loop *loop;
    struct db *db;
    struct queue *queue;
    struct auth_cache *auth;
    struct acceptor *acceptor;
    struct list calls;      /* struct call */
    struct list test_waits; /* struct test_wait */
    bool stopping;
};

#endif
