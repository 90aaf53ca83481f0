/* Whether a request's head can be read in one way only: where h2o is more tolerant than a proxy in front of us, the
 * two could disagree about where a request ends, and one client's bytes become another's request (RFC 9112 §11.2). */
#ifndef API_FRAMING_H
#define API_FRAMING_H

#include "base/str.h"

/* `input` begins with a request's head as it came from the wire, and goes on with anything. NULL if it is plain, else
 * what is wrong with it, in words. */
const char *framing_fault(struct str input);

#endif
