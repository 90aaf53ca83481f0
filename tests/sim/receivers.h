/* What receivers answered, as seen from outside, and the rules of oracle.c that this is for. */
#ifndef SIM_RECEIVERS_H
#define SIM_RECEIVERS_H

#include "base/defs.h"

#define HEARD_MS 250 /* by then what came of a request is known to all */

void receivers_begin(void);

/* A request ended; `dead`: the receiver does not work. */
void receivers_hear(int webhook, bool success, bool dead);

/* A request begins. */
void receivers_check_request(int webhook);

/* The breaker may have been open at some time since then. */
bool receivers_were_shut(int webhook, int64_t since_us);

/* Redis was emptied. */
void receivers_emptied(void);

/* The ledger was told something; the run is over. */
void receivers_check_gates(void);
void receivers_check_end(void);

#endif
