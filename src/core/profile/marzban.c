/* Profiles `marzban` and `marzban-docs`: the panel's notifications, as Python's requests sends
 * them. The panel sends arrays and the plain secret; its documents show an object and an HMAC under
 * the same header, and receivers of all four combinations exist.
 *
 * An event's data is the notification: its members in their order, then `action`, `enqueued_at` and
 * `tries` where they are missing. requests' Accept-Encoding is left out, because answers are kept
 * as they come, and Connection, because it is the transport's to say. */
#include "profile_internal.h"

#include "base/err.h"
#include "base/jsonw.h"
#include "core/signature.h"

#include <inttypes.h>
#include <stdio.h>

#define ARRAY_BODY_MAX ((int64_t)100 << 10) /* what Express and others take */
#define KEY_MAX        64

enum { ACTION = 1, ENQUEUED_AT = 2, TRIES = 4 };

static const struct {
    const char *name;
    unsigned bit;
} added[] = {{"action", ACTION}, {"enqueued_at", ENQUEUED_AT}, {"tries", TRIES}};

/* Which of the members that are added this is; 0: none. */
static unsigned added_bit(struct str quoted)
{
    struct buf key;
    unsigned bit = 0;

    buf_init(&key, KEY_MAX);
    if (json_unquote(&key, quoted) == 0 && !key.overflow)
        for (size_t i = 0; i < ARRAY_LEN(added); i++)
            if (str_eq_text(buf_str(&key), added[i].name))
                bit = added[i].bit;
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
        unsigned bit = added_bit(key);
        there |= bit;
        jsonw_raw(&w, NULL, key);
        buf_add_char(&text, ':');
        if (bit == TRIES && in->options.tries)
            buf_printf(&text, "%d", in->attempt - 1);
        else
            buf_add_str(&text, value);
    }
    write_added(&w, in, there);
    jsonw_end(&w, '}');
    int err = text.overflow ? ERR_INVALID : body_write(in, buf_str(&text), body);
    buf_fini(&text);
    return err;
}

/* As many notifications as fit, the first in any case; how many. */
static int write_array(const struct profile_input *in, size_t count, struct buf *body)
{
    bool spaced = in->options.json == JSON_FORM_PYTHON;
    size_t start = body->n, taken = 0;

    buf_add_char(body, '[');
    for (; taken < count; taken++) {
        size_t before = body->n;
        if (taken > 0)
            buf_add_text(body, spaced ? ", " : ",");
        int err = write_notification(&in[taken], body);
        if (err < 0 && taken == 0)
            return err;
        if (taken > 0 &&
            (err < 0 || body->overflow || (int64_t)(body->n + 1 - start) > ARRAY_BODY_MAX)) {
            body->n = before;
            body->overflow = false;
            break;
        }
    }
    buf_add_char(body, ']');
    return (int)taken;
}

static int render(const struct profile_input *in, size_t count, struct buf *head,
                  struct buf *masked, struct buf *body)
{
    struct head h = {head, masked};
    int taken = 1;

    assert(count == 1 || (count > 1 && in->options.envelope == ENVELOPE_ARRAY));
    if (in->options.envelope == ENVELOPE_ARRAY) {
        taken = write_array(in, count, body);
        if (taken < 0)
            return taken;
    } else {
        int err = write_notification(in, body);
        if (err < 0)
            return err;
    }
    head_add(&h, STR_LIT("User-Agent: python-requests/2.32.3\r\n"
                         "Accept: */*\r\n"));
    head_add_auth(&h, "x-webhook-secret", in->options.auth, in->secret, buf_str(body));
    head_add(&h, STR_LIT("Content-Type: application/json\r\n"));
    return message_end(head, masked, body, taken);
}

static const struct field options[] = {
    OPTION_JSON,
    OPTION_BIGINT,
    OPTION_ENVELOPE,
    OPTION_AUTH,
    OPTION_BOOL("tries", tries),
    {"batch_seconds", FIELD_I64, OPTION_AT(batch_seconds), FIELD_NULLABLE, .min = 0,
     .max = PROFILE_BATCH_SECONDS_MAX},
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
    .variants = variants,
    .variant_count = ARRAY_LEN(variants),
    .standard = {.json = JSON_FORM_PYTHON,
                 .bigint = JSON_BIGINT_STRING,
                 .envelope = ENVELOPE_ARRAY,
                 .auth = AUTH_PLAIN,
                 .batch_seconds = 30},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .body_max = ARRAY_BODY_MAX,
    .render = render,
};

const struct profile profile_marzban_docs = {
    .name = "marzban-docs",
    .variants = variants,
    .variant_count = ARRAY_LEN(variants),
    .signs = "body",
    .standard = {.json = JSON_FORM_PYTHON,
                 .bigint = JSON_BIGINT_STRING,
                 .envelope = ENVELOPE_OBJECT,
                 .auth = AUTH_HMAC},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .body_max = ARRAY_BODY_MAX,
    .render = render,
};
