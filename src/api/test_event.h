/* Test events: one to one webhook, sent by the worker while the client waits. */
#ifndef API_TEST_EVENT_H
#define API_TEST_EVENT_H

#include "test_wait.h"

/* Sends it, whatever the webhook's status and patterns, waits for the answer of its receiver and calls
 * `done`; replies 404 when there is no such webhook. `profile_options` (p == NULL: none) are used instead
 * of the webhook's. Texts must live as long as the call. */
void test_event_send(struct call *call, struct id webhook, struct str type, struct str data,
                     struct str profile_options, test_done *done);

/* Replies what the receiver said. */
test_done test_event_reply;

#endif
