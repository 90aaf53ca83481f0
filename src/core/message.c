/* Messages. */
#include "core/message.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "core/credentials.h"
#include "core/profile.h"
#include "core/signature.h"
#include "core/webhook.h"
#include "core/webhook_options.h"

#include <stdlib.h>

#define OPTIONS_TEXT_MAX 65536
#define HEADER_BYTES_MAX 8192
#define FAULT_MAX        240 /* what history keeps of it */
#define FAULT_PATH_MAX   120
#define FAULT_PATH_READ  512

void message_init(struct message *m)
{
    buf_init(&m->url, WEBHOOK_URL_MAX);
    buf_init(&m->head, MESSAGE_HEAD_MAX);
    buf_init(&m->masked, MESSAGE_HEAD_MAX);
    buf_init(&m->body, MESSAGE_BODY_MAX);
    m->lent = NULL;
    m->mark = (struct body_mark){0};
    buf_init(&m->tls_text, TLS_SETTINGS_JSON_MAX);
    m->tls = (struct tls_settings){0};
    buf_init(&m->fault, FAULT_MAX);
    grant_init(&m->grant);
}

void message_forget_access(struct message *m)
{
    crypto_forget(&m->tls_text);
    m->tls = (struct tls_settings){0};
    grant_fini(&m->grant);
}

void message_fini(struct message *m)
{
    buf_fini(&m->url);
    buf_fini(&m->head);
    buf_fini(&m->masked);
    buf_fini(&m->fault);
    message_forget_body(m);
    message_forget_access(m);
}

struct str message_body(const struct message *m)
{
    return buf_str(m->lent != NULL ? &m->lent->text : &m->body);
}

void message_forget_body(struct message *m)
{
    if (m->lent != NULL)
        m->lent->users--;
    m->lent = NULL;
    buf_fini(&m->body);
}

bool message_takes_many(const struct settings *settings, const struct recipient *to)
{
    const struct profile *profile = profile_find(to->profile);
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    return profile != NULL && profile->body_max > 0 &&
           webhook_options_bind(settings, &f, profile, to->webhook, to->url, to->options,
                                &options) == 0 &&
           options.envelope == ENVELOPE_ARRAY;
}

/* Adds the webhook's own headers, `{"name": "value"}`; the masked head says that they were sent, not
 * what they said. */
static int add_headers(struct message *m, struct str json)
{
    struct json_iter it;
    struct str key, value;
    struct buf b;
    int err = 0;

    buf_init(&b, HEADER_BYTES_MAX);
    json_iter_init(&it, json);
    while (err == 0 && json_iter_next(&it, &key, &value)) {
        buf_clear(&b);
        err = json_unquote(&b, key);
        if (err < 0)
            break;
        buf_printf(&m->masked, "%.*s: ***\r\n", STR_FMT(b));
        buf_add_text(&b, ": ");
        err = json_unquote(&b, value);
        buf_add_text(&b, "\r\n");
        buf_add_str(&m->head, buf_str(&b));
    }
    crypto_forget(&b);
    return err;
}

static int add_auth(struct message *m, struct str json)
{
    struct scratch scratch;
    struct credentials credentials;
    int err = credentials_read(scratch_allocator(&scratch), json, &credentials);

    if (err == 0) {
        credentials_add_line(&credentials, &m->head);
        if (credentials.type == CREDENTIALS_OAUTH2)
            grant_make(&m->grant, &credentials);
        buf_add_text(&m->masked, "Authorization: ***\r\n");
    }
    crypto_wipe(&scratch, sizeof scratch);
    return err;
}

/* What was sealed of a recipient. */
struct opened {
    struct buf secret, previous, headers, auth, tls, options;
};

/* Of one event. */
static int borrow(struct message *m, struct body *body)
{
    body->users++;
    m->lent = body;
    return body->err < 0 ? body->err : 1;
}

/* What was stored may be something else when it is read. */
static bool are_objects(const struct profile_input *in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!json_is_object(in[i].data))
            return false;
    return true;
}

static int write_body(struct message *m, const struct profile *profile,
                      const struct profile_input *in, size_t count, struct bodies *bodies)
{
    struct body_form form;
    bool shared = bodies != NULL && count == 1 && body_form_of(profile, in, &form);
    struct body *there = shared ? bodies_find(bodies, &form) : NULL;

    if (there != NULL)
        return borrow(m, there);
    int taken =
        are_objects(in, count) ? profile_write_body(profile, in, count, &m->body) : ERR_INVALID;
    return shared ? borrow(m, bodies_add(bodies, &form, &m->body, taken < 0 ? taken : 0)) : taken;
}

static void fill(struct profile_input *in, const struct content *c, const struct recipient *to,
                 const struct opened *opened, int64_t now_ms)
{
    *in = (struct profile_input){
        .event = c->event,
        .test = c->test,
        .type = c->type,
        .data = c->data,
        .delivery = c->delivery,
        .attempt = c->attempt,
        .due_ms = c->due_ms,
        .now_ms = now_ms,
        .webhook = to->webhook,
        .secret = buf_str(&opened->secret),
        .previous_secret = buf_str(&opened->previous),
    };
}

static void mark(struct message *m, const struct profile *profile,
                 const struct profile_options *options, int taken)
{
    uint8_t hash[BODY_HASH_BYTES];

    if (m->lent == NULL)
        body_hash(message_body(m), hash);
    m->mark = body_mark_of(profile, options, taken, m->lent != NULL ? m->lent->hash : hash);
}

#define CANNOT "the webhook's profile cannot send this event: "

/* Of what cannot be said: the first event, in its form. */
static const char *fault_of(struct message *m, const struct profile_input *in)
{
    bool python = in->options.json != JSON_FORM_JS;
    struct buf path;

    if (!json_is_object(in->data))
        return CANNOT "its data is no JSON object any more";
    buf_init(&path, FAULT_PATH_READ);
    bool found = json_find_unwritable(&path, in->data, (enum json_form)in->options.json,
                                      (enum json_bigint)in->options.bigint);
    struct str shown = str_cut(buf_str(&path), FAULT_PATH_MAX);
    buf_clear(&m->fault);
    buf_printf(&m->fault, CANNOT "the number at %.*s%s of its data is %s", STR_FMT(shown),
               shown.n < path.n ? "…" : "",
               python ? "beyond what Python reads" : "one that `bigint` rejects");
    buf_fini(&path);
    return found ? buf_text(&m->fault) : CANNOT "its body is too large";
}

static int write_head(struct message *m, const struct profile *profile,
                      const struct profile_input *in, int taken, const char **why)
{
    int err = profile->write_head(in, taken, message_body(m), &m->head, &m->masked);

    if (err < 0)
        *why = CANNOT "its headers, or what is signed, are too large";
    return err;
}

static int render(struct message *m, const struct profile *profile, const struct recipient *to,
                  const struct opened *opened, const struct content *const *contents, size_t count,
                  int64_t now_ms, struct bodies *bodies, const char **why)
{
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;

    assert(count > 0 && count <= MESSAGE_EVENTS_MAX);
    if (profile == NULL ||
        profile_options_bind(&f, profile, buf_str(&opened->options), &options) < 0) {
        *why = "the webhook's options are not those of its profile: write both again";
        return ERR_INTERNAL;
    }
    struct profile_input *in = xcalloc(count, sizeof *in);
    for (size_t i = 0; i < count; i++) {
        fill(&in[i], contents[i], to, opened, now_ms);
        in[i].options = options;
    }
    int taken = write_body(m, profile, in, count, bodies);
    if (taken > 0)
        mark(m, profile, &options, taken);
    else
        *why = fault_of(m, &in[0]);
    int err = taken < 0 ? taken : write_head(m, profile, in, taken, why);
    free(in);
    return err < 0 ? err : taken;
}

static int make_url(struct message *m, const struct profile *profile, struct str url)
{
    if (profile->rewrite_url == NULL || webhook_listens(url))
        buf_add_str(&m->url, url);
    else if (profile->rewrite_url(url, &m->url) < 0)
        return ERR_NOT_FOUND;
    return 0;
}

static int open_all(struct opened *opened, const struct settings *settings,
                    const struct recipient *to)
{
    const struct {
        enum webhook_column column;
        struct str sealed;
        struct buf *out;
        size_t max;
    } rows[] = {
        {WEBHOOK_SECRET, to->sealed_secret, &opened->secret, SECRET_MAX},
        {WEBHOOK_SECRET, to->sealed_previous, &opened->previous, SECRET_MAX},
        {WEBHOOK_HEADERS, to->sealed_headers, &opened->headers, WEBHOOK_HEADERS_JSON_MAX},
        {WEBHOOK_AUTH, to->sealed_auth, &opened->auth, CREDENTIALS_JSON_MAX},
        {WEBHOOK_TLS, to->sealed_tls, &opened->tls, TLS_SETTINGS_JSON_MAX},
    };
    int err = to->sealed_secret.n > 0 ? 0 : ERR_INVALID;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_init(rows[i].out, rows[i].max);
        if (err == 0 && rows[i].sealed.n > 0)
            err = webhook_open(settings, rows[i].column, to->webhook, rows[i].sealed, rows[i].out);
    }
    buf_init(&opened->options, OPTIONS_TEXT_MAX);
    if (err == 0)
        err = webhook_options_open(settings, to->webhook, to->url, to->options, &opened->options);
    return err;
}

static void forget(struct opened *opened)
{
    struct buf *const wiped[] = {&opened->secret, &opened->previous, &opened->headers,
                                 &opened->auth,   &opened->tls,      &opened->options};
    for (size_t i = 0; i < ARRAY_LEN(wiped); i++)
        crypto_forget(wiped[i]);
}

typedef void change_secret(struct opened *opened);

static int make(struct message *m, const struct settings *settings, const struct recipient *to,
                const struct content *const *contents, size_t count, int64_t now_ms,
                struct bodies *bodies, change_secret *change, const char **why)
{
    const struct profile *profile = profile_find(to->profile);
    struct opened opened;
    int taken = 0;

    *why = "the webhook's secret was sealed with another encryption key: rotate it";
    int err = open_all(&opened, settings, to) < 0 ? ERR_INTERNAL : 0;
    if (err == 0 && change != NULL)
        change(&opened);
    if (err == 0) {
        taken = render(m, profile, to, &opened, contents, count, now_ms, bodies, why);
        err = taken < 0 ? taken : 0;
    }
    if (err == 0 && opened.headers.n > 0)
        err = add_headers(m, buf_str(&opened.headers)) < 0 ? ERR_INTERNAL : 0;
    if (err == 0 && opened.auth.n > 0)
        err = add_auth(m, buf_str(&opened.auth)) < 0 ? ERR_INTERNAL : 0;
    if (err == 0 && opened.tls.n > 0)
        err = tls_settings_read(buf_str(&opened.tls), &m->tls_text, &m->tls) < 0 ? ERR_INTERNAL : 0;
    if (err == 0 && (m->head.overflow || m->masked.overflow)) {
        *why = CANNOT "its headers are too large";
        err = ERR_INVALID;
    }
    if (err == 0) {
        *why = "the webhook's URL does not belong to its profile's service";
        err = make_url(m, profile, to->url);
    }
    forget(&opened);
    return err < 0 ? err : taken;
}

int message_make(struct message *m, const struct settings *settings, const struct recipient *to,
                 const struct content *const *contents, size_t count, int64_t now_ms,
                 struct bodies *bodies, const char **why)
{
    return make(m, settings, to, contents, count, now_ms, bodies, NULL, why);
}

/* --- for those who may only look -------------------------------------------------------------- */

/* Another secret of the same kind: the head has the same lines. */
static void stand_in_for(struct buf *secret)
{
    const char *prefix = secret_prefix_of(buf_str(secret));

    if (secret->n == 0)
        return;
    crypto_wipe(secret->p, secret->n);
    buf_clear(secret);
    secret_generate(secret, prefix);
}

static void stand_in(struct opened *opened)
{
    stand_in_for(&opened->secret);
    stand_in_for(&opened->previous);
}

/* The lines of `a`; those that `b` has otherwise without their value. */
static void mask_difference(struct buf *out, struct str a, struct str b)
{
    struct str line, other;

    while (str_next(&a, '\n', &line) && str_next(&b, '\n', &other)) {
        const char *colon = memchr(line.p, ':', line.n);
        if (str_eq(line, other) || colon == NULL)
            buf_add_str(out, line);
        else
            buf_printf(out, "%.*s: ***\r", (int)(colon - line.p), line.p);
        buf_add_char(out, '\n');
    }
}

/* What was lent becomes its own. */
static void keep_body(struct message *m)
{
    struct body *lent = m->lent;

    if (lent == NULL)
        return;
    m->body = lent->text;
    buf_init(&lent->text, 0);
    lent->users--;
    m->lent = NULL;
}

/* What two secrets make otherwise is what a secret makes. */
int message_show(struct message *m, const struct settings *settings, const struct recipient *to,
                 const struct content *const *contents, size_t count, int64_t now_ms,
                 const char **why)
{
    struct message other;
    struct bodies bodies;
    struct buf masked;

    message_init(&other);
    bodies_init(&bodies);
    buf_init(&masked, MESSAGE_HEAD_MAX);
    int taken = make(m, settings, to, contents, count, now_ms, &bodies, stand_in, why);
    if (taken >= 0)
        taken = make(&other, settings, to, contents, count, now_ms, &bodies, stand_in, why);
    if (taken >= 0)
        mask_difference(&masked, buf_str(&m->masked), buf_str(&other.masked));
    buf_clear(&m->masked);
    buf_add_str(&m->masked, buf_str(&masked));
    buf_fini(&masked);
    message_fini(&other);
    keep_body(m);
    bodies_fini(&bodies);
    return taken;
}
