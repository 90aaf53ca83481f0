/* POST /deliveries/{id}/answer: what came of a delivery that a listener was sent (webhook_stream.c). It is judged and kept
 * as the end of an attempt of our own, but for retries: a person sends it again. The head of the request is made once
 * more, of the moment at which it was made for the listener. */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/header.h"
#include "delivery_view.h"
#include "happening.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/listens.h"
#include "store/work.h"

#define KEPT_BYTES     16384 /* of head and of body, as of our own attempts */
#define BASE64_BYTES   21848 /* of so many */
#define TEXT_BYTES     240
#define TIME_MS_MAX    3600000
#define SENT_BEFORE_MS 86400000

static const char *const encoding_names[] = {"base64", NULL};
static const char *const error_names[] = {"dns_failed", "connect_failed",  "tls_failed",
                                          "timed_out",  "connection_lost", "bad_response",
                                          NULL};
static const enum attempt_error errors[] = {
    ATTEMPT_DNS_FAILED, ATTEMPT_CONNECT_FAILED,  ATTEMPT_TLS_FAILED,
    ATTEMPT_TIMED_OUT,  ATTEMPT_CONNECTION_LOST, ATTEMPT_BAD_RESPONSE,
};

struct answer {
    struct id delivery;
    int64_t attempt, sent_ms, code, time_ms;
    struct str headers, body, message;
    int error, encoding;
    bool failed; /* `error` is set */
    bool cut;    /* the body was longer */
};

enum {
    IN_ATTEMPT,
    IN_SENT,
    IN_CODE,
    IN_HEADERS,
    IN_HEADERS_ENCODING,
    IN_BODY,
    IN_BODY_ENCODING,
    IN_TIME,
    IN_ERROR,
    IN_MESSAGE
};

#define AT(member) offsetof(struct answer, member)

static const struct field fields[] = {
    [IN_ATTEMPT] = {"attempt", FIELD_I64, AT(attempt), FIELD_REQUIRED, .min = 1, .max = 32767},
    [IN_SENT] = {"sent_at", FIELD_TIME, AT(sent_ms), FIELD_REQUIRED},
    [IN_CODE] = {"response_code", FIELD_I64, AT(code), FIELD_NULLABLE, .min = 100, .max = 599},
    [IN_HEADERS] = {"response_headers", FIELD_STR, AT(headers), FIELD_NULLABLE,
                    .max = BASE64_BYTES},
    [IN_HEADERS_ENCODING] = {"response_headers_encoding", FIELD_ENUM, AT(encoding), FIELD_NULLABLE,
                             .names = encoding_names},
    [IN_BODY] = {"response_body", FIELD_STR, AT(body), FIELD_NULLABLE, .max = BASE64_BYTES},
    [IN_BODY_ENCODING] = {"response_body_encoding", FIELD_ENUM, AT(encoding), FIELD_NULLABLE,
                          .names = encoding_names},
    [IN_TIME] = {"response_time_ms", FIELD_I64, AT(time_ms), FIELD_NULLABLE, .max = TIME_MS_MAX},
    [IN_ERROR] = {"error", FIELD_ENUM, AT(error), FIELD_NULLABLE, .names = error_names},
    [IN_MESSAGE] = {"error_message", FIELD_STR, AT(message), FIELD_NULLABLE, .max = TEXT_BYTES},
};

#define NOT_WAITING                                                                                \
    "Nobody waits for this answer: another listener was first, or the delivery was ended or sent " \
    "again since"

static void on_got(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct delivery d;

    if (!result_row(call, err, rows))
        return;
    deliveries_read_whole(rows, 0, &d);
    delivery_write(reply_begin(call), &d, false);
    reply_send(call, 200);
}

static void on_recorded(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct answer *a = call->state;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_error(call, ERR_WRONG_STATE, NOT_WAITING);
        return;
    }
    happening_tell(call->app);
    call->op = deliveries_get(call->api->db, call->app, a->delivery, on_got, call);
}

static struct verdict judge(const struct listened *l, const struct answer *a)
{
    const struct profile *profile = profile_find(l->to.profile);
    const struct attempt_seen seen = {
        .transport = a->failed ? errors[a->error] : ATTEMPT_OK,
        .status = (int)a->code,
        .retry_after = header_find(a->headers, "Retry-After"),
        .once = true,
        .now_ms = clock_wall_ms(),
        .rules = profile != NULL ? profile->rules : NULL,
        .head = a->headers,
        .body = a->body,
    };
    return delivery_judge(&l->schedule, &seen);
}

/* Plain ASCII, as all that is said of attempts. */
static struct str describe(struct call *call, const struct answer *a, size_t body_bytes)
{
    char text[TEXT_BYTES * 4 + 1];

    if (a->failed)
        snprintf(text, sizeof text, "%.*s", STR_FMT(a->message));
    else
        attempt_describe(text, sizeof text, (int)a->code, header_find(a->headers, "Location"),
                         body_bytes);
    text[TEXT_BYTES] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    return call_copy(call, str_of(text));
}

static void record(struct call *call, const struct listened *l, const struct message *m)
{
    const struct answer *a = call->state;
    struct verdict verdict = judge(l, a);
    struct finish f = {
        .delivery = a->delivery,
        .event = l->content.event,
        .webhook = l->to.webhook,
        .state = verdict.state,
        .error = verdict.error,
        .number = a->attempt,
        .started_ms = a->sent_ms,
        .code = a->failed ? 0 : a->code,
        .total_us = a->time_ms * 1000,
        .error_text = describe(call, a, message_body(m).n),
        .request_head = m->masked.n > 0 ? buf_str(&m->masked) : STR_LIT(""),
        .mark = m->mark,
    };

    if (!a->failed) {
        f.response_head = a->headers.p != NULL ? a->headers : STR_LIT("");
        f.response_body = a->body.p != NULL ? a->body : STR_LIT("");
        f.body_cut = a->cut;
    }
    crypto_random((uint8_t *)&f.token, sizeof f.token);
    call->op = work_answer(call->api->db, call->app, &f, on_recorded, call);
}

static void on_delivery(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct answer *a = call->state;
    struct listened l;
    struct message message;
    const char *why;

    if (!result_row(call, err, rows))
        return;
    listens_read_one(rows, &l);
    if (l.state != DELIVERY_HELD || l.status != WEBHOOK_LISTENING ||
        l.content.attempt != a->attempt) {
        reply_error(call, ERR_WRONG_STATE, NOT_WAITING);
        return;
    }
    const struct content *contents[] = {&l.content};
    message_init(&message);
    err = message_make(&message, call->api->settings, &l.to, contents, 1, a->sent_ms, NULL, &why);
    if (err < 0) {
        message_fini(&message);
        message_init(&message);
    }
    record(call, &l, &message);
    message_fini(&message);
}

static struct str decoded(struct call *call, int encoding, const char *field, struct str text)
{
    if (!field_has(&call->fields, encoding) || text.p == NULL)
        return text;
    uint8_t *bytes = call_alloc(call, text.n + 1);
    ssize_t n = crypto_base64_decode(text, bytes, text.n);
    if (n < 0)
        fields_problem(&call->fields, field, "is not base64");
    return (struct str){(const char *)bytes, n < 0 ? 0 : (size_t)n};
}

static struct str first_of(struct str text)
{
    return text.n > KEPT_BYTES ? (struct str){text.p, KEPT_BYTES} : text;
}

/* As it was, and then as much as is kept. */
static void read_texts(struct call *call, struct answer *a)
{
    a->headers = first_of(decoded(call, IN_HEADERS_ENCODING, "response_headers", a->headers));
    a->body = decoded(call, IN_BODY_ENCODING, "response_body", a->body);
    a->cut = a->body.n > KEPT_BYTES;
    a->body = first_of(a->body);
}

static bool is_said(const struct fields *f, int index)
{
    return field_given(f, index) && !field_null(f, index);
}

static void check(struct call *call, const struct answer *a)
{
    struct fields *f = &call->fields;
    int64_t now = clock_wall_ms();

    if (is_said(f, IN_CODE) == is_said(f, IN_ERROR))
        fields_problem(f, "response_code", "must be given, or `error` instead, and not both");
    if (field_has(f, IN_SENT) && (a->sent_ms > now + 1000 || a->sent_ms < now - SENT_BEFORE_MS))
        fields_problem(f, "sent_at",
                       "must be that of the event of the stream, within the last day");
}

void handle_deliveries_answer(struct call *call)
{
    struct answer *a = call->state = call_alloc(call, sizeof *a);

    if (!input_id(call, 0, ID_DELIVERY, &a->delivery) ||
        !input_bind(call, fields, ARRAY_LEN(fields), a))
        return;
    a->failed = field_has(&call->fields, IN_ERROR);
    read_texts(call, a);
    check(call, a);
    if (input_is_fine(call))
        call->op = listens_get(call->api->db, call->app, a->delivery, on_delivery, call);
}
