/* What a signature may have been made of: tables of ways to use the secret, of texts that are signed and of hashes, all
 * of which are tried with all bodies, those that differ least from what should be first. */
#include "verify_internal.h"

#include "base/crypto.h"
#include "core/signature.h"
#include "core/verify.h"

#include <inttypes.h>
#include <stdio.h>

#define BUDGET   ((size_t)256 << 20) /* bytes that one request may have hashed */
#define BODY_MAX ((size_t)32 << 20)
#define KEY_MAX  (VERIFY_SECRET_MAX + 16)
#define PARTS    8

/* --- the secret ------------------------------------------------------------------------------- */

static struct str behind_prefix(struct str secret)
{
    size_t n = strlen(SECRET_PREFIX);
    return str_starts(secret, STR_LIT(SECRET_PREFIX)) ? (struct str){secret.p + n, secret.n - n}
                                                      : secret;
}

typedef bool key_maker(struct str secret, struct buf *out);

static bool key_text(struct str secret, struct buf *out)
{
    buf_add_str(out, secret);
    return true;
}

static bool key_decoded(struct str secret, struct buf *out)
{
    uint8_t bytes[VERIFY_SECRET_MAX];
    ssize_t n = crypto_base64_decode(behind_prefix(secret), bytes, sizeof bytes);

    if (n > 0)
        buf_add(out, bytes, (size_t)n);
    crypto_wipe(bytes, sizeof bytes);
    return n > 0;
}

static bool key_behind(struct str secret, struct buf *out)
{
    struct str text = behind_prefix(secret);
    buf_add_str(out, text);
    return text.n < secret.n;
}

static bool key_prefixed(struct str secret, struct buf *out)
{
    buf_add_text(out, SECRET_PREFIX);
    buf_add_str(out, secret);
    return !str_starts(secret, STR_LIT(SECRET_PREFIX));
}

static bool key_with_feed(struct str secret, struct buf *out)
{
    buf_add_str(out, secret);
    buf_add_char(out, '\n');
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str without_spaces(struct str s)
{
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    for (; s.n > 0 && is_space(s.p[0]); s.n--)
        s.p++;
    return s;
}

static bool key_trimmed(struct str secret, struct buf *out)
{
    struct str text = without_spaces(secret);
    buf_add_str(out, text);
    return text.n < secret.n;
}

static bool key_unquoted(struct str secret, struct buf *out)
{
    struct str text = without_spaces(secret);

    if (text.n < 2 || (text.p[0] != '"' && text.p[0] != '\'') || text.p[text.n - 1] != text.p[0])
        return false;
    buf_add(out, text.p + 1, text.n - 2);
    return true;
}

static bool key_from_hex(struct str secret, struct buf *out)
{
    struct str text = behind_prefix(secret);

    for (size_t i = 0; i + 1 < text.n; i += 2) {
        int high = str_hex(text.p[i]), low = str_hex(text.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_add_char(out, (char)(high << 4 | low));
    }
    return text.n > 0 && text.n % 2 == 0;
}

static bool key_twice_decoded(struct str secret, struct buf *out)
{
    uint8_t bytes[VERIFY_SECRET_MAX];
    struct buf once;

    buf_init(&once, KEY_MAX);
    ssize_t n =
        key_decoded(secret, &once) ? crypto_base64_decode(buf_str(&once), bytes, sizeof bytes) : -1;
    if (n > 0)
        buf_add(out, bytes, (size_t)n);
    crypto_wipe(bytes, sizeof bytes);
    crypto_forget(&once);
    return n > 0;
}

static const struct key_row {
    key_maker *make;
    const char *phrase, *advice;
} keys[] = {
    [KEY_TEXT] = {key_text, "the secret is used as text and not decoded",
                  "this header's key is the secret's whole string, whsec_ included"},
    [KEY_DECODED] = {key_decoded, "the secret is decoded from base64",
                     "this header's key is the bytes that the base64 behind whsec_ stands for"},
    {key_behind, "the secret is used without whsec_, as text",
     "webhook-signature takes what follows whsec_ decoded from base64, X-Webhook-Signature the whole "
     "string with whsec_"},
    {key_prefixed, "whsec_ is put in front of the secret",
     "the prefix was lost: it is a part of the secret"},
    {key_with_feed, "a line feed is put behind the secret",
     "one side read its secret from a file with a line feed at the end: strip it there"},
    {key_trimmed, "the spaces and line feeds around the secret are left out",
     "strip them where the secret is read"},
    {key_unquoted, "the quotes around the secret are left out",
     "the quotes came along from a file of settings: take them off"},
    {key_from_hex, "the secret is decoded from hex", "it is used as text, whatever it looks like"},
    {key_twice_decoded, "the secret is decoded from base64 twice", "decode it once"},
};

/* --- what is signed --------------------------------------------------------------------------- */

/* i: the id, t: the timestamp, m: it in milliseconds, s: in seconds, b: the body; other characters are themselves. */
static const struct text_row {
    const char *text;
    const char *phrase, *advice;
} texts[] = {
    [SIGNED_BODY] = {"b", "the body alone is signed",
                     "this header's signature covers the body and nothing else"},
    [SIGNED_ID_TIME_BODY] = {"i.t.b", "webhook-id.webhook-timestamp.body is signed",
                             "put the three together with dots, the header values as they came"},
    [SIGNED_TIME_BODY] = {"t.b", "timestamp.body is signed", "put the two together with a dot"},
    {"i.b", "id.body is signed", "the timestamp belongs between them"},
    {"t.i.b", "timestamp.id.body is signed", "the id comes first"},
    {"itb", "id, timestamp and body are signed without dots", "dots belong between them"},
    {"tb", "timestamp and body are signed without a dot", "a dot belongs between them"},
    {"i.m.b", "the timestamp is in milliseconds in id.timestamp.body",
     "use the header's value as it came, in seconds"},
    {"m.b", "the timestamp is in milliseconds in timestamp.body",
     "use the header's value as it came"},
    {"i.s.b", "the timestamp is in seconds in id.timestamp.body",
     "the header has it in milliseconds: send seconds"},
    {"s.b", "the timestamp is in seconds in timestamp.body",
     "the header has it in milliseconds: send seconds"},
    {"v0:t:b", "v0:timestamp:body is signed, as Slack does", "use what this header signs"},
};

struct parts {
    struct str at[PARTS];
    size_t count, bytes;
    char converted[32];
};

/* The time in the other unit; n == 0: it is no such time. */
static struct str convert(const struct forms *forms, char unit, char out[32])
{
    int64_t time;
    int n = 0;

    if (!str_to_i64(forms->time, 1, INT64_MAX / 1000, &time))
        return STR_NONE;
    if (unit == 'm')
        n = snprintf(out, 32, "%" PRId64, time * 1000);
    else if (forms->time.n > 11)
        n = snprintf(out, 32, "%" PRId64, time / 1000);
    return (struct str){out, (size_t)n};
}

static bool take_apart(const struct forms *forms, const char *text, struct str body,
                       struct parts *parts)
{
    parts->count = parts->bytes = 0;
    for (; *text != '\0'; text++) {
        struct str part = {text, 1};
        if (*text == 'b')
            part = body;
        else if (*text == 'i')
            part = forms->id;
        else if (*text == 't')
            part = forms->time;
        else if (*text == 'm' || *text == 's')
            part = convert(forms, *text, parts->converted);
        if (part.n == 0 && *text != 'b')
            return false;
        assert(parts->count < PARTS);
        parts->bytes += part.n;
        parts->at[parts->count++] = part;
    }
    return true;
}

/* --- hashes ----------------------------------------------------------------------------------- */

static void join(struct str first, const struct parts *parts, struct buf *out)
{
    buf_init(out, BODY_MAX + KEY_MAX + 1024);
    buf_add_str(out, first);
    for (size_t i = 0; i < parts->count; i++)
        buf_add_str(out, parts->at[i]);
}

static void hmac_sha256(struct str key, const struct parts *parts, uint8_t *out)
{
    crypto_hmac_sha256(key, parts->at, parts->count, out);
}

static void hmac_sha512(struct str key, const struct parts *parts, uint8_t *out)
{
    crypto_hmac_sha512(key, parts->at, parts->count, out);
}

static void keyless_sha256(struct str key, const struct parts *parts, uint8_t *out)
{
    struct buf text;

    (void)key;
    join(STR_NONE, parts, &text);
    crypto_sha256(buf_str(&text), out);
    buf_fini(&text);
}

static void joined_sha256(struct str key, const struct parts *parts, uint8_t *out)
{
    struct buf text;

    join(key, parts, &text);
    crypto_sha256(buf_str(&text), out);
    crypto_forget(&text);
}

static void swapped_sha256(struct str key, const struct parts *parts, uint8_t *out)
{
    struct buf text;

    join(STR_NONE, parts, &text);
    crypto_hmac_sha256(buf_str(&text), &key, 1, out);
    buf_fini(&text);
}

static const struct hash_row {
    void (*make)(struct str key, const struct parts *parts, uint8_t *out);
    size_t size;
    const char *phrase, *advice;
} hashes[] = {
    {hmac_sha256, SHA256_SIZE, "", ""},
    {hmac_sha512, SHA512_SIZE, "the hash is HMAC-SHA512", "use HMAC-SHA256"},
    {keyless_sha256, SHA256_SIZE, "the hash is SHA-256 without a key",
     "use HMAC-SHA256 with the secret as its key"},
    {joined_sha256, SHA256_SIZE, "the hash is SHA-256 of the secret and the text behind it",
     "use HMAC-SHA256 with the secret as its key"},
    {swapped_sha256, SHA256_SIZE, "the secret is what is hashed and the text is the key",
     "the arguments of HMAC are the wrong way round: the secret is the key"},
};

/* --- the search ------------------------------------------------------------------------------- */

void forms_init(struct forms *forms, struct str secret, struct str body, struct str id,
                struct str time)
{
    *forms =
        (struct forms){.secret = secret, .body = body, .id = id, .time = time, .budget = BUDGET};
    for (size_t i = 0; body_form(i) != NULL; i++) {
        buf_init(&forms->bodies[i], BODY_MAX + 64);
        forms->has_body[i] = body_form_make(i, body, &forms->bodies[i]) &&
                             (i == 0 || !str_eq(buf_str(&forms->bodies[i]), body));
    }
}

void forms_fini(struct forms *forms)
{
    for (size_t i = 0; body_form(i) != NULL; i++)
        buf_fini(&forms->bodies[i]);
}

struct trial {
    size_t key, body, text, hash;
};

static bool hash_is(struct forms *forms, const struct trial *trial, struct str key, struct str mac)
{
    const struct hash_row *hash = &hashes[trial->hash];
    uint8_t out[SHA512_SIZE];
    struct parts parts;

    if (hash->size != mac.n ||
        !take_apart(forms, texts[trial->text].text, buf_str(&forms->bodies[trial->body]), &parts))
        return false;
    if (parts.bytes > forms->budget)
        return false;
    forms->budget -= parts.bytes;
    hash->make(key, &parts, out);
    bool same = crypto_equal((struct str){(const char *)out, hash->size}, mac);
    crypto_wipe(out, sizeof out);
    return same;
}

static int distance(const struct trial *trial, const struct forms_wanted *wanted)
{
    return (trial->key != wanted->key) + (trial->body != 0) + (trial->text != wanted->text) +
           (trial->hash != 0);
}

static bool find_with_key(struct forms *forms, struct str key, struct str mac,
                          const struct forms_wanted *wanted, int far, struct trial *t)
{
    for (t->body = 0; body_form(t->body) != NULL; t->body++)
        for (t->text = 0; t->text < ARRAY_LEN(texts) && forms->has_body[t->body]; t->text++)
            for (t->hash = 0; t->hash < ARRAY_LEN(hashes); t->hash++)
                if (distance(t, wanted) == far && hash_is(forms, t, key, mac))
                    return true;
    return false;
}

static bool find(struct forms *forms, struct str mac, const struct forms_wanted *wanted, int far,
                 struct trial *t)
{
    for (t->key = 0; t->key < ARRAY_LEN(keys); t->key++) {
        struct buf key;
        buf_init(&key, KEY_MAX);
        bool found = keys[t->key].make(forms->secret, &key) &&
                     find_with_key(forms, buf_str(&key), mac, wanted, far, t);
        crypto_forget(&key);
        if (found)
            return true;
    }
    return false;
}

static void say(struct buf *phrase, struct buf *advice, const char *what, const char *todo)
{
    if (what[0] == '\0')
        return;
    buf_printf(phrase, "%s%s", phrase->n > 0 ? ", and " : "", what);
    buf_printf(advice, "%s%s", advice->n > 0 ? "; " : "", todo);
}

int forms_find(struct forms *forms, struct str mac, const struct forms_wanted *wanted,
               struct buf *phrase, struct buf *advice)
{
    struct trial t;

    for (int far = 0; far <= 4; far++) {
        if (!find(forms, mac, wanted, far, &t))
            continue;
        if (t.key != wanted->key)
            say(phrase, advice, keys[t.key].phrase,
                keys[t.key <= KEY_DECODED ? wanted->key : t.key].advice);
        say(phrase, advice, body_form(t.body)->phrase, body_form(t.body)->advice);
        if (t.text != wanted->text)
            say(phrase, advice, texts[t.text].phrase, texts[wanted->text].advice);
        say(phrase, advice, hashes[t.hash].phrase, hashes[t.hash].advice);
        return far;
    }
    return -1;
}

int forms_find_ed25519(struct forms *forms, struct str signature, const uint8_t *public,
                       struct buf *phrase, struct buf *advice)
{
    struct parts parts;

    for (size_t body = 0; body_form(body) != NULL; body++)
        for (size_t text = 0; text < ARRAY_LEN(texts) && forms->has_body[body]; text++) {
            struct buf joined;
            if (!take_apart(forms, texts[text].text, buf_str(&forms->bodies[body]), &parts))
                continue;
            join(STR_NONE, &parts, &joined);
            bool fits =
                crypto_ed25519_verify(public, buf_str(&joined), (const uint8_t *)signature.p);
            buf_fini(&joined);
            if (!fits)
                continue;
            say(phrase, advice, body_form(body)->phrase, body_form(body)->advice);
            if (text != SIGNED_ID_TIME_BODY)
                say(phrase, advice, texts[text].phrase, texts[SIGNED_ID_TIME_BODY].advice);
            return (body != 0) + (text != SIGNED_ID_TIME_BODY);
        }
    return -1;
}

const char *forms_find_plain(struct forms *forms, struct str value)
{
    for (size_t i = 1; i < ARRAY_LEN(keys); i++) {
        struct buf key;
        buf_init(&key, KEY_MAX);
        bool same = keys[i].make(forms->secret, &key) && crypto_equal(buf_str(&key), value);
        crypto_forget(&key);
        if (same)
            return keys[i].phrase;
    }
    return NULL;
}
