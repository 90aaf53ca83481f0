/* What a call's key may ask for still, told to its client by the header fields RateLimit-Policy and RateLimit
 * (draft-ietf-httpapi-ratelimit-headers-11). */
#ifndef API_RATE_H
#define API_RATE_H

#include "api/rates.h"
#include "call.h"

/* Counts the call for call->key. False: it is one too many, or was when its head came, and that has been replied. */
bool rate_allows(struct call *call, const struct rate *rate) MUST_CHECK;

#endif
