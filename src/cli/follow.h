/* A stream of the API, followed: connected to again and again until it is over for good. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "client.h"

/* An event, whose data is JSON. */
typedef void follow_cb(void *arg, struct str name, struct str data);

/* Until Ctrl-C (client_watch_signals()): 0. Otherwise an enum status, with everything said. */
int follow(struct client *client, struct str path, follow_cb *cb, void *arg);

#endif
