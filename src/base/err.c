/* The table of errors. */
#include "base/err.h"

static const struct err_info table[] = {
    {ERR_INTERNAL, 500, "internal_error", "Internal error"},
    {ERR_BAD_REQUEST, 400, "bad_request", "Bad request"},
    {ERR_BAD_JSON, 400, "invalid_json", "The body is not valid JSON"},
    {ERR_UNAUTHORIZED, 401, "unauthorized", "Missing or unknown API key"},
    {ERR_FORBIDDEN, 403, "forbidden", "The API key's scope does not cover this"},
    {ERR_NOT_FOUND, 404, "not_found", "Not found"},
    {ERR_METHOD, 405, "method_not_allowed", "Method not allowed"},
    {ERR_CONFLICT, 409, "conflict", "It exists already"},
    {ERR_IDEMPOTENCY, 409, "idempotency_key_reused",
     "The idempotency key was used with another request"},
    {ERR_WRONG_STATE, 409, "invalid_state", "Not possible in its present state"},
    {ERR_TOO_LARGE, 413, "too_large", "The request body is too large"},
    {ERR_URI_TOO_LONG, 414, "uri_too_long", "The request target is too long"},
    {ERR_INVALID, 422, "validation_failed", "The request has invalid fields"},
    {ERR_BUSY, 503, "overloaded", "Too many requests are waiting"},
    {ERR_UNAVAILABLE, 503, "unavailable", "The database is unavailable"},
    {ERR_TIMEOUT, 504, "timeout", "It took too long"},
};

const struct err_info *err_info(int err)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].err == err)
            return &table[i];
    return &table[0];
}
