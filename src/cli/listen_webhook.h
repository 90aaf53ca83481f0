/* The webhook that `posthorn listen` listens to: found, made to be as it was asked for, or made. */
#ifndef CLI_LISTEN_WEBHOOK_H
#define CLI_LISTEN_WEBHOOK_H

#include "client.h"
#include "command.h"

struct listen_webhook {
    struct buf id, name, secret,
        events; /* the secret is "" unless it has just been made or set; name: uid, or id */
    int64_t timeout_ms;
};

/* 0, or an enum status with everything said. listen_webhook_fini() in each case. */
int listen_webhook_find(struct cli *cli, struct listen_webhook *webhook) MUST_CHECK;
void listen_webhook_fini(struct listen_webhook *webhook);

#endif
