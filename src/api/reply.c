/* Answers. A body is written into the call's buffer and sent from there without a copy. */
#include "reply.h"

#include "absence.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "problem.h"

#include <stdio.h>

#define JSON_TYPE    "application/json"
#define ANSWER_SMALL ((size_t)64 << 10) /* what a socket takes at once, more or less */

struct jsonw *reply_begin(struct call *call)
{
    buf_clear(&call->out);
    call->json = jsonw_on(&call->out);
    return &call->json;
}

/* Whether an answer of so many bytes may go out now: a large one counts among those on their way. */
static bool may_send(struct call *call, size_t n)
{
    if (n <= ANSWER_SMALL)
        return true;
    call->answered_ms = clock_mono_ms();
    absence_watch(call->api->absence);
    return call_hold(call, HOLD_ANSWER, call->app, (int64_t)n,
                     call->api->settings->config.answers_mib << 20);
}

static void reply_full(struct call *call)
{
    metric_add(METRIC_ANSWERS_MIB_MET, 1);
    reply_errorf(
        call, ERR_BUSY,
        "The answers that clients are taking have as many bytes as they may have together, which is "
        "POSTHORN_ANSWERS_MIB (%lld)",
        (long long)call->api->settings->config.answers_mib);
}

void reply_send(struct call *call, int status)
{
    if (call->out.overflow) {
        log_error("reply_too_large", "request=%s", call->request_id);
        reply_error(call, ERR_INTERNAL, NULL);
        return;
    }
    if (may_send(call, call->out.n))
        call_send(call, status, JSON_TYPE, buf_str(&call->out));
    else
        reply_full(call);
}

void reply_empty(struct call *call, int status)
{
    call_send(call, status, NULL, STR_NONE);
}

void reply_static(struct call *call, int status, struct str json)
{
    call_send(call, status, JSON_TYPE, json);
}

void reply_file(struct call *call, const char *type, struct str bytes)
{
    call_send(call, 200, type, bytes);
}

void reply_location(struct call *call, const char *path, const char *id)
{
    size_t size = strlen(path) + strlen(id) + 5;
    char *value = call_alloc(call, size);
    snprintf(value, size, "/v1%s/%s", path, id);
    call_add_header(call, "Location", value);
}

/* --- problems --------------------------------------------------------------------------------- */

static bool is_authon(const struct call *call)
{
    return call->route != NULL && call->route->shape == SHAPE_AUTHON;
}

/* The error of Authon's API: {"success":false,"message":…}; `code` and `errors` are ours. */
static void write_authon_error(struct jsonw *w, int err, const char *detail)
{
    jsonw_begin(w, NULL, '{');
    jsonw_bool(w, "success", false);
    jsonw_text(w, "message", detail != NULL ? detail : problem_of(err)->detail);
    jsonw_text(w, "code", err_name(err));
}

/* Begins the answer; the caller ends it. */
static struct jsonw *begin_error(struct call *call, int err, const char *detail)
{
    struct jsonw *w = reply_begin(call);
    if (is_authon(call))
        write_authon_error(w, err, detail);
    else
        problem_write(w, err, detail);
    return w;
}

static void send_error(struct call *call, int err)
{
    int status = problem_of(err)->status;
    if (err == ERR_UNAUTHORIZED)
        call_add_header(call, "WWW-Authenticate", "Bearer");
    if (status == 503 || status == 429)
        call_add_header(call, "Retry-After", "1");
    call_send(call, status, is_authon(call) ? JSON_TYPE : PROBLEM_TYPE, buf_str(&call->out));
}

void reply_error(struct call *call, int err, const char *detail)
{
    jsonw_end(begin_error(call, err, detail), '}');
    send_error(call, err);
}

void reply_errorf(struct call *call, int err, const char *format, ...)
{
    char detail[256];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    reply_error(call, err, detail);
}

void reply_not_found(struct call *call)
{
    static const struct {
        const char *path, *detail;
    } things[] = {
        {"/webhooks/", "No webhook of this app has this id or uid"},
        {"/admin/apps/", "No webhook of this app has this id or uid"},
        {"/events/", "No event of this app that is still in the history has this id"},
        {"/deliveries/", "No delivery of this app that is still in the history has this id"},
        {"/jobs/", "No job of this app has this id"},
        {"/event-types/", "No event type of this app has this name"},
        {"/apps/", "No app has this id or uid"},
        {"/keys/", "No API key has this id"},
        {"/sources/", "No source of this app has this id"},
        {"/issues/", "No issue of this app has this id"},
    };
    const char *detail = NULL;

    for (size_t i = 0; i < ARRAY_LEN(things); i++)
        if (strncmp(call->route->path, things[i].path, strlen(things[i].path)) == 0)
            detail = things[i].detail;
    reply_error(call, ERR_NOT_FOUND, detail);
}

void reply_problems(struct call *call, int err)
{
    const struct fields *f = &call->fields;
    const struct field_problem *first = &f->problems[0];
    const char *where = first->pointer != NULL ? first->pointer : first->field;
    size_t more = f->problem_count + f->problems_unsaid - 1;
    char detail[600], others[40] = "";

    assert(f->problem_count > 0);
    if (more > 0)
        snprintf(others, sizeof others, "; and %zu more", more);
    struct str shown = str_cut(str_of(where[0] != '\0' ? where : "The body"), 350);
    snprintf(detail, sizeof detail, "%.*s %s%s", STR_FMT(shown), first->message, others);
    struct jsonw *w = begin_error(call, err, detail);
    jsonw_begin(w, "errors", '[');
    for (size_t i = 0; i < f->problem_count; i++) {
        jsonw_begin(w, NULL, '{');
        jsonw_text(w, "field", f->problems[i].field);
        jsonw_text(w, "message", f->problems[i].message);
        if (f->problems[i].pointer != NULL)
            jsonw_text(w, "pointer", f->problems[i].pointer);
        jsonw_end(w, '}');
    }
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    send_error(call, err);
}

void reply_invalid(struct call *call, const char *field, const char *message)
{
    fields_problem(&call->fields, field, message);
    reply_problems(call, ERR_INVALID);
}
