/* Heads of requests and answers in fewer bytes, for the ledger: what is known of an attempt anyway, what most heads have,
 * and digits are left out. Reading gives back what was written, byte for byte. */
#ifndef CORE_SHORTHAND_H
#define CORE_SHORTHAND_H

#include "base/buf.h"
#include "base/id.h"

/* What stands in the ledger beside the head. Both sides have to say the same. */
struct known {
    struct id delivery, event, webhook;
    int64_t started_ms;
};

/* Appends a head as it is to be stored: shorter, or as it is. */
void shorthand_write(struct buf *out, struct str head, const struct known *known);

/* Appends the head of what is stored; false, with a part of it, if that was no work of shorthand_write(). */
bool shorthand_read(struct buf *out, struct str stored, const struct known *known) MUST_CHECK;

#endif
