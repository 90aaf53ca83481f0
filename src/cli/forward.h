/* Deliveries on their way from the API's stream to a program on this machine, and the answers back: several at a time,
 * on the client's loop. */
#ifndef CLI_FORWARD_H
#define CLI_FORWARD_H

#include "client.h"

struct forwarder;

struct forwarder_config {
    struct client *client;
    const char *url;    /* to forward to; NULL: everything is answered with 200, and shown */
    int64_t timeout_ms; /* of each request */
    bool json;          /* lines are */
};

/* The config is copied, what it points to is not. */
struct forwarder *forwarder_create(const struct forwarder_config *config);

/* What was not answered comes again. NULL is fine. */
void forwarder_destroy(struct forwarder *forwarder);

/* Forwards the delivery that `data` is, an event of the stream, unless it is on its way already. */
void forwarder_take(struct forwarder *forwarder, struct str data);

/* Waits until nothing is on its way, but no longer than that. */
void forwarder_wait(struct forwarder *forwarder, int64_t ms);

/* Asks the API beside whatever the client does, and waits likewise; the status that it answers, or 0. */
int forwarder_ask(struct forwarder *forwarder, const char *method, struct str path, int64_t ms);

#endif
