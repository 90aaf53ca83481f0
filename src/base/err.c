/* The names of errors. */
#include "base/err.h"

#define ROW(err) [(err)-ERR_BAD_REQUEST]

static const char *const names[] = {
    ROW(ERR_BAD_REQUEST) = "bad_request",
    ROW(ERR_BAD_JSON) = "invalid_json",
    ROW(ERR_UNAUTHORIZED) = "unauthorized",
    ROW(ERR_UNPROVEN) = "invalid_signature",
    ROW(ERR_FORBIDDEN) = "forbidden",
    ROW(ERR_NOT_FOUND) = "not_found",
    ROW(ERR_METHOD) = "method_not_allowed",
    ROW(ERR_CONFLICT) = "conflict",
    ROW(ERR_IDEMPOTENCY) = "idempotency_key_reused",
    ROW(ERR_WRONG_STATE) = "invalid_state",
    ROW(ERR_ERASED) = "event_erased",
    ROW(ERR_TOO_LARGE) = "too_large",
    ROW(ERR_MEDIA_TYPE) = "unsupported_media_type",
    ROW(ERR_URI_TOO_LONG) = "uri_too_long",
    ROW(ERR_INVALID) = "validation_failed",
    ROW(ERR_LIMITED) = "app_limit",
    ROW(ERR_RATE) = "rate_limited",
    ROW(ERR_BUSY) = "overloaded",
    ROW(ERR_LOCKED) = "locked",
    ROW(ERR_UNAVAILABLE) = "unavailable",
    ROW(ERR_TIMEOUT) = "timeout",
    ROW(ERR_INTERNAL) = "internal_error",
};

const char *err_name(int err)
{
    bool known = err >= ERR_BAD_REQUEST && err <= ERR_INTERNAL;
    return names[(known ? err : ERR_INTERNAL) - ERR_BAD_REQUEST];
}
