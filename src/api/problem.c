/* The tables of problems and of statuses. */
#include "problem.h"

static const struct problem problems[] = {
    {ERR_INTERNAL, 500, "Internal error",
     "Something went wrong; the server's log says what, under this X-Request-Id"},
    {ERR_BAD_REQUEST, 400, "Bad request", "The request is not valid HTTP/1.1"},
    {ERR_BAD_JSON, 400, "The body is not valid JSON", "Send one JSON value, in UTF-8"},
    {ERR_UNAUTHORIZED, 401, "Missing or unknown API key",
     "The key is unknown, expired or revoked: send a valid one, as Authorization: Bearer KEY"},
    {ERR_UNPROVEN, 401, "The request does not prove who sends it",
     "Give the sender and the source the same secret"},
    {ERR_FORBIDDEN, 403, "The API key's scope does not cover this", "Use a key with another scope"},
    {ERR_NOT_FOUND, 404, "Not found", "Nothing has this id or name here; another app may have it"},
    {ERR_METHOD, 405, "Method not allowed", "The header Allow names the methods of this path"},
    {ERR_CONFLICT, 409, "Conflicts with what is stored", "Read it again before you change it"},
    {ERR_IDEMPOTENCY, 409, "The idempotency key was used with another request",
     "Repeat that request as it was, or choose a new key"},
    {ERR_WRONG_STATE, 409, "Not possible in its current state", "Read it to see its state"},
    {ERR_ERASED, 409, "The event was erased",
     "Its data is gone for good; nothing can be sent of it"},
    {ERR_TOO_LARGE, 413, "The request body is too large", "A body may have at most 1 MiB"},
    {ERR_MEDIA_TYPE, 415, "The request body is not JSON", "Send it as it is, in JSON"},
    {ERR_URI_TOO_LONG, 414, "The request target is too long",
     "Path and query may have at most 4096 bytes"},
    {ERR_INVALID, 422, "The request has invalid fields", "Correct the fields that `errors` names"},
    {ERR_LIMITED, 429, "The app has as many of these as it may have",
     "Wait until one of them has ended"},
    {ERR_RATE, 429, "The API key makes too many requests",
     "The header RateLimit says how many it may make, and Retry-After when"},
    {ERR_BUSY, 503, "Too many requests are waiting", "Try again in a second"},
    {ERR_LOCKED, 503, "Another session of the database holds a lock", "Try again in a second"},
    {ERR_UNAVAILABLE, 503, "The database is unavailable", "Try again in a second"},
    {ERR_TIMEOUT, 504, "No result in time",
     "It may or may not have been done; repeat it with the same Idempotency-Key"},
};

static const struct {
    int status;
    const char *phrase;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

const struct problem *problem_of(int err)
{
    for (size_t i = 0; i < ARRAY_LEN(problems); i++)
        if (problems[i].err == err)
            return &problems[i];
    return &problems[0];
}

void problem_write(struct jsonw *w, int err, const char *detail)
{
    const struct problem *problem = problem_of(err);

    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "type", "about:blank");
    jsonw_text(w, "title", problem->title);
    jsonw_i64(w, "status", problem->status);
    jsonw_text(w, "code", err_name(problem->err));
    jsonw_text(w, "detail", detail != NULL ? detail : problem->detail);
}

const char *status_phrase(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].phrase;
    return NULL;
}
