/* Profile `custom`: data, not code. Headers are templates, and so is what is signed; a table says
 * what may stand in each. With it receivers that were made for other services' signatures are
 * served: GitHub's sha256={signature}, Stripe's t={timestamp},v1={signature}, Shopify's base64. */
#include "profile_internal.h"

#include "base/crypto.h"
#include "base/err.h"
#include "core/signature.h"
#include "core/webhook.h"

#include <ctype.h>
#include <inttypes.h>

static const char *const algorithm_names[] = {"sha256", "sha512", NULL};
static const char *const encoding_names[] = {"hex", "base64", NULL};
static const char *const body_names[] = {"envelope", "data", NULL};

#define LABEL_MAX     8
#define SIGNATURE_MAX ((size_t)2 * SHA512_SIZE) /* in hex */

#define PREVIOUS      "{previous_signature}" /* nothing, but for a rotation */

enum { IN_HEADER = 1, IN_SIGNED = 2 };

/* What templates are filled from. */
struct context {
    const struct profile_input *in; /* of an array the first */
    int count;                      /* of its events */
    struct str secret, signature, body;
    struct str previous_signature; /* n == 0: no rotation is under way */
};

typedef void fill(const struct context *c, struct head *h);

static void fill_signature(const struct context *c, struct head *h)
{
    head_add(h, c->signature);
}

static void fill_previous(const struct context *c, struct head *h)
{
    head_add(h, c->previous_signature);
}

static void fill_body(const struct context *c, struct head *h)
{
    head_add(h, c->body);
}

static void fill_secret(const struct context *c, struct head *h)
{
    head_add_secret(h, c->secret);
}

static void fill_timestamp(const struct context *c, struct head *h)
{
    head_printf(h, "%" PRId64, c->in->now_ms / 1000);
}

static void fill_timestamp_ms(const struct context *c, struct head *h)
{
    head_printf(h, "%" PRId64, c->in->now_ms);
}

static void fill_type(const struct context *c, struct head *h)
{
    head_add(h, c->in->type);
}

static void fill_attempt(const struct context *c, struct head *h)
{
    head_printf(h, "%d", c->in->attempt);
}

static void fill_id(struct head *h, const char *prefix, struct id id)
{
    char text[ID_TEXT_SIZE];
    head_add(h, str_of(id_text(text, prefix, id)));
}

static void fill_event(const struct context *c, struct head *h)
{
    char text[ID_TEXT_SIZE];
    head_add(h, str_of(message_id(text, c->in, c->count)));
}

static void fill_delivery(const struct context *c, struct head *h)
{
    fill_id(h, ID_DELIVERY, c->in->delivery);
}

static void fill_webhook(const struct context *c, struct head *h)
{
    fill_id(h, ID_WEBHOOK, c->in->webhook);
}

static const struct placeholder {
    const char *text;
    unsigned places;
    fill *fill;
} placeholders[] = {
    {"{signature}", IN_HEADER, fill_signature},
    {PREVIOUS, IN_HEADER, fill_previous},
    {"{body}", IN_SIGNED, fill_body},
    {"{secret}", IN_HEADER | IN_SIGNED, fill_secret},
    {"{timestamp}", IN_HEADER | IN_SIGNED, fill_timestamp},
    {"{timestamp_ms}", IN_HEADER | IN_SIGNED, fill_timestamp_ms},
    {"{type}", IN_HEADER | IN_SIGNED, fill_type},
    {"{event_id}", IN_HEADER | IN_SIGNED, fill_event},
    {"{delivery_id}", IN_HEADER | IN_SIGNED, fill_delivery},
    {"{webhook_id}", IN_HEADER | IN_SIGNED, fill_webhook},
    {"{attempt}", IN_HEADER | IN_SIGNED, fill_attempt},
};

/* The placeholder that `text` begins with; NULL: none. */
static const struct placeholder *find(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(placeholders); i++)
        if (str_starts(text, str_of(placeholders[i].text)))
            return &placeholders[i];
    return NULL;
}

/* The text up to the next brace, taken off `*rest`. */
static struct str literal(struct str *rest)
{
    const char *brace = rest->n > 0 ? memchr(rest->p, '{', rest->n) : NULL;
    struct str text = {rest->p, brace != NULL ? (size_t)(brace - rest->p) : rest->n};

    rest->p += text.n;
    rest->n -= text.n;
    return text;
}

static const char *check(struct str template, unsigned place)
{
    if (memmem(template.p, template.n, "***", 3) != NULL)
        return "has ***, which stands for what is not shown: give it whole";
    for (literal(&template); template.n > 0; literal(&template)) {
        const struct placeholder *p = find(template);
        if (p == NULL)
            return "has a { that begins no known placeholder, such as {timestamp}";
        if (!(p->places & place))
            return place == IN_HEADER ? "may not use {body}, which is only for `signed`"
                                      : "may not use {signature}, which is made from this text";
        template.p += strlen(p->text);
        template.n -= strlen(p->text);
    }
    return NULL;
}

static const char *check_signed(struct str template)
{
    return check(template, IN_SIGNED);
}

static const char *check_header(struct str name, struct str template)
{
    const char *wrong = webhook_profile_header_check(name, template);
    return wrong != NULL ? wrong : check(template, IN_HEADER);
}

/* May a text beside placeholders be seen? Punctuation, and what names a part of the value, such as "sha256=". */
static bool is_label(struct str text)
{
    bool plain = true;

    for (size_t i = 0; i < text.n; i++)
        plain = plain && !isalnum((unsigned char)text.p[i]);
    return plain || (text.n <= LABEL_MAX && strchr("=:,. ", text.p[text.n - 1]) != NULL);
}

/* Anything else may be a credential; and a text that is all of its template is its value. */
static void add_literal(struct head *h, struct str text, bool alone)
{
    if (text.n == 0 || (!alone && is_label(text)))
        head_add(h, text);
    else
        head_add_secret(h, text);
}

/* Of a placeholder that stands for nothing here the text before it is left out too. */
static bool is_left_out(const struct context *c, struct str template)
{
    return c != NULL && c->previous_signature.n == 0 && str_starts(template, STR_LIT(PREVIOUS));
}

/* `template` passed its check. With `c` == NULL its placeholders are left as they are. */
static void expand(const struct context *c, struct str template, struct head *h)
{
    struct str text = literal(&template);

    if (!is_left_out(c, template))
        add_literal(h, text, template.n == 0);
    while (template.n > 0) {
        const struct placeholder *p = find(template);
        assert(p != NULL);
        if (c != NULL)
            p->fill(c, h);
        else
            head_add(h, str_of(p->text));
        template.p += strlen(p->text);
        template.n -= strlen(p->text);
        text = literal(&template);
        if (!is_left_out(c, template))
            add_literal(h, text, false);
    }
}

static struct str masked(struct allocator alloc, struct str template)
{
    struct buf sent, shown;

    buf_init(&sent, PROFILE_TEMPLATE_MAX);
    buf_init(&shown, (size_t)3 * PROFILE_TEMPLATE_MAX);
    expand(NULL, template, &(struct head){&sent, &shown});
    struct str text = {str_dup(alloc, buf_str(&shown)), shown.n};
    crypto_forget(&sent);
    buf_fini(&shown);
    return text;
}

static void mask(struct allocator alloc, struct profile_options *options)
{
    for (size_t i = 0; i < options->headers.n; i++)
        options->headers.at[i].value = masked(alloc, options->headers.at[i].value);
    options->signed_text = masked(alloc, options->signed_text);
}

/* With the context's secret. ERR_INVALID: what is signed is too large. */
static int sign(const struct context *c, struct buf *out)
{
    const struct profile_options *options = &c->in->options;
    struct buf text, masked;
    uint8_t mac[SHA512_SIZE];
    size_t n = options->algorithm == CUSTOM_SHA512 ? SHA512_SIZE : SHA256_SIZE;

    buf_init(&text, MESSAGE_BODY_MAX + MESSAGE_HEAD_MAX);
    buf_init(&masked, 0); /* nobody keeps this */
    expand(c, options->signed_text, &(struct head){&text, &masked});
    struct str part = buf_str(&text);
    int err = text.overflow ? ERR_INVALID : 0;
    if (options->algorithm == CUSTOM_SHA512)
        crypto_hmac_sha512(c->secret, &part, 1, mac);
    else
        crypto_hmac_sha256(c->secret, &part, 1, mac);
    if (options->encoding == CUSTOM_BASE64)
        crypto_base64(out, mac, n);
    else
        crypto_hex(out, mac, n);
    crypto_forget(&text);
    buf_fini(&masked);
    return err;
}

static bool has_placeholder(const struct profile_options *options, struct str placeholder)
{
    for (size_t i = 0; i < options->headers.n; i++) {
        struct str template = options->headers.at[i].value;
        if (memmem(template.p, template.n, placeholder.p, placeholder.n) != NULL)
            return true;
    }
    return false;
}

static bool carries_both(const struct profile_options *options, struct str secret,
                         struct str previous)
{
    return secret.n > 0 && previous.n > 0 && has_placeholder(options, STR_LIT(PREVIOUS));
}

/* Both signatures, as far as anything asks for them. */
static int sign_all(struct context *c, struct buf *signature, struct buf *previous)
{
    int err = 0;

    if (carries_both(&c->in->options, c->in->secret, c->in->previous_secret)) {
        c->secret = c->in->previous_secret;
        err = sign(c, previous);
    }
    c->secret = c->in->secret;
    if (err == 0)
        err = sign(c, signature);
    c->signature = buf_str(signature);
    c->previous_signature = buf_str(previous);
    return err;
}

static bool sets_agent(const struct field_map *headers)
{
    for (size_t i = 0; i < headers->n; i++)
        if (str_eq_nocase(headers->at[i].key, STR_LIT("User-Agent")))
            return true;
    return false;
}

static int write_data(const struct profile_input *in, struct buf *body)
{
    return body_write(in, in->data, body);
}

static int write_body(const struct profile_input *in, size_t count, struct buf *body)
{
    return body_write_many(
        in, count, in->options.body == CUSTOM_DATA ? write_data : body_write_envelope, body);
}

/* One of which nothing is left is left out. */
static void add_header(const struct context *c, const struct field_pair *header, struct head *h)
{
    size_t sent = h->sent->n, masked = h->masked->n;

    head_printf(h, "%.*s: ", STR_FMT(header->key));
    size_t empty = h->sent->n;
    expand(c, header->value, h);
    if (h->sent->n == empty && header->value.n > 0 && !h->sent->overflow) {
        h->sent->n = sent;
        h->masked->n = masked;
        return;
    }
    head_add(h, STR_LIT("\r\n"));
}

static int write_head(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked)
{
    const struct field_map *headers = &in->options.headers;
    struct head h = {head, masked};
    struct buf signature, previous;

    buf_init(&signature, SIGNATURE_MAX);
    buf_init(&previous, SIGNATURE_MAX);
    struct context c = {.in = in, .count = count, .body = body};
    int err = sign_all(&c, &signature, &previous);
    head_add(&h, STR_LIT("Content-Type: application/json\r\n"));
    if (!sets_agent(headers))
        head_add(&h, STR_LIT("User-Agent: " PROFILE_USER_AGENT "\r\n"));
    for (size_t i = 0; i < headers->n; i++)
        add_header(&c, &headers->at[i], &h);
    buf_fini(&signature);
    buf_fini(&previous);
    return err < 0 ? err : head_end(&h);
}

static bool sends_secret(const struct profile_options *options)
{
    return has_placeholder(options, STR_LIT("{secret}"));
}

static const struct field options[] = {
    OPTION_JSON,
    OPTION_BIGINT,
    {"headers", FIELD_MAP, OPTION_AT(headers), FIELD_NULLABLE, .max = PROFILE_HEADERS_MAX,
     .key_max = WEBHOOK_HEADER_NAME_MAX, .item_max = PROFILE_TEMPLATE_MAX,
     .check_pair = check_header,
     .about = "Templates with {signature}, {timestamp}, {timestamp_ms}, {type}, {event_id}, "
              "{delivery_id}, {webhook_id}, {attempt}, {secret} and {previous_signature}."},
    {"signed", FIELD_STR, OPTION_AT(signed_text), FIELD_NULLABLE, .min = 1,
     .max = PROFILE_TEMPLATE_MAX, .check = check_signed,
     .about = "What is signed: a template with {body} and all of these but the signatures."},
    OPTION_ENUM("algorithm", algorithm, algorithm_names, "The hash of the HMAC."),
    OPTION_ENUM("encoding", encoding, encoding_names, "How {signature} is written."),
    OPTION_ENUM("body", body, body_names,
                "The envelope of the profile default, or the event's data alone."),
    OPTION_ENVELOPE,
    OPTION_BATCH_SECONDS,
    OPTION_BATCH_MAX,
};

const struct profile profile_custom = {
    .name = "custom",
    .about = "Anything else: headers, signed text, algorithm and encoding are of your making.",
    .carries_both = carries_both,
    PROFILE_JSON_VARIANTS,
    .signs = "the template `signed` of its options",
    .standard = {.json = JSON_FORM_JS,
                 .bigint = JSON_BIGINT_STRING,
                 .signed_text = {"{body}", 6},
                 .algorithm = CUSTOM_SHA256,
                 .encoding = CUSTOM_HEX,
                 .body = CUSTOM_ENVELOPE,
                 .batch_max = PROFILE_BATCH_MAX},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .mask = mask,
    .sends_secret = sends_secret,
    .body_max = PROFILE_ARRAY_MAX,
    .write_body = write_body,
    .write_head = write_head,
};
