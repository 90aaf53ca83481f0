/* What can go wrong, in one table: the number used inside, and the status, code and title that an
 * API client sees (RFC 9457). Functions return 0 or one of these; they are negative. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/defs.h"

enum err {
    ERR_BAD_REQUEST = -100,
    ERR_BAD_JSON,
    ERR_UNAUTHORIZED,
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_METHOD,
    ERR_CONFLICT,
    ERR_IDEMPOTENCY,
    ERR_WRONG_STATE,
    ERR_TOO_LARGE,
    ERR_URI_TOO_LONG,
    ERR_INVALID,
    ERR_BUSY,
    ERR_UNAVAILABLE,
    ERR_TIMEOUT,
    ERR_INTERNAL,
};

struct err_info {
    int err;
    int status;        /* HTTP */
    const char *code;  /* stable, for programs */
    const char *title; /* for people */
};

/* Never NULL: an unknown number is ERR_INTERNAL's row. */
const struct err_info *err_info(int err);

#endif
