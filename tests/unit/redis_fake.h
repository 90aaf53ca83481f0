/* A Redis of lies, on threads of its own: it answers what the scripts' shapes promise, but for one command. */
#ifndef TESTS_REDIS_FAKE_H
#define TESTS_REDIS_FAKE_H

#include "io/redis.h"

#include <pthread.h>
#include <stdatomic.h>

struct redis_lie {
    const char *command; /* PING, SCRIPT, SUBSCRIBE, or a script's name; NULL: none */
    const char *bytes;   /* in place of its answer, or after it */
    size_t size;
    bool after;
    bool hangs_up; /* then */
};

struct redis_fake {
    char path[100], url[128]; /* of a Unix socket */
    const struct redis_script *const *scripts;
    struct redis_lie lie;
    int listener;
    pthread_t thread;
    atomic_int peers;
};

/* It listens when this returns. `scripts` ends with NULL; they and the lie's bytes stay. */
void redis_fake_start(struct redis_fake *fake, const char *folder,
                      const struct redis_script *const *scripts, const struct redis_lie *lie);
void redis_fake_stop(struct redis_fake *fake); /* when its clients have gone */

#endif
