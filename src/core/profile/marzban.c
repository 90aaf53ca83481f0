/* Profiles `marzban` and `marzban-docs`: the panel's notifications, as Python's requests sends
 * them. The panel sends arrays and the plain secret; its documents show an object and an HMAC under
 * the same header, and receivers of all four combinations exist.
 *
 * An event's data is the notification: its members in their order, then `action`, `enqueued_at` and
 * `tries` where they are missing. With the option `tries` a retry says what the panel's would: how often it
 * was tried, and in `send_at`, if it is there, when it was due. requests' Accept-Encoding is left out, because
 * answers are kept as they come, and Connection, because it is the transport's to say. */
#include "profile_internal.h"

#include "base/err.h"
#include "base/jsonw.h"
#include "core/signature.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_MAX 64

enum { ACTION = 1, ENQUEUED_AT = 2, TRIES = 4, SEND_AT = 8 };

static const struct {
    const char *name;
    unsigned bit;
} known[] = {
    {"action", ACTION}, {"enqueued_at", ENQUEUED_AT}, {"tries", TRIES}, {"send_at", SEND_AT}};

/* Which of the members that we know this is; 0: none. */
static unsigned known_bit(struct str quoted)
{
    struct buf key;
    unsigned bit = 0;

    buf_init(&key, KEY_MAX);
    if (json_unquote(&key, quoted) == 0 && !key.overflow)
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (str_eq_text(buf_str(&key), known[i].name))
                bit = known[i].bit;
    buf_fini(&key);
    return bit;
}

/* Seconds as Python prints a float: no zeros at the end but the one behind the point. */
static struct str seconds_text(char out[32], int64_t ms)
{
    int n = snprintf(out, 32, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));

    while (out[n - 1] == '0' && out[n - 2] != '.')
        n--;
    return (struct str){out, (size_t)n};
}

static void write_added(struct jsonw *w, const struct profile_input *in, unsigned there)
{
    char seconds[32];

    if (!(there & ACTION))
        jsonw_str(w, "action", in->type);
    if (!(there & ENQUEUED_AT))
        jsonw_raw(w, "enqueued_at", seconds_text(seconds, id_time_ms(in->event)));
    if (!(there & TRIES))
        jsonw_i64(w, "tries", in->options.tries ? in->attempt - 1 : 0);
}

/* The panel counts in `tries`, and `send_at` is when the retry was due. */
static void write_value(const struct profile_input *in, unsigned bit, struct str value,
                        struct buf *text)
{
    char seconds[32];

    if (bit == TRIES && in->options.tries)
        buf_printf(text, "%d", in->attempt - 1);
    else if (bit == SEND_AT && in->options.tries && in->attempt > 1)
        buf_add_str(text, seconds_text(seconds, in->due_ms));
    else
        buf_add_str(text, value);
}

static int write_notification(const struct profile_input *in, struct buf *body)
{
    struct json_iter it;
    struct str key, value;
    struct buf text;
    unsigned there = 0;

    if (json_kind(in->data) != JSON_OBJECT)
        return ERR_INVALID;
    buf_init(&text, MESSAGE_BODY_MAX);
    struct jsonw w = jsonw_on(&text);
    jsonw_begin(&w, NULL, '{');
    json_iter_init(&it, in->data);
    while (json_iter_next(&it, &key, &value)) {
        unsigned bit = known_bit(key);
        there |= bit;
        jsonw_raw(&w, NULL, key);
        buf_add_char(&text, ':');
        write_value(in, bit, value, &text);
    }
    write_added(&w, in, there);
    jsonw_end(&w, '}');
    int err = text.overflow ? ERR_INVALID : body_write(in, buf_str(&text), body);
    buf_fini(&text);
    return err;
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    return body_write_many(in, count, write_notification, body);
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    struct head h = {head, masked};

    (void)count;
    head_add(&h, STR_LIT("User-Agent: python-requests/2.32.3\r\n"
                         "Accept: */*\r\n"));
    head_add_auth(&h, "x-webhook-secret", in->options.auth, in->secret, body);
    head_add(&h, STR_LIT("Content-Type: application/json\r\n"));
    return head_end(&h);
}

static const struct field options[] = {
    OPTION_JSON,
    OPTION_BIGINT,
    OPTION_ENVELOPE,
    OPTION_AUTH,
    OPTION_BOOL("tries", tries,
                "tries counts the attempts before this one, and send_at is when a retry was due."),
    OPTION_BATCH_SECONDS,
    OPTION_BATCH_MAX,
};

/* The panel itself, its document's receiver, and the two mixtures that are about. */
static const struct profile_variant variants[] = {
    {-1, AUTH_PLAIN, ENVELOPE_ARRAY},
    {-1, AUTH_HMAC, ENVELOPE_OBJECT},
    {-1, AUTH_PLAIN, ENVELOPE_OBJECT},
    {-1, AUTH_HMAC, ENVELOPE_ARRAY},
};

const struct profile profile_marzban = {
    .name = "marzban",
    .about = "Receivers of Marzban, as the panel sends: the secret as it is, an array of events.",
    .variants = variants,
    .variant_count = ARRAY_LEN(variants),
    .standard = {.json = JSON_FORM_PYTHON,
                 .bigint = JSON_BIGINT_STRING,
                 .envelope = ENVELOPE_ARRAY,
                 .auth = AUTH_PLAIN,
                 .batch_seconds = 30,
                 .batch_max = PROFILE_BATCH_MAX},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .body_max = PROFILE_ARRAY_MAX,
    .write_body = write_body,
    .write_head = write_head,
};

const struct profile profile_marzban_docs = {
    .name = "marzban-docs",
    .about = "Receivers of Marzban, as its document says: an HMAC, an event a request.",
    .variants = variants,
    .variant_count = ARRAY_LEN(variants),
    .signs = "body",
    .standard = {.json = JSON_FORM_PYTHON,
                 .bigint = JSON_BIGINT_STRING,
                 .envelope = ENVELOPE_OBJECT,
                 .auth = AUTH_HMAC,
                 .batch_max = PROFILE_BATCH_MAX},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .body_max = PROFILE_ARRAY_MAX,
    .write_body = write_body,
    .write_head = write_head,
};
