/* Test events: one to one webhook, sent by the worker while the client waits. */
#ifndef API_TEST_EVENT_H
#define API_TEST_EVENT_H

#include "test_wait.h"

struct test_event {
    struct str type, data;      /* `data`, p == NULL: that of `like` */
    struct id like;             /* a test event that was sent before */
    struct str profile_options; /* used instead of the webhook's; p == NULL: none */
};

/* Whether the call may send tests, and has a place for that; else that has been replied. Before its body is looked at:
 * what is refused costs little. */
bool test_event_begin(struct call *call) MUST_CHECK;

/* After test_event_begin(), any number of times. Sends it, whatever the webhook's status and patterns, waits for the answer of its receiver and calls
 * `done`; replies 404 when there is no such webhook. Once it is stored the call's body is dropped: texts may be
 * slices of it, and are not needed any more by then. */
void test_event_send(struct call *call, struct id webhook, const struct test_event *test,
                     test_done *done);

/* Replies what the receiver said. */
test_done test_event_reply;

#endif
