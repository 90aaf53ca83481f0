/* What answers mean. */
#include "answer.h"

#include "show.h"
#include "value.h"

/* --- no answer -------------------------------------------------------------------------------- */

static const char *hint_of(enum fetch_outcome outcome)
{
    static const struct {
        enum fetch_outcome outcome;
        const char *hint;
    } hints[] = {
        {FETCH_CONNECT_FAILED,
         "Is posthorn serve running there? POSTHORN_URL (or --url) says where it is."},
        {FETCH_DNS_FAILED, "Is POSTHORN_URL (or --url) spelt right?"},
        {FETCH_BAD_URL, "POSTHORN_URL (or --url) says where it is."},
        {FETCH_TLS_FAILED,
         "POSTHORN_CA_FILE can name the certificate of an authority of your own; for a server "
         "without TLS, POSTHORN_URL must begin with http://."},
        {FETCH_TIMED_OUT,
         "--timeout waits longer; what was asked for may have been done all the same."},
        {FETCH_CONNECTION_LOST,
         "What was asked for may have been done all the same: look before you try again."},
        {FETCH_BAD_RESPONSE,
         "Is it Posthorn that listens there? For a server with TLS, POSTHORN_URL must begin with "
         "https://."},
    };

    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (hints[i].outcome == outcome)
            return hints[i].hint;
    return "Try again.";
}

static int out_of_reach(const struct answer *answer, const struct profile *profile)
{
    show_error("cannot reach the API at %s: %s", profile->url, answer->error);
    show_note("%s", hint_of(answer->outcome));
    return STATUS_OUT_OF_REACH;
}

/* --- not ours --------------------------------------------------------------------------------- */

static bool is_done(int status)
{
    return status >= 200 && status < 300;
}

static bool is_problem(const struct answer *answer)
{
    return answer->is_json && value_get(answer->body, "code").n > 0 &&
           value_get(answer->body, "title").n > 0;
}

/* The API's own, whatever it says: a 2xx, or a problem. */
static bool is_ours(const struct answer *answer)
{
    if (answer->outcome != FETCH_ANSWERED)
        return false;
    return is_done(answer->status) ? answer->is_json || answer->body.n == 0 : is_problem(answer);
}

const int answer_fine = 200;

bool answer_is_missing(const struct answer *answer)
{
    return is_ours(answer) && answer->status == 404;
}

bool answer_may_pass(int status)
{
    return status >= 500 || status == 429;
}

bool answer_is_final(const struct answer *answer)
{
    return is_ours(answer) && answer->status >= 400 && !answer_may_pass(answer->status);
}

static int not_ours(const struct answer *answer, const struct profile *profile)
{
    if (answer->cut && answer->body.n == ANSWER_MAX)
        show_error(
            "the answer is longer than %zu MiB, and was not read: ask for less of it (--limit)",
            ANSWER_MAX >> 20);
    else if (answer->cut)
        show_error("the answer of %s broke off", profile->url);
    else
        show_error(
            "%s answers %d with something that is not of Posthorn's API: does POSTHORN_URL (or --url) "
            "name it, and is it running behind its proxy?",
            profile->url, answer->status);
    return STATUS_OUT_OF_REACH;
}

/* --- a refusal -------------------------------------------------------------------------------- */

static void add_errors(struct buf *text, struct str errors)
{
    struct json_iter it;
    struct str key, error;

    if (errors.n == 0 || json_kind(errors) != JSON_ARRAY)
        return;
    json_iter_init(&it, errors);
    while (json_iter_next(&it, &key, &error)) {
        buf_add_text(text, "\n  ");
        if (value_text(text, error, "field"))
            buf_add_text(text, ": ");
        value_text(text, error, "message");
    }
}

static const char *advice_for(int status)
{
    static const struct {
        int status;
        const char *advice;
    } rows[] = {
        {401,
         "POSTHORN_KEY (or --key, or the profile's) must be a key of this server: posthorn key create makes one "
         "where it runs."},
        {403, "Another key may: posthorn keys create --scope … makes one."},
        {404, "What belongs to another app is not found: --app says which, with an admin key."},
        {429, "Try again a little later."},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].advice;
    return NULL;
}

static int refused(const struct answer *answer)
{
    struct buf text;
    const char *advice = advice_for(answer->status);

    buf_init(&text, ANSWER_MAX);
    value_text(&text, answer->body, "title");
    if (value_get(answer->body, "detail").n > 0) {
        buf_add_text(&text, ": ");
        value_text(&text, answer->body, "detail");
    }
    add_errors(&text, value_get(answer->body, "errors"));
    show_error("%s", buf_text(&text));
    buf_fini(&text);
    if (advice != NULL)
        show_note("%s", advice);
    return STATUS_NOT_SO;
}

int answer_judge(const struct answer *answer, const struct profile *profile)
{
    if (answer->interrupted)
        return STATUS_INTERRUPTED;
    if (answer->outcome != FETCH_ANSWERED)
        return out_of_reach(answer, profile);
    if (!is_ours(answer))
        return not_ours(answer, profile);
    return is_done(answer->status) ? STATUS_DONE : refused(answer);
}
