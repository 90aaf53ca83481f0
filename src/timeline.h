/* What is known of an event or a delivery, in lines for a terminal. Each is one fact, and begins with
 * its time. Of a URL only the origin is shown: what follows may be a token. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "base/buf.h"
#include "store/traces.h"

/* The event was accepted. */
void timeline_event(struct buf *out, const struct trace *trace);

/* The delivery was made; with `ends`, what has come of it too, on the same line. */
void timeline_delivery(struct buf *out, const struct trace *trace, bool ends);

void timeline_attempt(struct buf *out, const struct attempt_row *attempt);

/* How the delivery stands now, who has it, and what holds it up. */
void timeline_now(struct buf *out, const struct trace *trace);

#endif
