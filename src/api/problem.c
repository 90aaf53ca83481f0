/* The tables of problems and of statuses. */
#include "problem.h"

static const struct problem problems[] = {
    {ERR_INTERNAL, 500, "Internal error"},
    {ERR_BAD_REQUEST, 400, "Bad request"},
    {ERR_BAD_JSON, 400, "The body is not valid JSON"},
    {ERR_UNAUTHORIZED, 401, "Missing or unknown API key"},
    {ERR_FORBIDDEN, 403, "The API key's scope does not cover this"},
    {ERR_NOT_FOUND, 404, "Not found"},
    {ERR_METHOD, 405, "Method not allowed"},
    {ERR_CONFLICT, 409, "It exists already"},
    {ERR_IDEMPOTENCY, 409, "The idempotency key was used with another request"},
    {ERR_WRONG_STATE, 409, "Not possible in its present state"},
    {ERR_TOO_LARGE, 413, "The request body is too large"},
    {ERR_URI_TOO_LONG, 414, "The request target is too long"},
    {ERR_INVALID, 422, "The request has invalid fields"},
    {ERR_BUSY, 503, "Too many requests are waiting"},
    {ERR_UNAVAILABLE, 503, "The database is unavailable"},
    {ERR_TIMEOUT, 504, "It took too long"},
};

static const struct {
    int status;
    const char *phrase;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {422, "Unprocessable Content"},
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
    jsonw_text(w, "detail", detail != NULL ? detail : problem->title);
}

const char *status_phrase(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].phrase;
    return NULL;
}
