/* What is shown of URLs to those who may only read: no more than tells one receiver from another. Who has a chat
 * service's URL may post there, and so it is with tokens in a path or a query of any other. */
#ifndef CORE_MASK_H
#define CORE_MASK_H

#include "base/buf.h"

#define MASK_GROWTH ((size_t)3) /* what is masked is at most so many times as long */

/* Appends a URL, absolute or not: its origin, plain words of its path and the names in its query as they are, and *** for
 * every other segment and for every value. */
void mask_url(struct buf *out, struct str url);

/* Appends the head of a response, with the URLs masked that its lines lead to. */
void mask_head(struct buf *out, struct str head);

/* Appends what attempt_describe() made, likewise. */
void mask_redirect(struct buf *out, struct str text);

#endif
