/* CORS (https://fetch.spec.whatwg.org/#http-cors-protocol). */
#ifndef API_CORS_H
#define API_CORS_H

#include "call.h"

/* Adds the headers for an origin that the options list. `allow`: the methods that the path has, when
 * the call's is none of them. True: the call was a preflight, and is answered. */
bool cors_answer(struct call *call, const struct buf *allow) MUST_CHECK;

#endif
