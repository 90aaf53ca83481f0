/* Profiles `remnawave` and `remnawave-flask`: the panel's webhooks, as axios sends them. The second
 * is for receivers that verify json.dumps(request.json), as the panel's documents showed for long:
 * they cannot verify the panel itself. The timestamp is the event's, so that the bytes of a retry
 * are the same; receivers that demand a fresh one need restamp_on_retry. Panels from 2.5 on also
 * send `scope` first, and `meta` with users' events: some receivers demand it. Data that is the panel's whole
 * notification, as a source has it (core/source.h), goes on as it is, with its own time.
 *
 * axios' Accept-Encoding is left out, because answers are kept as they come. */
#include "profile_internal.h"

#include "base/clock.h"
#include "base/err.h"
#include "core/signature.h"

static const char *timestamp_of(char out[CLOCK_TEXT_SIZE], const struct profile_input *in)
{
    bool restamp = in->options.restamp_on_retry && in->attempt > 1;
    struct notification own;

    if (restamp || !body_notification(in, &own))
        return clock_text(out, restamp ? in->now_ms : id_time_ms(in->event), CLOCK_MILLIS);
    memcpy(out, own.timestamp.p, own.timestamp.n);
    out[own.timestamp.n] = '\0';
    return out;
}

/* The panel's own, but for the time where a retry has one of its own. */
static int write_notification(const struct profile_input *in, const struct notification *own,
                              const char *timestamp, struct buf *body)
{
    size_t before = (size_t)(own->timestamp.p - in->data.p);
    struct buf text;

    buf_init(&text, MESSAGE_BODY_MAX);
    buf_add(&text, in->data.p, before);
    buf_add_text(&text, timestamp);
    buf_add(&text, own->timestamp.p + own->timestamp.n, in->data.n - before - own->timestamp.n);
    int err = text.overflow ? ERR_INVALID : body_write(in, buf_str(&text), body);
    buf_fini(&text);
    return err;
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    char text[CLOCK_TEXT_SIZE];
    struct notification own;

    assert(count == 1);
    const char *timestamp = timestamp_of(text, in);
    int err = body_notification(in, &own) ? write_notification(in, &own, timestamp, body)
                                          : body_write_event(in, timestamp, body);
    return err < 0 ? err : 1;
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    struct head h = {head, masked};
    char timestamp[CLOCK_TEXT_SIZE];

    (void)count;
    head_add(&h, STR_LIT("Accept: application/json, text/plain, */*\r\n"
                         "Content-Type: application/json\r\n"));
    head_add_auth(&h, "X-Remnawave-Signature", in->options.auth, in->secret, body);
    head_printf(&h,
                "X-Remnawave-Timestamp: %s\r\n"
                "User-Agent: Remnawave\r\n",
                timestamp_of(timestamp, in));
    return head_end(&h);
}

static const struct field options[] = {
    OPTION_JSON,
    OPTION_BIGINT,
    OPTION_AUTH,
    OPTION_BOOL("restamp_on_retry", restamp_on_retry,
                "A retry has a timestamp of its own, and so another body and signature."),
    OPTION_BOOL("scope", scope, "Adds scope, and meta to users' events, as newer panels do."),
};

const struct profile profile_remnawave = {
    .name = "remnawave",
    .about = "Receivers of Remnawave, signed by X-Remnawave-Signature.",
    PROFILE_JSON_VARIANTS,
    .signs = "body",
    .standard = {.json = JSON_FORM_JS, .bigint = JSON_BIGINT_STRING, .auth = AUTH_HMAC},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .write_body = write_body,
    .write_head = write_head,
};

const struct profile profile_remnawave_flask = {
    .name = "remnawave-flask",
    .about = "Receivers of Remnawave that verify what json.dumps of Python gives.",
    PROFILE_JSON_VARIANTS,
    .signs = "body",
    .standard = {.json = JSON_FORM_PYTHON, .bigint = JSON_BIGINT_STRING, .auth = AUTH_HMAC},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .write_body = write_body,
    .write_head = write_head,
};
