/* Clients that wait for the end of a test delivery. */
#ifndef API_TEST_WAIT_H
#define API_TEST_WAIT_H

#include "call.h"

struct attempt_row;

struct test_result {
    struct id event, delivery;
    const struct attempt_row *attempt; /* NULL: still pending. Borrowed */
};

typedef void test_done(struct call *call, const struct test_result *result);

/* Waits at most `wait_ms`. A database that is away is replied, and `done` not called. The call's end
 * cancels it. */
void test_wait_start(struct call *call, struct id event, struct id delivery, int64_t wait_ms,
                     test_done *done);

/* A test delivery ended (PostgreSQL's text of its id), or it is not known whether some did (NULL). */
void test_waits_wake(struct api *api, const char *uuid);

#endif
