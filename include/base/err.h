/* What can go wrong. Functions return 0 or one of these; they are negative. What an API client is told
 * of each is api/'s. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/defs.h"

enum err {
    ERR_BAD_REQUEST = -100,
    ERR_BAD_JSON,
    ERR_UNAUTHORIZED,
    ERR_UNPROVEN,
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_METHOD,
    ERR_CONFLICT,
    ERR_IDEMPOTENCY,
    ERR_WRONG_STATE,
    ERR_ERASED,
    ERR_TOO_LARGE,
    ERR_MEDIA_TYPE,
    ERR_URI_TOO_LONG,
    ERR_INVALID,
    ERR_LIMITED,
    ERR_RATE,
    ERR_BUSY,
    ERR_LOCKED,
    ERR_UNAVAILABLE,
    ERR_TIMEOUT,
    ERR_INTERNAL,
};

/* Its name, for logs and for programs: it never changes. An unknown number has ERR_INTERNAL's. */
const char *err_name(int err);

#endif
