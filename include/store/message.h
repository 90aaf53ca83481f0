/* A message to a receiver, made from rows: what is sealed is opened, the profile renders, the webhook's
 * own headers are added, and what was opened is forgotten. */
#ifndef STORE_MESSAGE_H
#define STORE_MESSAGE_H

#include "core/settings.h"
#include "store/work.h"

#define MESSAGE_EVENTS_MAX 128

struct message {
    struct buf url;   /* that is really called */
    struct buf head;  /* lines, each ending with CRLF, without Host and Content-Length */
    struct buf shown; /* the same as history may keep it: secrets and own headers as *** */
    struct buf body;
};

/* What a claim says of its webhook, from the webhook's row: for a message without a delivery. Borrowed. */
void webhook_to_claim(const struct webhook *webhook, struct claim *claim);

void message_init(struct message *message);
void message_fini(struct message *message);

/* May several events of this claim's webhook go in one message? */
bool message_takes_many(const struct claim *claim);

/* Makes the message of the first of `claims`, which are of one webhook, or of as many as its profile
 * puts into one; returns how many. ERR_INVALID, and why in words, when it cannot be made; ERR_NOT_FOUND
 * when its URL is none of the profile's service. */
int message_make(struct message *message, const struct settings *settings,
                 const struct claim *const *claims, size_t count, const char **why) MUST_CHECK;

#endif
